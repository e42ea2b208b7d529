"""The operation objects of the OpenAPI document: what each route reads and answers."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Literal

from pydantic.json_schema import JsonSchemaValue

from webapp.http.endpoints import Access
from webapp.http.examples import example
from webapp.http.openapi_envelope import RATE_HEADERS, envelope, event, failure_of
from webapp.http.openapi_objects import (
    Answer,
    Link,
    MediaType,
    OperationObject,
    Parameter,
    Reference,
    RequestBody,
)
from webapp.http.operations import EVENTS, JSON, File
from webapp.http.routes import Route, errors_of

FORM = "multipart/form-data"
MAX_BIGINT = 2**63 - 1
CONVERTERS: dict[str | None, JsonSchemaValue] = {
    "id": {"type": "integer", "minimum": 1, "maximum": MAX_BIGINT, "examples": [10]},
    None: {"type": "string", "minLength": 1, "examples": ["lic_01JH3Z6V9C"]},
}

Mode = Literal["validation", "serialization"]
Types = dict[tuple[Any, Mode], JsonSchemaValue]


class DescribedRoute:
    """One route, for its operation object."""

    def __init__(
        self,
        route: Route,
        types: Types,
        definitions: dict[str, JsonSchemaValue],
        routes: list[Route],
    ) -> None:
        self.route, self.operation = route, route.operation
        self.types, self.definitions, self.routes = types, definitions, routes

    def document(self) -> OperationObject:
        """Return the operation object."""
        route = self.route
        summary, _, details = route.documentation.partition("\n")
        description = f"Same as {route.canonical}." if route.is_alias else details.strip()
        scope = f" API key: {route.endpoint.scope}." if route.endpoint.scope else ""
        described_operation: OperationObject = {
            "operationId": route.id,
            "tags": [route.name.split(".")[0]],
            "summary": summary.rstrip("."),
            "description": f"{description}{scope} Access: {route.access}.".strip(),
            "security": _security(route),
            "parameters": [*self._in_path(), *self._in_query(), *self._in_headers()],
            "responses": self._responses(),
        }
        if self.operation.body or self.operation.form:
            described_operation["requestBody"] = self._request()
        return described_operation

    def _in_path(self) -> Iterator[Parameter]:
        for name, converter in self.route.path_parameters.items():
            yield _parameter("path", name, CONVERTERS[converter], required=True)

    def _in_query(self) -> Iterator[Parameter]:
        if self.operation.query is None:
            return
        schema = self._resolved(self.types[self.operation.query, "validation"])
        for name, part in schema["properties"].items():
            is_required = name in schema.get("required", [])
            parameter = _parameter("query", name, _without_null(part), required=is_required)
            if part.get("type") == "array":
                parameter |= {"style": "form", "explode": False}
            yield parameter

    def _in_headers(self) -> Iterator[Parameter]:
        if self.operation.idempotency is not None:
            key = {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,128}$"}
            yield _parameter("header", "Idempotency-Key", key | {"examples": ["order-0001"]})
        if self.route.access is Access.INTERNAL:
            sources = {"type": "string", "enum": list(self.route.endpoint.sources)}
            yield _parameter("header", "X-Request-Source", sources, required=True)

    def _request(self) -> RequestBody:
        content: dict[str, MediaType] = {}
        if self.operation.body:
            content[JSON] = self._content(self.types[self.operation.body, "validation"])
        if self.operation.form:
            content[FORM] = self._content(self._form())
        return {"required": True, "content": content}

    def _form(self) -> JsonSchemaValue:
        """Return the schema of the form: its fields, and its files; a file replaces a field."""
        schema = self._resolved(self.types[self.operation.form, "validation"])
        files = {name: _file(file) for name, file in self.operation.files.items()}
        required = [name for name, file in self.operation.files.items() if file.required]
        return schema | {
            "properties": schema["properties"] | files,
            "required": [*schema.get("required", []), *required],
        }

    def _responses(self) -> dict[str, Answer]:
        by_status: dict[HTTPStatus, list[str]] = {}
        for error in errors_of(self.route):
            codes = by_status.setdefault(self.route.status_of(error), [])
            codes += [error.code] if error.code not in codes else []
        failed: dict[str, Answer] = {
            str(int(status)): {
                "description": ", ".join(codes),
                "headers": _headers(self.route, status),
                "content": {
                    JSON: {
                        "schema": failure_of(codes),
                        "examples": {
                            code: {"$ref": f"#/components/examples/{code}"} for code in codes
                        },
                    }
                },
            }
            for status, codes in sorted(by_status.items())
        }
        unchanged = (HTTPStatus.NOT_MODIFIED,) if self.route.is_tagged else ()
        succeeded = {
            str(int(status)): self._success(HTTPStatus(status))
            for status in (*self.operation.statuses, *unchanged)
        }
        return succeeded | failed

    def _success(self, status: HTTPStatus) -> Answer:
        answer: Answer = {
            "description": status.phrase,
            "headers": _headers(self.route, status),
        }
        if self.operation.gives is None or status in {HTTPStatus.FOUND, HTTPStatus.NOT_MODIFIED}:
            return answer
        data = self.types[self.operation.gives, "serialization"]
        if self.operation.media == EVENTS:
            answer["content"] = {EVENTS: self._content(event(data))}
            return answer
        answer["content"] = {JSON: self._content(envelope(data))}
        links = dict(self._links())
        if links:
            answer["links"] = links
        return answer

    def _links(self) -> Iterator[tuple[str, Link]]:
        """Yield the routes that have a value of this answer as a parameter."""
        values = {
            name: f"$response.body#/data{pointer}" for name, pointer in self.operation.links.items()
        }
        is_internal = self.route.access is Access.INTERNAL
        targets = [
            route for route in self.routes if (route.access is Access.INTERNAL) == is_internal
        ]
        for target in targets:
            body = target.operation.body
            fields = self._fields(body) if body else {}
            link: Link = {"operationId": target.id}
            in_path = {k: v for k, v in values.items() if k in target.path_parameters}
            in_body = {k: v for k, v in values.items() if k in fields}
            if in_path:
                link["parameters"] = in_path
            if in_body:
                link["requestBody"] = in_body
            if not target.is_alias and (in_path or in_body):
                yield target.id, link

    def _fields(self, body: Any) -> dict[str, JsonSchemaValue]:
        schema = self._resolved(self.types[body, "validation"])
        fields: dict[str, JsonSchemaValue] = schema.get("properties", {})
        return fields

    def _content(self, schema: JsonSchemaValue) -> MediaType:
        return {"schema": schema, "example": example(schema, self.definitions)}

    def _resolved(self, schema: JsonSchemaValue) -> JsonSchemaValue:
        return self.definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _security(route: Route) -> list[dict[str, list[str]]]:
    scope = route.endpoint.scope
    keys: list[dict[str, list[str]]] = [{"key": [scope.value]}] if scope else []
    if route.access is Access.PUBLIC:
        return [{}, {"session": []}, *keys]
    if route.access is Access.INTERNAL:
        return [{"internal": []}]
    own: dict[str, list[str]] = {"session": []}
    if route.is_unsafe:
        own["csrf"] = []
    if route.endpoint.worker_view is not None:
        return [own, *keys, {"internal": []}]
    if route.access is Access.SETS:
        return [{"sets": []}, own]
    return [own, *keys]


def _parameter(
    location: str, name: str, schema: JsonSchemaValue, *, required: bool = False
) -> Parameter:
    parameter: Parameter = {"in": location, "name": name, "required": required, "schema": schema}
    if "examples" in schema:
        parameter["example"] = schema["examples"][0]
    return parameter


def _without_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Return the schema of a query parameter: it may be absent, but is never null."""
    stripped = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    if "anyOf" in stripped:
        choices = [choice for choice in stripped.pop("anyOf") if choice != {"type": "null"}]
        stripped |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    return stripped


def _file(file: File) -> JsonSchemaValue:
    one = {"type": "string", "format": "binary", "examples": ["the bytes of a file"]}
    if file.many is None:
        return one | {"description": file.description}
    smallest, largest = file.many
    return {
        "type": "array",
        "items": one,
        "minItems": smallest,
        "maxItems": largest,
        "description": file.description,
    }


def _headers(route: Route, status: HTTPStatus) -> dict[str, Reference]:
    names = ["X-Request-ID", *(RATE_HEADERS if route.is_counted else ())]
    if status is HTTPStatus.CREATED or status is HTTPStatus.FOUND:
        names.append("Location")
    if status is HTTPStatus.CREATED and route.operation.idempotency is not None:
        names.append("Idempotent-Replayed")
    if status in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED} and route.is_tagged:
        names.append("ETag")
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        names.append("Retry-After")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
