"""Texts of invalid fields in the language of the request, by the type of pydantic's error.

pydantic's messages are English only, but its error types are stable. Each type has a sentence
here, with the numbers of the error's context; a type without one gets a general sentence.
"""

from collections.abc import Mapping, Sequence

from flask_babel import gettext, ngettext
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from webapp.domain.errors import FieldProblem, ValidationFailed

FieldTexts = dict[str, list[str]]

WHOLE_NUMBER = "Must be a whole number."
NUMBER = "Must be a number."
DAY = "Must be a date such as 2026-01-31."
MOMENT = "Must be a time such as 2026-01-31T12:00:00Z."
TEXT = "Must be text."
LIST = "Must be a list."
OBJECT = "Must be an object."
YES_OR_NO = "Must be true or false."
# The placeholders are those of pydantic's context.
TEXTS = {
    "missing": "This is required.",
    "invisible_text": "Contains invisible characters.",
    "stacked_marks": "Has too many combining marks.",
    "public_address": "Must be the address of a public web page that begins with https://.",
    "string_pattern_mismatch": "Has characters that are not allowed here.",
    "string_type": TEXT,
    "string_unicode": TEXT,
    "literal_error": "One of %(expected)s.",
    "enum": "One of %(expected)s.",
    "greater_than": "Must be more than %(gt)s.",
    "greater_than_equal": "Must be at least %(ge)s.",
    "less_than": "Must be less than %(lt)s.",
    "less_than_equal": "Must be at most %(le)s.",
    "finite_number": NUMBER,
    "int_type": WHOLE_NUMBER,
    "int_parsing": WHOLE_NUMBER,
    "int_parsing_size": WHOLE_NUMBER,
    "int_from_float": WHOLE_NUMBER,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "bool_type": YES_OR_NO,
    "bool_parsing": YES_OR_NO,
    "list_type": LIST,
    "tuple_type": LIST,
    "dict_type": OBJECT,
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "date_type": DAY,
    "date_parsing": DAY,
    "date_from_datetime_parsing": DAY,
    "date_from_datetime_inexact": DAY,
    "datetime_type": MOMENT,
    "datetime_parsing": MOMENT,
    "datetime_from_date_parsing": MOMENT,
    "datetime_object_invalid": MOMENT,
}
# Errors that the limits shown beside a field do not explain.
SURPRISING = {"invisible_text", "stacked_marks"}
# Singular, plural, and the name of the number in the context.
COUNTED = {
    "string_too_short": (
        "Must have at least %(num)d character.",
        "Must have at least %(num)d characters.",
        "min_length",
    ),
    "string_too_long": (
        "Must have at most %(num)d character.",
        "Must have at most %(num)d characters.",
        "max_length",
    ),
    "too_short": (
        "Must have at least %(num)d entry.",
        "Must have at least %(num)d entries.",
        "min_length",
    ),
    "too_long": (
        "Must have at most %(num)d entry.",
        "Must have at most %(num)d entries.",
        "max_length",
    ),
}
NOT_VALID = "This is not valid."
# Our own validators raise ValueError with a sentence that has a translation.
OWN = "value_error"


def of_validation(error: ValidationError) -> FieldTexts:
    """Return the texts of each invalid field, by its dotted name."""
    fields: FieldTexts = {}
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]) or "body"
        fields.setdefault(name, []).append(text(problem))
    return fields


def text(problem: ErrorDetails) -> str:
    """Return the text of one error of pydantic, in the language of the request."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in COUNTED:
        one, many, name = COUNTED[kind]
        return ngettext(one, many, context[name])
    if kind == OWN:
        return gettext(str(context["error"]))
    return gettext(TEXTS.get(kind, NOT_VALID), **context)


def of_refusal(error: ValidationFailed) -> FieldTexts:
    """Return the texts of each field that a service refused, in the language of the request."""
    return {name: _texts(problems) for name, problems in error.details["fields"].items()}


def translated(details: Mapping[str, object]) -> dict[str, object]:
    """Return the details of an error; the problems of fields in the language of the request."""
    fields = details.get("fields")
    if not isinstance(fields, Mapping):
        return dict(details)
    return dict(details) | {"fields": {name: _texts(problems) for name, problems in fields.items()}}


def _texts(problems: Sequence[str]) -> list[str]:
    return [
        gettext(problem.message, **problem.values)
        if isinstance(problem, FieldProblem)
        else str(problem)
        for problem in problems
    ]
