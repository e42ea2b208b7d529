"""The OpenAPI 3.1 document, built from the guards and the operations of the routes."""

from typing import Any

from flask import Flask
from flask_babel import force_locale
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaValue

from webapp.domain.errors import DomainError, RateLimitExceeded
from webapp.http import openapi_groups
from webapp.http.errors import message
from webapp.http.openapi_envelope import HEADERS, META, SECURITY_SCHEMES, SHARED_SCHEMAS
from webapp.http.openapi_objects import Document, Example, OperationObject
from webapp.http.openapi_operations import DescribedRoute, Mode, Types
from webapp.http.routes import PREFIX, Route, described, errors_of

VERSION = "3.1.0"
REFERENCE = "#/components/schemas/{model}"
LIMIT = {"limit": 100, "window_seconds": 60, "retry_after": 12}


def document(app: Flask) -> Document:
    """Return the document of all routes with an operation; needs an application context."""
    routes = list(described(app))
    types, definitions = _schemas(routes)
    with force_locale("en"):
        examples: dict[str, Example] = {
            error.code: {"value": _failure_example(error)} for error in _errors_of(routes)
        }
    paths: dict[str, dict[str, OperationObject]] = {}
    for route in routes:
        operation = DescribedRoute(route, types, definitions, routes).document()
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": VERSION,
        "info": {
            "title": "Style License",
            "version": "1",
            "description": "Artists license their style; buyers get signed images. The same "
            "routes answer under /api. Programs send an API key, which a person makes at /me/keys.",
        },
        "servers": [{"url": PREFIX}],
        "tags": [
            {"name": name, "description": openapi_groups.DESCRIPTIONS[name]}
            for name in sorted({route.name.split(".")[0] for route in routes})
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions,
            "examples": examples,
            "headers": HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _schemas(routes: list[Route]) -> tuple[Types, dict[str, JsonSchemaValue]]:
    """Return the schema of every type of a parameter or an answer, and the shared definitions."""
    types: list[tuple[Any, Mode]] = []
    for route in routes:
        operation = route.operation
        read = (operation.query, operation.body, operation.form)
        types += [(model, "validation") for model in read if model]
        types += [(operation.gives, "serialization")] if operation.gives else []
    schemas, shared = TypeAdapter.json_schemas(
        [((model, mode), mode, TypeAdapter(model)) for model, mode in dict.fromkeys(types)],
        ref_template=REFERENCE,
    )
    return {key: schema for (key, _), schema in schemas.items()}, SHARED_SCHEMAS | shared.get(
        "$defs", {}
    )


def _errors_of(routes: list[Route]) -> list[type[DomainError]]:
    errors = {error.code: error for route in routes for error in errors_of(route)}
    return [errors[code] for code in sorted(errors)]


def _failure_example(error: type[DomainError]) -> JsonSchemaValue:
    details = LIMIT if error is RateLimitExceeded else {}
    body = {"code": error.code, "message": message(error(**details)), "details": details}
    return {"success": False, "data": None, "error": body, "meta": META}
