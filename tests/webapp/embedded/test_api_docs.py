import re
import sys

import pytest

from webapp.embedded import api_docs, error_details
from webapp.embedded.api_types import Types, cell

TEXT = api_docs.FILE.read_text(encoding="utf-8")
TYPES = Types(
    {
        "Colour": {"type": "string", "enum": ["red", "blue"]},
        "Boat": {"type": "object", "properties": {"name": {"type": "string"}}},
        "Listed_Boat_": {
            "type": "object",
            "properties": {"results": {"type": "array", "items": {"$ref": "#/x/Boat"}}},
        },
    }
)


@pytest.fixture(scope="module")
def made():
    return api_docs.parts(api_docs.documented_app())


def test_the_file_says_what_the_application_does(made):
    assert api_docs.filled(TEXT, made) == TEXT


def test_a_file_that_lacks_a_route_fails_the_check_until_it_is_written(made, monkeypatch, tmp_path):
    file = tmp_path / "api.md"
    file.write_text(TEXT.replace("`POST /reports`", "`POST /report`"), encoding="utf-8")
    monkeypatch.setattr(api_docs, "FILE", file)
    monkeypatch.setattr(api_docs, "parts", lambda _app: made)
    monkeypatch.setattr(sys, "argv", ["api_docs", "--check"])
    with pytest.raises(SystemExit, match="out of date"):
        api_docs.main()
    monkeypatch.setattr(sys, "argv", ["api_docs"])
    api_docs.main()
    assert file.read_text(encoding="utf-8") == TEXT


def test_a_file_without_one_of_the_parts_is_refused(made):
    with pytest.raises(ValueError, match="has the parts"):
        api_docs.filled(TEXT.replace("<!-- generated: errors -->", ""), made)


def test_every_error_has_one_row_with_its_status_and_message():
    table = TEXT[TEXT.index("<!-- generated: errors -->") :]
    rows = re.findall(r"^\| ([A-Z_]+) \| (\d{3}) \| (.+?) \|", table, re.MULTILINE)
    expected = {(error.code, str(int(error.status))) for error in api_docs.error_classes()}
    assert {(code, status) for code, status, _ in rows} == expected
    assert len(rows) == len(expected)
    assert all(" " in message for _, _, message in rows)  # words, not the code once more


def test_details_are_the_keywords_of_the_calls_that_make_an_error():
    names = error_details.details(api_docs.error_classes())
    assert names["CREDITS_EXHAUSTED"] == ["available", "required"]
    assert names["INVALID_TRANSITION"] == ["action", "allowed", "from"]
    assert names["IMAGE_SIZE_EXCEEDED"] == ["images", "max_bytes"]


@pytest.mark.parametrize(
    "schema, shown",
    [
        ({"type": "integer", "minimum": 1, "maximum": 4}, "integer 1–4"),
        ({"type": "integer", "minimum": 0, "maximum": 2**63 - 1}, "integer"),
        ({"type": "string", "minLength": 0, "maxLength": 50}, "string ≤ 50"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "boolean or null"),
        (
            {"type": "array", "maxItems": 2, "items": {"$ref": "#/x/Colour"}},
            "list of ≤ 2 red / blue",
        ),
        ({"$ref": "#/x/Boat"}, "Boat"),
        ({"$ref": "#/x/Listed_Boat_"}, "list of Boat"),
        ({"type": "object", "additionalProperties": {"const": 1}}, "map to 1"),
        ({"type": "object"}, "object"),
        ({}, "any JSON"),
    ],
)
def test_a_schema_is_shown_as_a_short_type(schema, shown):
    assert TYPES.of(schema) == shown


def test_a_field_shows_whether_it_may_be_absent_and_its_default():
    assert TYPES.named("limit", {"type": "integer", "default": 20}, required=False) == (
        "`limit?`: integer = 20"
    )
    assert TYPES.named("name", {"type": "string"}, required=True) == "`name`: string"


def test_only_objects_have_a_row_and_lists_are_named_by_what_they_hold():
    assert list(TYPES.rows()) == [("Boat", "`name?`: string")]


def test_text_in_a_cell_cannot_end_it():
    assert cell("a | b\nc") == "a \\| b c"
