"""Forms that move money: Enter in one of their fields must never send them."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[3] / "webapp" / "templates"
# Where money moves: every template with a form to one of these is read.
PAYING = re.compile(r"/generate|/purchases|/admin/refund")
FORM = re.compile(r"<form(?P<head>[^>]*)>(?P<inside>.*?)</form>", re.DOTALL)
FIELD = re.compile(r"<textarea|<select|<input(?![^>]*type=\"(hidden|radio|checkbox|submit)\")")


def paying_forms():
    for path in sorted(TEMPLATES.rglob("*.html")):
        for form in FORM.finditer(path.read_text()):
            head = form["head"]
            if 'method="post"' in head and PAYING.search(head):
                yield path.relative_to(TEMPLATES).as_posix(), form["inside"]


FORMS = list(paying_forms())


def test_the_paying_forms_are_these():
    assert [path for path, _ in FORMS] == [
        "admin/refund.html",
        "styles/generate.html",
        "wallet/index.html",
    ]


@pytest.mark.parametrize("path, inside", FORMS, ids=[path for path, _ in FORMS])
def test_a_paying_form_that_can_be_typed_into_begins_with_a_button_nobody_can_press(path, inside):
    first = re.search(r"<button|only_the_button\(\)", inside)
    assert first is not None
    assert first[0] == "only_the_button()" or not FIELD.search(inside), path
