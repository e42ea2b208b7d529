"""/admin/users: users with balances, payments and role; close and reopen accounts."""

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.models.account import Role
from webapp.domain.queries import (
    audit as audit_queries,
    moderation as moderation_queries,
    purchases as purchase_queries,
    tokens as token_queries,
)
from webapp.domain.queries.audit import AuditFilter
from webapp.domain.queries.moderation import UserFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.services import moderation
from webapp.extensions import db
from webapp.http import bodies
from webapp.http.access import admin, user
from webapp.pages.admin import actions, forms
from webapp.pages.admin.forms import ActionForm
from webapp.schemas.admin import UserListQuery

blueprint = Blueprint("users", __name__)
SHOWN = PageRequest(limit=10)


class UserForm(ActionForm):
    """An action on a user; `role` with the action that changes it."""

    role: Role | None = None


@blueprint.get("/users")
@admin
def index() -> str:
    """Show users, newest first."""
    query = forms.query(UserListQuery)
    filters = UserFilter(q=query.q, role=query.role, is_active=query.is_active)
    page = moderation_queries.users(db.session(), filters=filters, page=bodies.page(query))
    return render_template("admin/users.html", page=page, filters=filters)


@blueprint.get("/users/<id:user_id>")
@admin
def show(user_id: int) -> str:
    """Show a user with balances, payments, and changes by administrators."""
    session = db.session()
    return render_template(
        "admin/user.html",
        person=moderation_queries.user(session, user_id=user_id),
        tokens=token_queries.balance(session, user_id),
        purchases=purchase_queries.of_user(session, user_id=user_id, page=SHOWN).results,
        entries=audit_queries.changes(
            session, filters=AuditFilter(object_type="user", object_id=str(user_id)), page=SHOWN
        ).results,
    )


@blueprint.post("/users/<id:user_id>")
@admin
def change(user_id: int) -> Response:
    """Close or reopen an account, or change its role."""

    def action() -> str:
        form = forms.form(UserForm)
        if form.action == "role" and form.role is not None:
            changes = {"role": form.role}
        elif form.action in actions.USERS:
            changes = dict(actions.USERS[form.action].change)
        else:
            raise forms.unknown_action()
        moderation.change_user(
            db.session(), admin=user(), user_id=user_id, changes=changes, reason=form.reason
        )
        return form.action

    return forms.respond(action)
