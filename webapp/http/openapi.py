"""The OpenAPI 3.1 document, built from the routes: their guards and their described operations."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Literal

from flask import Flask
from flask_babel import force_locale
from pydantic import TypeAdapter

from webapp.domain.errors import DomainError, RateLimitExceeded
from webapp.http import csrf
from webapp.http.endpoints import Access
from webapp.http.errors import message
from webapp.http.examples import example
from webapp.http.operations import EVENTS, JSON, File
from webapp.http.routes import PREFIX, Route, described, errors_of

VERSION = "3.1.0"
FORM = "multipart/form-data"
REFERENCE = "#/components/schemas/{model}"
MAX_BIGINT = 2**63 - 1
KINDS: dict[str | None, dict[str, Any]] = {
    "id": {"type": "integer", "minimum": 1, "maximum": MAX_BIGINT, "examples": [10]},
    None: {"type": "string", "minLength": 1, "examples": ["lic_01JH3Z6V9C"]},
}
LIMIT = {"limit": 100, "window_seconds": 60, "retry_after": 12}
META = {"request_id": "01JH3Z6V9C", "timestamp": "2026-01-15T12:00:06Z"}

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]
Types = dict[tuple[Any, Mode], Schema]


def document(app: Flask) -> dict[str, Any]:
    """Return the document of all described routes; needs an application context."""
    routes = list(described(app))
    types, definitions = _schemas(routes)
    with force_locale("en"):
        examples = {error.code: {"value": _failure_example(error)} for error in _errors_of(routes)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        shown = _Described(route, types, definitions, routes).whole()
        paths.setdefault(route.path, {})[route.method.lower()] = shown
    return {
        "openapi": VERSION,
        "info": {
            "title": "Style License",
            "version": "1",
            "description": "Artists license their style; buyers get signed images. The same "
            "routes answer under /api.",
        },
        "servers": [{"url": PREFIX}],
        "tags": [{"name": name} for name in sorted({route.name.split(".")[0] for route in routes})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": definitions,
            "examples": examples,
            "headers": _HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _schemas(routes: list[Route]) -> tuple[Types, dict[str, Schema]]:
    """Return the schema of every type that is taken or given, and what they refer to."""
    wanted: list[tuple[Any, Mode]] = []
    for route in routes:
        said = route.operation
        wanted += [(kind, "validation") for kind in (said.query, said.body, said.form) if kind]
        wanted += [(said.gives, "serialization")] if said.gives else []
    found, shared = TypeAdapter.json_schemas(
        [((kind, mode), mode, TypeAdapter(kind)) for kind, mode in dict.fromkeys(wanted)],
        ref_template=REFERENCE,
    )
    return {kind: schema for (kind, _), schema in found.items()}, _SHARED | shared.get("$defs", {})


class _Described:
    """One route as the document writes it."""

    def __init__(
        self, route: Route, types: Types, definitions: dict[str, Schema], routes: list[Route]
    ) -> None:
        self.route, self.said = route, route.operation
        self.types, self.definitions, self.routes = types, definitions, routes

    def whole(self) -> dict[str, Any]:
        route = self.route
        about, _, more = route.documentation.partition("\n")
        same = f"Same as {route.canonical}." if route.is_alias else more.strip()
        taken = {"requestBody": self._request()} if self.said.body or self.said.form else {}
        return {
            "operationId": route.id,
            "tags": [route.name.split(".")[0]],
            "summary": about.rstrip("."),
            "description": f"{same} Access: {route.access}.".strip(),
            "security": _security(route),
            "parameters": [*self._in_path(), *self._in_query(), *self._in_headers()],
            **taken,
            "responses": self._responses(),
        }

    def _in_path(self) -> Iterator[dict[str, Any]]:
        for name, kind in self.route.places.items():
            yield _parameter("path", name, KINDS[kind], required=True)

    def _in_query(self) -> Iterator[dict[str, Any]]:
        if self.said.query is None:
            return
        schema = self._resolved(self.types[self.said.query, "validation"])
        for name, part in schema["properties"].items():
            is_required = name in schema.get("required", [])
            found = _parameter("query", name, _without_null(part), required=is_required)
            lists = part.get("type") == "array"
            yield found | ({"style": "form", "explode": False} if lists else {})

    def _in_headers(self) -> Iterator[dict[str, Any]]:
        if self.said.idempotency is not None:
            key = {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,128}$"}
            yield _parameter("header", "Idempotency-Key", key | {"examples": ["order-0001"]})
        if self.route.access is Access.INTERNAL:
            sources = {"type": "string", "enum": list(self.route.endpoint.sources)}
            yield _parameter("header", "X-Request-Source", sources, required=True)

    def _request(self) -> dict[str, Any]:
        content = {}
        if self.said.body:
            content[JSON] = self._content(self.types[self.said.body, "validation"])
        if self.said.form:
            content[FORM] = self._content(self._form())
        return {"required": True, "content": content}

    def _form(self) -> Schema:
        """Return the schema of the form: its fields, and its files beside or in place of them."""
        schema = self._resolved(self.types[self.said.form, "validation"])
        files = {name: _file(file) for name, file in self.said.files.items()}
        needed = [name for name, file in self.said.files.items() if file.required]
        return schema | {
            "properties": schema["properties"] | files,
            "required": [*schema.get("required", []), *needed],
        }

    def _responses(self) -> dict[str, Any]:
        by_status: dict[HTTPStatus, list[str]] = {}
        for error in errors_of(self.route):
            codes = by_status.setdefault(self.route.status_of(error), [])
            codes += [error.code] if error.code not in codes else []
        refused = {
            str(int(status)): {
                "description": ", ".join(codes),
                "headers": _headers(self.route, status),
                "content": {
                    JSON: {
                        "schema": _failure_of(codes),
                        "examples": {
                            code: {"$ref": f"#/components/examples/{code}"} for code in codes
                        },
                    }
                },
            }
            for status, codes in sorted(by_status.items())
        }
        given = {str(status): self._success(HTTPStatus(status)) for status in self.said.statuses}
        return given | refused

    def _success(self, status: HTTPStatus) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "description": status.phrase,
            "headers": _headers(self.route, status),
        }
        if self.said.gives is None or status is HTTPStatus.FOUND:
            return answer
        data = self.types[self.said.gives, "serialization"]
        if self.said.media == EVENTS:
            return answer | {"content": {EVENTS: self._content(_event(data))}}
        links = dict(self._links())
        content = {"content": {JSON: self._content(_envelope(data))}}
        return answer | content | ({"links": links} if links else {})

    def _links(self) -> Iterator[tuple[str, Any]]:
        """Yield the routes that take what stands in this answer."""
        given = {
            name: f"$response.body#/data{pointer}" for name, pointer in self.said.links.items()
        }
        is_internal = self.route.access is Access.INTERNAL
        others = [each for each in self.routes if (each.access is Access.INTERNAL) == is_internal]
        for other in others:
            body = other.operation.body
            taken = {
                "parameters": {name: given[name] for name in given if name in other.places},
                "requestBody": {
                    name: given[name] for name in given if body and name in self._fields(body)
                },
            }
            if not other.is_alias and any(taken.values()):
                yield other.id, {"operationId": other.id} | {k: v for k, v in taken.items() if v}

    def _fields(self, body: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._resolved(self.types[body, "validation"]).get("properties", {})
        return found

    def _content(self, schema: Schema) -> dict[str, Any]:
        return {"schema": schema, "example": example(schema, self.definitions)}

    def _resolved(self, schema: Schema) -> Schema:
        return self.definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _errors_of(routes: list[Route]) -> list[type[DomainError]]:
    found = {error.code: error for route in routes for error in errors_of(route)}
    return [found[code] for code in sorted(found)]


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access is Access.PUBLIC:
        return [{}, {"session": []}]
    if route.access is Access.INTERNAL:
        return [{"internal": []}]
    own: dict[str, list[str]] = {"session": []}
    if route.is_unsafe:
        own["csrf"] = []
    if route.access is Access.SETS:
        return [{"sets": []}, own]
    return [own, {"internal": []}] if route.endpoint.worker_view is not None else [own]


def _parameter(place: str, name: str, schema: Schema, *, required: bool = False) -> dict[str, Any]:
    shown = {"example": schema["examples"][0]} if "examples" in schema else {}
    return {"in": place, "name": name, "required": required, "schema": schema} | shown


def _without_null(schema: Schema) -> Schema:
    """Return the schema of a query parameter: it may be absent, but is never null."""
    kept = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    if "anyOf" in kept:
        choices = [choice for choice in kept.pop("anyOf") if choice != {"type": "null"}]
        kept |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    return kept


def _file(file: File) -> Schema:
    one = {"type": "string", "format": "binary", "examples": ["the bytes of a file"]}
    if file.many is None:
        return one | {"description": file.description}
    fewest, most = file.many
    return {
        "type": "array",
        "items": one,
        "minItems": fewest,
        "maxItems": most,
        "description": file.description,
    }


def _envelope(data: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "success": {"const": True},
            "data": data,
            "meta": {"$ref": "#/components/schemas/Meta"},
        },
        "required": ["success", "data", "meta"],
        "additionalProperties": False,
    }


def _event(data: Schema) -> Schema:
    """Return the schema of one message of a stream."""
    told = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
    return {
        "type": "object",
        "properties": {
            "event": {"enum": ["update", "end"]},
            "id": {"type": "string", "examples": ["1"]},
            "data": told | {"examples": ["{}"]},
        },
        "required": ["event", "id", "data"],
    }


def _failure_of(codes: list[str]) -> Schema:
    code = {"type": "object", "properties": {"code": {"enum": codes}}}
    of_these = {"type": "object", "properties": {"error": code}}
    return {"allOf": [{"$ref": "#/components/schemas/Failure"}, of_these]}


def _failure_example(error: type[DomainError]) -> dict[str, Any]:
    details = LIMIT if error is RateLimitExceeded else {}
    told = {"code": error.code, "message": message(error(**details)), "details": details}
    return {"success": False, "data": None, "error": told, "meta": META}


def _headers(route: Route, status: HTTPStatus) -> dict[str, Any]:
    names = ["X-Request-ID", *(_RATES if route.is_counted else ())]
    if status is HTTPStatus.CREATED or status is HTTPStatus.FOUND:
        names.append("Location")
    if status is HTTPStatus.CREATED and route.operation.idempotency is not None:
        names.append("Idempotent-Replayed")
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        names.append("Retry-After")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


_META: Schema = {
    "type": "object",
    "properties": {
        "request_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "timestamp": {"type": "string", "format": "date-time", "pattern": "Z$"},
    },
    "required": ["request_id", "timestamp"],
    "additionalProperties": False,
    "example": META,
}
_FAILURE: Schema = {
    "type": "object",
    "properties": {
        "success": {"const": False},
        "data": {"type": "null"},
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string", "minLength": 1},
                "details": {"type": "object"},
            },
            "required": ["code", "message", "details"],
            "additionalProperties": False,
        },
        "meta": {"$ref": "#/components/schemas/Meta"},
    },
    "required": ["success", "data", "error", "meta"],
    "additionalProperties": False,
}
_SHARED = {"Meta": _META, "Failure": _FAILURE}
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_RATES = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_HEADERS: dict[str, Any] = {
    "X-Request-ID": {"required": True, "schema": _TEXT, "description": "As in meta."},
    "Location": {"required": True, "schema": _TEXT, "description": "Where it is."},
    "Retry-After": {"required": True, "schema": _NUMBER, "description": "Seconds."},
    **{name: {"schema": _NUMBER, "description": "Of the tightest bucket."} for name in _RATES},
    "Idempotent-Replayed": {"schema": {"const": "true"}, "description": "A stored answer."},
}
_SECURITY_SCHEMES: dict[str, Any] = {
    "session": {"type": "apiKey", "in": "cookie", "name": "session"},
    "csrf": {"type": "apiKey", "in": "header", "name": csrf.HEADER},
    "internal": {"type": "http", "scheme": "bearer"},
    "sets": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
