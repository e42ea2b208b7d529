"""/admin/users: people, what they have and did, their role, and closing their accounts."""

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.models.account import Role
from webapp.domain.queries import (
    moderation as moderation_queries,
)
from webapp.domain.queries import (
    purchases as purchase_queries,
)
from webapp.domain.queries import (
    tokens as token_queries,
)
from webapp.domain.queries.moderation import AuditFilter, UserFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.services import moderation
from webapp.extensions import db
from webapp.http import bodies
from webapp.http.access import admin, user
from webapp.pages.admin import acts, answers
from webapp.pages.admin.answers import ActForm
from webapp.schemas.admin import UserListQuery

blueprint = Blueprint("users", __name__)
SHOWN = PageRequest(limit=10)


class UserForm(ActForm):
    """An act on a person; a new role with the act that gives one."""

    role: Role | None = None


@blueprint.get("/users")
@admin
def index() -> str:
    """Show people, newest first."""
    asked = answers.asked(UserListQuery)
    wanted = UserFilter(q=asked.q, role=asked.role, is_active=asked.is_active)
    page = moderation_queries.users(db.session(), wanted=wanted, page=bodies.page(asked))
    return render_template("admin/users.html", page=page, wanted=wanted)


@blueprint.get("/users/<id:user_id>")
@admin
def show(user_id: int) -> str:
    """Show one person with balances, purchases, and what administrators changed."""
    session = db.session()
    return render_template(
        "admin/user.html",
        person=moderation_queries.known(session, user_id=user_id),
        tokens=token_queries.balance(session, user_id),
        purchases=purchase_queries.of_person(session, user_id=user_id, page=SHOWN).results,
        entries=moderation_queries.audit(
            session, wanted=AuditFilter(object_type="user", object_id=str(user_id)), page=SHOWN
        ).results,
    )


@blueprint.post("/users/<id:user_id>")
@admin
def change(user_id: int) -> Response:
    """Close an account, open it again, or give another role."""

    def act() -> str:
        form = answers.given(UserForm)
        if form.act == "role" and form.role is not None:
            changes = {"role": form.role}
        elif form.act in acts.USERS:
            changes = dict(acts.USERS[form.act].change)
        else:
            raise answers.unknown_act()
        moderation.change_user(
            db.session(), admin=user(), user_id=user_id, changes=changes, reason=form.reason
        )
        return "changed"

    return answers.answer(act)
