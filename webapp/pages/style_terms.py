"""The forms in which an artist changes the terms of a style, on its page and in the studio."""

from flask import request
from pydantic import ValidationError

from webapp.pages import problems, words

PRICE_FIELDS = {"personal": "personal_price", "commercial": "commercial_price"}


def fields() -> dict[str, object]:
    """Return the terms in the form: an empty last day means none, an empty price not sold."""
    terms: dict[str, object] = {
        name: (text or None) if name == "valid_to" else text for name, text in request.form.items()
    }
    prices = {
        kind: request.form[name].strip() or None
        for kind, name in PRICE_FIELDS.items()
        if name in request.form
    }
    return terms | ({"prices": prices} if prices else {})


def wrong(error: ValidationError) -> problems.Problems:
    """Return the error of each field, in the reader's language."""
    names = {".".join(str(part) for part in problem["loc"]) for problem in error.errors()}
    return {
        name: problems.text_of(error, name, words.TERM_PROBLEMS.get(name, "")) for name in names
    }
