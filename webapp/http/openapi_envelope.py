"""What all answers of the OpenAPI document share: envelope, events, failures, headers, access."""

from pydantic.json_schema import JsonSchemaValue

from webapp.http import csrf
from webapp.http.openapi_objects import Header, SecurityScheme
from webapp.http.operations import JSON

META = {"request_id": "01JH3Z6V9C", "timestamp": "2026-01-15T12:00:06Z"}


def envelope(data: JsonSchemaValue) -> JsonSchemaValue:
    """Return the schema of a successful answer with this data."""
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


def event(data: JsonSchemaValue) -> JsonSchemaValue:
    """Return the schema of one message of a stream."""
    content = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
    return {
        "type": "object",
        "properties": {
            "event": {"enum": ["update", "end"]},
            "id": {"type": "string", "examples": ["1"]},
            "data": content | {"examples": ["{}"]},
        },
        "required": ["event", "id", "data"],
    }


def failure_of(codes: list[str]) -> JsonSchemaValue:
    """Return the schema of a failure with one of these codes."""
    code = {"type": "object", "properties": {"code": {"enum": codes}}}
    with_code = {"type": "object", "properties": {"error": code}}
    return {"allOf": [{"$ref": "#/components/schemas/Failure"}, with_code]}


_META: JsonSchemaValue = {
    "type": "object",
    "properties": {
        "request_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "timestamp": {"type": "string", "format": "date-time", "pattern": "Z$"},
    },
    "required": ["request_id", "timestamp"],
    "additionalProperties": False,
    "example": META,
}
_FAILURE: JsonSchemaValue = {
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
SHARED_SCHEMAS = {"Meta": _META, "Failure": _FAILURE}
_TEXT: JsonSchemaValue = {"type": "string"}
_NUMBER: JsonSchemaValue = {"type": "integer", "minimum": 0}
RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
HEADERS: dict[str, Header] = {
    "X-Request-ID": {"required": True, "schema": _TEXT, "description": "As in meta."},
    "Location": {"required": True, "schema": _TEXT, "description": "Where it is."},
    "Retry-After": {"required": True, "schema": _NUMBER, "description": "Seconds."},
    **{
        name: {"schema": _NUMBER, "description": "Of the tightest bucket."} for name in RATE_HEADERS
    },
    "ETag": {"required": True, "schema": _TEXT, "description": "For If-None-Match."},
    "Idempotent-Replayed": {"schema": {"const": "true"}, "description": "A stored answer."},
}
SECURITY_SCHEMES: dict[str, SecurityScheme] = {
    "session": {"type": "apiKey", "in": "cookie", "name": "session"},
    "csrf": {"type": "apiKey", "in": "header", "name": csrf.HEADER},
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "sl_ and 40 hexadecimal digits",
        "description": "An API key. Operations name the scope that it needs: "
        "read, order or manage. Every key has read.",
    },
    "internal": {"type": "http", "scheme": "bearer"},
    "sets": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
