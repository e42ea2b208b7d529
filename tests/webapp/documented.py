"""Every answer of the API that any test gets is held against the API's own document."""

import json
import re
from functools import cache
from typing import Any

import jsonschema_rs
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from webapp.http import openapi, routes
from webapp.http.operations import JSON

REFERENCE = re.compile(r'"#/components/schemas/([^"/]+)')
PREFIXES = ("/api/v1/", "/api/")
Schema = dict[str, Any]
_made: list[dict[str, Any]] = []


def document(app: Flask) -> dict[str, Any]:
    """The document, which is the same for every app."""
    if not _made:
        with app.test_request_context():
            _made.append(openapi.document(app))
    return _made[0]


def check(app: Flask, answer: TestResponse) -> None:
    """Fail for an answer that the document does not foresee."""
    wanted = answer.request.accept_mimetypes
    # The document is for programs; a person's browser gets a page instead of an error.
    is_for_people = wanted["text/html"] > wanted["application/json"]
    if not answer.request.path.startswith(PREFIXES) or is_for_people:
        return
    operation = _operation(app, answer.request.path, answer.request.method)
    if operation is None:  # no route, or one that a test made for itself
        return
    path, method = operation
    responses = document(app)["paths"][path][method]["responses"]
    status = str(answer.status_code)
    assert status in responses, _shown(answer)
    missing = _required_headers(responses[status]) - set(answer.headers.keys())
    assert not missing, (_shown(answer), missing)
    content = responses[status].get("content")
    if content is None:
        assert status == "302" or not answer.data, _shown(answer)
        return
    assert answer.mimetype in content, _shown(answer)
    if answer.mimetype == JSON and answer.request.method != "HEAD":
        try:
            _validator(path, method, status).validate(answer.json)
        except jsonschema_rs.ValidationError as error:
            raise AssertionError(f"{_shown(answer)}\n{error}") from None


def _operation(app: Flask, path: str, method: str) -> tuple[str, str] | None:
    try:
        rule, _ = app.url_map.bind("localhost").match(path, method, return_rule=True)
    except HTTPException:
        return None
    prefix = next(prefix for prefix in PREFIXES if rule.rule.startswith(prefix))
    template = routes.PARAMETER.sub(r"{\g<name>}", "/" + rule.rule.removeprefix(prefix))
    name = "get" if method == "HEAD" else method.lower()
    return (template, name) if name in document(app)["paths"].get(template, {}) else None


def _required_headers(response: Schema) -> set[str]:
    headers = _made[0]["components"]["headers"]
    return {name for name in response["headers"] if headers[name].get("required")}


@cache
def _validator(path: str, method: str, status: str) -> jsonschema_rs.Draft202012Validator:
    responses = _made[0]["paths"][path][method]["responses"]
    return validator_of(responses[status]["content"][JSON]["schema"], _made[0])


def validator_of(schema: Schema, whole: Schema) -> jsonschema_rs.Draft202012Validator:
    """A validator of one schema of a document.

    It copies the schemas that this one refers to, and no others: with all of them, the validators
    of one process took two gigabytes.
    """
    all_schemas, named, unread = whole["components"]["schemas"], {}, [schema]
    while unread:
        for name in set(REFERENCE.findall(json.dumps(unread.pop()))) - named.keys():
            named[name] = all_schemas[name]
            unread.append(named[name])
    with_named = schema | {"components": {"schemas": named}}
    return jsonschema_rs.Draft202012Validator(with_named, validate_formats=True)


def _shown(answer: TestResponse) -> str:
    asked = f"{answer.request.method} {answer.request.path}"
    return f"{asked} answered {answer.status_code} {answer.get_data(as_text=True)[:1000]}"
