"""What is wrong with a field, in the reader's language: by the type of the error, not its English.

pydantic writes its messages in English. Its error types are stable, so each has a sentence of ours
here, with the numbers of its context; a type that has none says that the value is not valid.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext, ngettext
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from webapp.domain.errors import FieldProblem

FieldTexts = dict[str, list[str]]

WHOLE_NUMBER = "Must be a whole number."
NUMBER = "Must be a number."
DAY = "Must be a date such as 2026-01-31."
MOMENT = "Must be a time such as 2026-01-31T12:00:00Z."
TEXT = "Must be text."
LIST = "Must be a list."
OBJECT = "Must be an object."
YES_OR_NO = "Must be true or false."
# The context of pydantic stands in the places of these sentences.
WORDS = {
    "missing": "This is required.",
    "invisible_text": "Contains invisible characters.",
    "stacked_marks": "Has too many combining marks.",
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
# What a person cannot guess from the limits that stand beside a field.
SURPRISING = {"invisible_text", "stacked_marks"}
# Of one and of many; the number is in the context under the third name.
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
# Our own checks raise ValueError with a sentence that is translated as it stands.
OWN = "value_error"


def of_validation(error: ValidationError) -> FieldTexts:
    """Return the texts of each bad field, by its name with dots."""
    fields: FieldTexts = {}
    for problem in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in problem["loc"]) or "body"
        fields.setdefault(name, []).append(text(problem))
    return fields


def text(problem: ErrorDetails) -> str:
    """Return what one error of pydantic says, in the reader's language."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in COUNTED:
        one, many, name = COUNTED[kind]
        return ngettext(one, many, context[name])
    if kind == OWN:
        return gettext(str(context["error"]))
    return gettext(WORDS.get(kind, NOT_VALID), **context)


def translated(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details of an error with the problems of its fields in the reader's language."""
    fields = details.get("fields")
    if not isinstance(fields, Mapping):
        return dict(details)
    return dict(details) | {"fields": {name: _told(found) for name, found in fields.items()}}


def _told(problems: Sequence[str]) -> list[str]:
    return [
        gettext(each.message, **each.values) if isinstance(each, FieldProblem) else str(each)
        for each in problems
    ]
