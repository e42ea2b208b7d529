"""What is wrong with a plain form: words for each field, for browsers without scripts."""

from flask import request
from flask_babel import gettext
from pydantic import ValidationError

from webapp.domain.errors import DomainError, DuplicateUsername, ImageRefused, ValidationFailed
from webapp.extensions import db
from webapp.http import bodies, field_errors
from webapp.http.errors import message
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
        told = {name: text_of(error, name, words.FIELD_PROBLEMS.get(name, "")) for name in names}
        return told, ValidationFailed.status
    if isinstance(error, ValidationFailed):
        usual = words.FIELD_PROBLEMS.get(field)
        fields = field_errors.translated(error.details)["fields"]
        told = {name: " ".join(texts) for name, texts in fields.items()}
        return {field: str(usual)} if usual and field in told else told, error.status
    if isinstance(error, DuplicateUsername):
        return {next(iter(error.details)): gettext(error.code)}, error.status
    if isinstance(error, ImageRefused):
        return {field: gettext(error.code)}, error.status
    return {"": message(error)}, error.status


def text_of(error: ValidationError, name: str, usual: object = "") -> str:
    """Return what is wrong with a field: the usual words of its form, or why text is refused."""
    found = [each for each in error.errors(include_url=False) if each["loc"][:1] == (name,)]
    surprising = [each for each in found if each["type"] in field_errors.SURPRISING]
    for each in surprising or ([] if str(usual) else found):
        return field_errors.text(each)
    return str(usual)


def has_file(name: str) -> bool:
    """Tell whether a file was chosen; an empty field is sent as a file without a name."""
    return bodies.is_chosen(request.files.get(name))
