"""The objects of an OpenAPI 3.1 document that `openapi` builds, with the fields that it uses.

JSON schemas have pydantic's type JsonSchemaValue: their keywords depend on each other, and most of
them come from pydantic.
"""

from typing import NotRequired, TypedDict

from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaValue

Reference = TypedDict("Reference", {"$ref": str})
# `in` is a keyword of Python, so these types cannot be classes.
Parameter = TypedDict(
    "Parameter",
    {
        "in": str,
        "name": str,
        "required": bool,
        "schema": JsonSchemaValue,
        "example": NotRequired[JsonValue],
        "style": NotRequired[str],
        "explode": NotRequired[bool],
    },
)
SecurityScheme = TypedDict(
    "SecurityScheme",
    {
        "type": str,
        "in": NotRequired[str],
        "name": NotRequired[str],
        "scheme": NotRequired[str],
        "bearerFormat": NotRequired[str],
        "description": NotRequired[str],
    },
)


class Header(TypedDict):
    """A header of an answer."""

    schema: JsonSchemaValue
    description: str
    required: NotRequired[bool]


class MediaType(TypedDict):
    """The content of a body in one media type, with one example or with named ones."""

    schema: JsonSchemaValue
    example: NotRequired[JsonValue]
    examples: NotRequired[dict[str, Reference]]


class RequestBody(TypedDict):
    """The body of a request, by media type."""

    required: bool
    content: dict[str, MediaType]


class Link(TypedDict):
    """Another operation that takes values of this answer, by the name of its parameters."""

    operationId: str
    parameters: NotRequired[dict[str, str]]
    requestBody: NotRequired[dict[str, str]]


class Answer(TypedDict):
    """The answer with one status; `content` by media type."""

    description: str
    headers: dict[str, Reference]
    content: NotRequired[dict[str, MediaType]]
    links: NotRequired[dict[str, Link]]


class OperationObject(TypedDict):
    """One method of one path; `responses` by status."""

    operationId: str
    tags: list[str]
    summary: str
    description: str
    security: list[dict[str, list[str]]]
    parameters: list[Parameter]
    requestBody: NotRequired[RequestBody]
    responses: dict[str, Answer]


class Example(TypedDict):
    """A shared example."""

    value: JsonValue


class Components(TypedDict):
    """The objects that others refer to, by name."""

    schemas: dict[str, JsonSchemaValue]
    examples: dict[str, Example]
    headers: dict[str, Header]
    securitySchemes: dict[str, SecurityScheme]


class Info(TypedDict):
    """The title of the document."""

    title: str
    version: str
    description: str


class Document(TypedDict):
    """The whole document; `paths` by path and method."""

    openapi: str
    info: Info
    servers: list[dict[str, str]]
    tags: list[dict[str, str]]
    paths: dict[str, dict[str, OperationObject]]
    components: Components
