"""Read the forms of administrators, and answer them in their row or with a page."""

import re
from collections.abc import Callable
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import make_response, redirect, render_template, request
from flask_babel import gettext
from pydantic import BaseModel, Field, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from webapp.domain.errors import DomainError, ValidationFailed
from webapp.domain.queries.answers import UserName
from webapp.extensions import db
from webapp.http.google import local_path
from webapp.pages.admin import labels
from webapp.pages.fragments import is_fragment
from webapp.schemas.admin import Reason, Refusal
from webapp.schemas.fields import MAX_BIGINT, Body, SeenText

Model = TypeVar("Model", bound=BaseModel)
DONE = "done"
# A username, a number, or an e-mail address, whose length is that of the column.
Person = Annotated[SeenText, Field(max_length=255)]
# The number of a picture or its address, which people copy with the host and more.
Picture = Annotated[SeenText, Field(max_length=500)]
PICTURE = re.compile(r"(?:(?:\S*/)?g/)?([0-9]{1,19})/?(?:[?#]\S*)?", re.ASCII)


class ActionForm(Body):
    """An action on one item, always with a reason."""

    action: str
    reason: Reason


def query(model: type[Model]) -> Model:
    """Return the query of a list; empty fields count as missing."""
    return model.model_validate(_filled(request.args))


def form(model: type[Model]) -> Model:
    """Return a submitted form; empty fields count as missing."""
    return model.model_validate(_filled(request.form))


def _filled(fields: MultiDict[str, str]) -> dict[str, str]:
    return {name: text for name, text in fields.items() if text.strip()}


def sought_id(person: UserName | None, typed: str | None) -> int | None:
    """Return the id of the person whom a search names; 0, which nobody has, if there is none.

    None if nothing was typed.
    """
    return (person.id if person else 0) if typed else None


def picture_number(typed: str | None) -> int | None:
    """Return the number of a picture from it or from its address; 0 for any other text."""
    if typed is None:
        return None
    found = PICTURE.fullmatch(typed.strip())
    return int(found[1]) if found and int(found[1]) <= MAX_BIGINT else 0


def respond(action: Callable[[], str], news: Callable[[], str] | None = None) -> Response:
    """Run an action and answer with its outcome; an error changes nothing.

    `action` returns the key of its message in `labels.DONE`, and `news` further HTML for a page
    that stays.
    """
    try:
        done = action()
    except ValidationError as error:
        return refuse(labels.bad_form(error), ValidationFailed.status)
    except DomainError as error:
        return refuse(labels.refusal(error), error.status)
    if is_fragment():
        outcome = render_template("admin/outcome.html", message=labels.DONE[done])
        return make_response(outcome + (news() if news else ""))
    return redirect(_back(done), 303)


def decline(change: Callable[[str], bool], done: str, unread: str = "declined_closed") -> Response:
    """Decline a request with a reason for its person, and answer with the outcome.

    `change` takes the reason and returns whether the person was notified; if not, because the
    account is closed, the message is `unread`.
    """

    def action() -> str:
        return done if change(form(Refusal).reason) else unread

    return respond(action)


def refuse(problem: str, status: int) -> Response:
    """Show the error of an action, beside its form or on a page."""
    db.session.rollback()
    template = "admin/outcome.html" if is_fragment() else "admin/refused.html"
    refused = make_response(render_template(template, problem=problem, back=_next()), status)
    # Tells htmx to insert this response although it is an error.
    refused.headers["HX-Reswap"] = "innerHTML"
    return refused


def unknown_action() -> ValidationFailed:
    """Return the error of an unknown action."""
    return ValidationFailed(fields={"action": [gettext(ValidationFailed.code)]})


def _next() -> str:
    return local_path(request.form.get("next", "/admin"))


def _back(done: str) -> str:
    parts = urlsplit(_next())
    pairs = [pair for pair in parse_qsl(parts.query) if pair[0] != DONE]
    return f"{parts.path}?{urlencode([*pairs, (DONE, done)])}"
