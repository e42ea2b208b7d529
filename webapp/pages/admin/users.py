"""/admin/users: users with balances, payments and role; close and reopen accounts."""

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.api import bodies
from webapp.api.access import admin, user
from webapp.domain.models.account import Role
from webapp.domain.pagination import PageRequest
from webapp.domain.services import moderation, moderation_views, purchase_views, token_views
from webapp.domain.services.moderation_views import AuditFilter, UserFilter
from webapp.extensions import db
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
    page = moderation_views.users(db.session(), wanted=filters, page=bodies.page(query))
    return render_template("admin/users.html", page=page, filters=filters)


@blueprint.get("/users/<id:user_id>")
@admin
def show(user_id: int) -> str:
    """Show a user with balances, payments, and changes by administrators."""
    session = db.session()
    return render_template(
        "admin/user.html",
        person=moderation_views.known(session, user_id=user_id),
        tokens=token_views.balance(session, user_id),
        purchases=purchase_views.of_person(session, user_id=user_id, page=SHOWN).results,
        entries=moderation_views.audit(
            session, wanted=AuditFilter(object_type="user", object_id=str(user_id)), page=SHOWN
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
        return "changed"

    return forms.respond(action)
