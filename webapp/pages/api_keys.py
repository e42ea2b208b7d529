"""/me/keys: make API keys for programs, and revoke them."""

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import LazyString, lazy_gettext as _
from pydantic import ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.api_key_errors import ApiKeyLimitReached
from webapp.domain.errors import NotFound, ValidationFailed
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import api_keys as key_queries
from webapp.domain.services import api_keys
from webapp.domain.services.api_keys import MAX_KEYS, NewKey
from webapp.extensions import db
from webapp.http import idempotency
from webapp.http.access import signed_in, user
from webapp.pages import problems, words
from webapp.pages.problems import Problems
from webapp.schemas.api_keys import NewApiKey

blueprint = Blueprint("api_keys", __name__, url_prefix="/me/keys")
Answer = str | AnyResponse | tuple[str, int]


@dataclass(frozen=True)
class ScopeWords:
    """The name of a scope, and what a key with it may do."""

    name: LazyString
    about: LazyString


WORDS = {
    Scope.READ: ScopeWords(
        _("Read"),
        _(
            "See what everyone can see, and your own pictures, collections, styles and tokens."
            " Every key has this."
        ),
    ),
    Scope.ORDER: ScopeWords(_("Order"), _("Order pictures with your tokens, and cancel orders.")),
    Scope.MANAGE: ScopeWords(
        _("Manage"),
        _("Change, publish and delete your own pictures, collections and styles."),
    ),
}
LIFETIMES: dict[str, LazyString] = {
    "30": _("30 days"),
    "90": _("90 days"),
    "365": _("One year"),
    "": _("No end"),
}


@blueprint.get("")
@signed_in
def show() -> Answer:
    """Show one's own keys, and the form of a new one."""
    return _page(saved=request.args.get("saved", ""))


@blueprint.post("")
@signed_in
def create() -> Answer:
    """Make a key, once for each form, and show its secret this one time."""
    try:
        fields = NewApiKey.model_validate(
            {
                "name": request.form.get("name", ""),
                "scopes": request.form.getlist("scopes"),
                "expires_in_days": request.form.get("expires_in_days") or None,
            }
        )
        made = idempotency.form_answered_once(
            "POST /me/keys",
            fields.model_dump(),
            lambda: api_keys.create(db.session(), user=user(), **fields.model_dump()),
        )
    except ValidationError as error:
        usual = {"name": _("Please enter a name of 1 to 50 characters.")}
        return _page(problems.of_fields(error, usual), ValidationFailed.status)
    except ApiKeyLimitReached as error:
        texts, status = problems.by_field(error, "name")
        return _page({"name": texts[""]}, status)
    if made is None:  # the form was sent before
        return redirect(url_for(".show", saved="key_made"), 303)
    return _page(made=made)


@blueprint.post("/<id:key_id>/revoke")
@signed_in
def revoke(key_id: int) -> AnyResponse:
    """Revoke a key; one that is revoked already stays so."""
    try:
        api_keys.revoke(db.session(), user_id=user().id, key_id=key_id)
    except NotFound:
        return redirect(url_for(".show"), 303)
    return redirect(url_for(".show", saved="key_revoked"), 303)


def _page(
    wrong: Problems | None = None, status: int = 200, *, made: NewKey | None = None, saved: str = ""
) -> tuple[str, int]:
    page = render_template(
        "me/keys.html",
        keys=key_queries.own(db.session(), user().id),
        made=made,
        saved=words.SAVED.get(saved),
        problems=wrong or {},
        values=request.form if wrong else {},
        chosen=request.form.getlist("scopes") if wrong else [],
        scopes=WORDS,
        lifetimes=LIFETIMES,
        most=MAX_KEYS,
    )
    return page, status
