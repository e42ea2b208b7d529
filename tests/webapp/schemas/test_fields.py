"""Every text that comes in is either kept as written, cleaned, or read by a rule of its own."""

import importlib
import pkgutil
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

import webapp.pages
import webapp.schemas
from webapp.schemas import fields
from webapp.schemas.fields import Body, PlainText

# What is never stored as a person's words: compared, matched by a pattern, or judged elsewhere.
OWN_RULE = {
    "cursor",
    "payments",  # the wallet's second cursor
    "confirm",
    "package_id",
    "rights_statement",
    "next",
    "login_hint",
    "code",
    "state",
    "error",
    "username",
    "signature_image",
    "content_type",
    "month",
    "error_code",
    # Ids and names of Sets are looked up, settings are judged by the engine, keys by the storage.
    *("preset", "preset_id", "source_job_id", "jobs", "instance_id", "rule_id", "group", "concept"),
    *("template", "output_template", "action", "value", "options", "photo"),
    *("output_key", "preview_key", "mask_key", "idempotency_key"),
}


def bodies():
    for package in (webapp.schemas, webapp.pages):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    return {found for found in subclasses(Body) if found.__module__.startswith("webapp.")}


def subclasses(of):
    return {found for each in of.__subclasses__() for found in {each, *subclasses(each)}}


def is_text(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return is_text(get_args(annotation)[0])
    return annotation is str or any(is_text(each) for each in get_args(annotation))


def is_read_as_text(field: FieldInfo) -> bool:
    """Whether a validator of ours reads it: `as_written` or `as_seen`, or the rule of tags."""
    found = [field.annotation, *field.metadata]
    while found:
        each = found.pop()
        if isinstance(each, BeforeValidator) and each.func in {fields.as_written, fields.as_seen}:
            return True
        if get_origin(each) is Annotated:
            found += each.__metadata__
        found += get_args(each)
        if getattr(each, "func", None) is fields.as_seen:
            return True
    return False


def test_every_text_that_comes_in_is_read_by_a_known_rule():
    found = {
        f"{body.__module__}.{body.__name__}.{name}"
        for body in bodies()
        for name, field in body.model_fields.items()
        if is_text(field.annotation)
        and name not in OWN_RULE
        and "tags" not in name
        and not is_read_as_text(field)
    }
    assert found == set()


@pytest.mark.parametrize("text", ["x<y and y>z", "<https://example.org>", "<b>bold</b>", "a & b"])
def test_what_looks_like_markup_is_text(text):
    assert TypeAdapter(PlainText).validate_python(f" {text} ") == text


@pytest.mark.parametrize(
    "text, kind",
    [
        ("a\u200bb", "invisible_text"),
        ("\u3164", "invisible_text"),
        ("a" + "\u0301" * 9, "stacked_marks"),
    ],
)
def test_what_cannot_be_seen_is_refused_by_a_kind_of_its_own(text, kind):
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(PlainText).validate_python(text)
    assert [error["type"] for error in refused.value.errors()] == [kind]
