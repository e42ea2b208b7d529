"""Errors of a plain form: a text for each field, for browsers without scripts."""

from collections.abc import Mapping

from flask import request
from flask_babel import gettext
from pydantic import ValidationError

from webapp.domain.errors import DomainError, DuplicateUsername, ValidationFailed
from webapp.domain.image_errors import ImageRefused
from webapp.extensions import db
from webapp.http import bodies, field_errors
from webapp.http.errors import message
from webapp.pages import words

# Error text of each field; "" is the form as a whole.
Problems = dict[str, str]


def by_field(error: ValidationError | DomainError, field: str) -> tuple[Problems, int]:
    """Return the error texts by field, and the HTTP status; rolls back.

    `field` gets the errors of the domain that name no field: a file, or a confirmation.
    """
    db.session.rollback()
    if isinstance(error, ValidationError):
        names = [str(each["loc"][0]) for each in error.errors(include_url=False)]
        texts = {name: text_of(error, name, words.FIELD_PROBLEMS.get(name, "")) for name in names}
        return texts, ValidationFailed.status
    if isinstance(error, ValidationFailed):
        usual = words.FIELD_PROBLEMS.get(field)
        fields = field_errors.of_refusal(error)
        texts = {name: " ".join(messages) for name, messages in fields.items()}
        return {field: str(usual)} if usual and field in texts else texts, error.status
    if isinstance(error, DuplicateUsername):
        return {next(iter(error.details)): gettext(error.code)}, error.status
    if isinstance(error, ImageRefused):
        return {field: gettext(error.code)}, error.status
    return {"": message(error)}, error.status


def of_fields(error: ValidationError, usual: Mapping[str, object]) -> Problems:
    """Return the error of each field, in the order of their names; `usual` as of `text_of`."""
    names = {str(each["loc"][0]) for each in error.errors(include_url=False)}
    return {name: text_of(error, name, usual.get(name, "")) for name in sorted(names)}


def text_of(error: ValidationError, name: str, usual: object = "") -> str:
    """Return the error of a field: the usual text of its form, or why its text is refused."""
    loc = tuple(name.split("."))
    errors = [each for each in error.errors(include_url=False) if each["loc"][: len(loc)] == loc]
    surprising = [each for each in errors if each["type"] in field_errors.SURPRISING]
    for each in surprising or ([] if str(usual) else errors):
        return field_errors.text(each)
    return str(usual)


def has_file(name: str) -> bool:
    """Return whether a file was chosen; an empty field is sent as a file without a name."""
    return bodies.is_chosen(request.files.get(name))
