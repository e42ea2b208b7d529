"""Read the forms of administrators, and answer them in their row or with a page."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import make_response, redirect, render_template, request
from flask_babel import gettext
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from webapp.domain.errors import DomainError, ValidationFailed
from webapp.extensions import db
from webapp.http.google import local_path
from webapp.pages.admin import labels
from webapp.pages.fragments import is_fragment
from webapp.schemas.admin import Reason
from webapp.schemas.fields import Body

Model = TypeVar("Model", bound=BaseModel)
DONE = "done"


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


def respond(action: Callable[[], str]) -> Response:
    """Run an action and answer with its outcome; an error changes nothing.

    `action` returns the key of its message in `labels.DONE`.
    """
    try:
        done = action()
    except ValidationError as error:
        return refuse(labels.bad_form(error), ValidationFailed.status)
    except DomainError as error:
        return refuse(labels.refusal(error), error.status)
    if is_fragment():
        return make_response(render_template("admin/outcome.html", message=labels.DONE[done]))
    return redirect(_back(done), 303)


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
