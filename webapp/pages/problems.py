"""What is wrong with a plain form: words for each field, for browsers without scripts."""

from flask import request
from flask_babel import gettext
from pydantic import ValidationError

from webapp.api.errors import message
from webapp.domain.errors import DomainError, DuplicateUsername, ImageRefused, ValidationFailed
from webapp.extensions import db
from webapp.pages import words

# What is wrong with each field, in words; "" is the form as a whole.
Problems = dict[str, str]


def found(error: ValidationError | DomainError, field: str) -> tuple[Problems, int]:
    """Return what is wrong, at the field where it is, and the status; nothing was changed.

    `field` is the one of which the domain may complain: a file, or a word that confirms.
    """
    db.session.rollback()
    if isinstance(error, ValidationError):
        names = [str(each["loc"][0]) for each in error.errors(include_url=False)]
        told = {name: str(words.FIELD_PROBLEMS.get(name, "")) for name in names}
        return told, ValidationFailed.status
    if isinstance(error, ValidationFailed):
        return {field: str(words.FIELD_PROBLEMS[field])}, error.status
    if isinstance(error, DuplicateUsername):
        return {next(iter(error.details)): gettext(error.code)}, error.status
    if isinstance(error, ImageRefused):
        return {field: gettext(error.code)}, error.status
    return {"": message(error)}, error.status


def has_file(name: str) -> bool:
    """Tell whether a file was chosen; an empty field is sent as a file without a name."""
    file = request.files.get(name)
    return file is not None and bool(file.filename)
