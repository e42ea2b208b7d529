"""The OpenAPI document: complete, valid, with examples that match their schemas."""

import functools
import json
import re

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from tests.webapp import documented
from tests.webapp.pages.reading import Page
from webapp.http import openapi_groups
from webapp.http.endpoints import Access
from webapp.http.routes import PARAMETER

# The metaschema of JSON Schema, also for nested schemas, without unknown keywords.
STRICT = {
    "$id": "urn:strict",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$dynamicAnchor": "meta",
    "$ref": "https://json-schema.org/draft/2020-12/schema",
    "properties": {"example": True},
    "unevaluatedProperties": False,
}


@pytest.fixture
def document(app):
    return documented.document(app)


@pytest.fixture
def operations(document):
    return {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@pytest.fixture
def violations(document):
    """Return a function that lists the errors of a value against a schema of the document."""

    @functools.cache  # a validator takes 10 ms to make, and most operations share their errors
    def validator(schema):
        return documented.validator_of(json.loads(schema), document)

    def errors(schema, value):
        errors_of = validator(json.dumps(schema, sort_keys=True)).iter_errors
        return [error.message for error in errors_of(value)]

    return errors


def test_each_group_has_one_sentence_about_it(document, operations):
    used = {tag for operation in operations.values() for tag in operation["tags"]}
    assert {tag["name"] for tag in document["tags"]} == used == set(openapi_groups.DESCRIPTIONS)
    for tag in document["tags"]:
        assert re.fullmatch(r"[A-Z][^.]+[.]", tag["description"]), tag


def test_the_document_for_people_leads_back_to_the_site(client):
    page = Page(client.get("/api/docs"))
    assert "/" in page.links()
    assert client.get("/me/keys").status_code == 302  # signed in only
    assert "/me/keys" in page.links()


def test_every_route_is_in_it(app, operations):
    routes = {
        (PARAMETER.sub(r"{\g<name>}", rule.rule.removeprefix("/api/v1")), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert routes == set(operations)
    assert len(routes) > 50


def test_it_is_openapi_3_1(document, client):
    assert document["openapi"].startswith("3.1.")
    jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(document)
    answer = client.get("/api/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == document


def schemas(part):
    """Yield every schema in a part of the document."""
    if isinstance(part, dict):
        yield from [part["schema"]] if "schema" in part else []
    for inner in part.values() if isinstance(part, dict) else part:
        if isinstance(inner, dict | list):
            yield from schemas(inner)


def test_its_schemas_use_only_keywords_of_json_schema(document):
    strict = jsonschema_rs.Draft202012Validator(STRICT)
    assert not strict.is_valid({"anyOf": [{"type": "integer", "ge": 1}]})
    inline = [*schemas([document["paths"], document["components"]["headers"]])]
    assert len(inline) > 500
    named = document["components"]["schemas"]
    for schema in (*inline, *named.values()):
        strict.validate(schema)
    style_id = named["GenerationRequest"]["properties"]["style_id"]
    assert (style_id["minimum"], style_id["maximum"]) == (0, 2**63 - 1)


def test_every_operation_names_its_access(app, operations):
    for operation in operations.values():
        access = operation["description"].rpartition("Access: ")[2].rstrip(".")
        assert Access(access)
        assert operation["security"]
    assert operations["/auth/csrf", "get"]["security"] == [{}, {"session": []}]
    assert operations["/auth/logout", "post"]["security"] == [{"session": [], "csrf": []}]
    assert operations["/auth/me", "get"]["security"] == [{"session": []}]
    assert operations["/webhooks/claim", "post"]["security"] == [{"internal": []}]


def test_operations_for_programs_name_the_scope_of_the_key(document, operations):
    read, session, csrf = {"key": ["read"]}, {"session": []}, {"session": [], "csrf": []}
    assert operations["/styles", "get"]["security"] == [{}, session, read]
    assert operations["/tokens/balance", "get"]["security"] == [session, read]
    assert operations["/generations", "post"]["security"] == [csrf, {"key": ["order"]}]
    shared = operations["/generations/{generation_id}", "patch"]["security"]
    assert shared == [csrf, {"key": ["manage"]}, {"internal": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_operation_ids_are_unique(operations):
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert all(operation["summary"] for operation in operations.values())


def test_aliases_name_their_canonical_route(operations):
    aliases = {
        f"{method.upper()} {path}": operation["description"]
        for (path, method), operation in operations.items()
        if operation["description"].startswith("Same as ")
    }
    assert aliases["GET /models"].startswith("Same as GET /styles.")
    assert aliases["POST /models/train"].startswith("Same as POST /styles.")
    assert aliases["GET /images/{generation_id}/status"].startswith(
        "Same as GET /generations/{generation_id}."
    )
    assert aliases["PATCH /notifications/mark-all-read"].startswith(
        "Same as POST /notifications/read-all."
    )
    assert not {"GET /styles", "POST /generations", "GET /auth/me"} & set(aliases)


def test_every_operation_has_examples_that_match_its_schemas(document, operations, violations):
    shared = document["components"]["examples"]
    for (path, method), operation in operations.items():
        for parameter in operation["parameters"]:
            if parameter["required"]:
                assert "example" in parameter or "enum" in parameter["schema"], (path, parameter)
            if "example" in parameter:
                assert violations(parameter["schema"], parameter["example"]) == [], (
                    path,
                    parameter,
                )
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert violations(content["schema"], content["example"]) == [], (path, method)
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                examples = [content["example"]] if "example" in content else []
                examples += [
                    shared[example["$ref"].rpartition("/")[2]]["value"]
                    for example in content.get("examples", {}).values()
                ]
                assert examples, (path, method, status)
                for example in examples:
                    assert violations(content["schema"], example) == [], (path, method, status)


def test_every_error_of_the_guard_the_query_and_the_body_is_named(operations):
    def codes(path, method):
        responses = operations[path, method]["responses"]
        return {code for answer in responses.values() for code in answer["description"].split(", ")}

    everywhere = {"METHOD_NOT_ALLOWED", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE"}
    signed_in = {"UNAUTHORIZED", "SESSION_EXPIRED", "ACCOUNT_INACTIVE"}
    body = {"INVALID_REQUEST", "PAYLOAD_TOO_LARGE", "VALIDATION_ERROR"}
    by_key = {"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SCOPE_MISSING", "ACCOUNT_INACTIVE"}
    read = {"OK", "Not Modified"}
    assert codes("/health", "get") == everywhere | read
    limited = everywhere | {"RATE_LIMIT_EXCEEDED"}
    assert codes("/tokens/packages", "get") == limited | by_key | read
    own = limited | signed_in | by_key | read
    assert codes("/styles/me", "get") == own | {"ARTIST_ONLY", "VALIDATION_ERROR"}
    closed = limited | signed_in | {"API_KEY_NOT_ALLOWED"}
    assert codes("/notifications/read-all", "post") == closed | {"OK", "CSRF_FAILED"}
    assert codes("/webhooks/claim", "post") == everywhere | body | {"OK", "CALLBACK_UNAUTHORIZED"}


def test_links_of_an_order_lead_to_the_routes_of_that_order(operations):
    links = operations["/generations", "post"]["responses"]["201"]["links"]
    assert {"generations.read", "generations.cancel", "generations.edit", "likes.like"} <= set(
        links
    )
    assert links["generations.read"] == {
        "operationId": "generations.read",
        "parameters": {"generation_id": "$response.body#/data/id"},
    }
    catalogue = operations["/styles", "get"]["responses"]["200"]["links"]
    assert catalogue["generations.create"]["requestBody"] == {
        "style_id": "$response.body#/data/results/0/id"
    }


def test_the_page_loads_nothing_from_other_hosts(client):
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert "//" not in page.text.replace("<!doctype", "")
    for address in ("vendor/swagger-ui/swagger-ui-bundle.js", "js/docs.js"):
        assert f"/static/{address}" in page.text
        assert client.get(f"/static/{address}").status_code == 200
