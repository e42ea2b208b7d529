"""How administrators' forms are read and answered: in the row they stand in, or by a page."""

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
from webapp.pages.admin import terms
from webapp.pages.fragments import is_fragment
from webapp.schemas.admin import Reason
from webapp.schemas.fields import Body

Model = TypeVar("Model", bound=BaseModel)
DONE = "done"


class ActForm(Body):
    """An act on one thing, always with its reason."""

    act: str
    reason: Reason


def asked(model: type[Model]) -> Model:
    """Return the query of a list; a field of a form that was left empty is none."""
    return model.model_validate(_filled(request.args))


def given(model: type[Model]) -> Model:
    """Return a form; a field that was left empty is none."""
    return model.model_validate(_filled(request.form))


def _filled(fields: MultiDict[str, str]) -> dict[str, str]:
    return {name: text for name, text in fields.items() if text.strip()}


def answer(act: Callable[[], str]) -> Response:
    """Do what a form asks for and say how it ended; what fails changes nothing.

    `act` returns which words of `terms.DONE` tell that it is done.
    """
    try:
        done = act()
    except ValidationError as error:
        return refuse(terms.bad_form(error), ValidationFailed.status)
    except DomainError as error:
        return refuse(terms.refusal(error), error.status)
    if is_fragment():
        return make_response(render_template("admin/outcome.html", said=terms.DONE[done]))
    return redirect(_back(done), 303)


def refuse(said: str, status: int) -> Response:
    """Say why nothing was done, beside the form or on a page."""
    db.session.rollback()
    template = "admin/outcome.html" if is_fragment() else "admin/refused.html"
    refused = make_response(render_template(template, problem=said, back=_next()), status)
    # Tells htmx and our script that this belongs into the page although it is an error.
    refused.headers["HX-Reswap"] = "innerHTML"
    return refused


def unknown_act() -> ValidationFailed:
    """Return the error for an act that no form of ours offers."""
    return ValidationFailed(fields={"act": [gettext(ValidationFailed.code)]})


def _next() -> str:
    return local_path(request.form.get("next", "/admin"))


def _back(done: str) -> str:
    parts = urlsplit(_next())
    query = [pair for pair in parse_qsl(parts.query) if pair[0] != DONE]
    return f"{parts.path}?{urlencode([*query, (DONE, done)])}"
