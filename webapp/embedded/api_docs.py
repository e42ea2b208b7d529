"""The generated parts of `docs/api.md`: endpoints, schemas and errors, taken from the application.

`python -m webapp.embedded.api_docs` rewrites the parts between `<!-- generated: NAME -->` and
`<!-- end: NAME -->`; the rest of the file is written by hand. With --check it only says whether
the parts are up to date. It needs no service: the application is created, not run.
"""

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from flask import Flask
from flask_babel import force_locale

from webapp.app import create_app
from webapp.domain import api_key_errors, errors, image_errors, sets_errors
from webapp.domain.chain_issuing import CHAIN, KEY, ROOTS, issue_chain
from webapp.domain.errors import DomainError
from webapp.domain.settings import Settings
from webapp.embedded.api_types import Schema, Types, cell
from webapp.embedded.error_details import details
from webapp.http import openapi
from webapp.http.errors import message
from webapp.http.operations import EVENTS, JSON
from webapp.http.routes import (
    EVERYWHERE,
    OF_ACCESS,
    OF_BODIES,
    OF_KEYS,
    OF_PERSONS,
    Route,
    described,
)
from webapp.schemas.fields import PageQuery

FILE = Path("docs/api.md")
MODULES = {module.__name__ for module in (errors, image_errors, sets_errors, api_key_errors)}
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end: \2 -->)", re.DOTALL)
SUCCESS = re.compile(r"[23]\d\d")
UNCHANGED = "304"  # of every list and object, so it is not in the table
# The numbers in the message of a limit; the client gets those of the bucket that refused.
LIMIT = {"limit": "N", "window_seconds": "N", "retry_after": "N"}
SETTINGS = {
    "env": "test",
    "secret_key": "s" * 32,
    "database_url": "postgresql+psycopg2://localhost/none",
    "broker_url": "redis://localhost",
    "redis_url": "redis://localhost",
    "public_base_url": "http://localhost",
    "internal_api_token": "t" * 32,
    "google_client_id": "none",
    "google_client_secret": "none",
    "toss_client_key": "none",
    "toss_secret_key": "none",
}


def parts(app: Flask) -> dict[str, str]:
    """Return the generated parts by their names; takes a few seconds."""
    with app.app_context(), force_locale("en"):
        routes = list(described(app))
        document = openapi.document(app)
        return {
            "guards": _guards(),
            "errors": _errors(),
            "endpoints": _endpoints(routes, document),
            "aliases": _aliases(routes),
            "schemas": _schemas(document["components"]["schemas"]),
        }


def filled(text: str, generated: Mapping[str, str]) -> str:
    """Return the text of docs/api.md with these parts. Raises ValueError if it has others."""
    names = [part.group(2) for part in PART.finditer(text)]
    if sorted(names) != sorted(generated):
        raise ValueError(f"{FILE} has the parts {names}, not {list(generated)}")
    return PART.sub(lambda part: part.group(1) + generated[part.group(2)] + part.group(3), text)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _codes(classes: Iterable[type[DomainError]]) -> str:
    return ", ".join(dict.fromkeys(error.code for error in classes)) or "–"


def _guards() -> str:
    """Return the errors that each guard, and each kind of request, adds to an endpoint."""
    rows = [("every endpoint", _codes(EVERYWHERE))]
    rows += [("every endpoint that is counted", errors.RateLimitExceeded.code)]
    rows += [("that names a scope, with an API key", _codes(OF_KEYS))]
    rows += [("that names none, with an API key", api_key_errors.ApiKeyNotAllowed.code)]
    rows += [("with a parameter in the path", errors.NotFound.code)]
    rows += [("with query parameters or Idempotency-Key", errors.ValidationFailed.code)]
    rows += [("with a body", _codes(OF_BODIES))]
    for access, classes in OF_ACCESS.items():
        csrf = ", and CSRF_FAILED if the method is unsafe" if access in OF_PERSONS else ""
        rows.append((f"guard *{access}*", _codes(classes) + csrf))
    return _table(("endpoint", "errors"), rows)


def error_classes(base: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """Yield every error that a client can receive: the subclasses with a code of their own."""
    for error in base.__subclasses__():
        if error.__module__ in MODULES:
            if "code" in vars(error) or error is errors.InternalError:
                yield error
            yield from error_classes(error)


def _errors() -> str:
    classes = sorted(error_classes(), key=lambda error: (error.status, error.code))
    names = details(classes)
    rows = [
        (
            error.code,
            str(int(error.status)),
            cell(message(error(**LIMIT if error is errors.RateLimitExceeded else {}))),
            ", ".join(f"`{name}`" for name in names.get(error.code, [])) or "–",
        )
        for error in classes
    ]
    return _table(("code", "HTTP", "message", "details"), rows)


def _endpoints(routes: list[Route], document: Mapping[str, Any]) -> str:
    types = Types(document["components"]["schemas"])
    canonical = [route for route in routes if not route.is_alias]
    nouns = []
    for noun, group in groupby(sorted(canonical, key=_noun), key=_noun):
        rows = [_endpoint(route, document, types) for route in group]
        heads = ("endpoint", "guard", "key", "query, body", "answer", "errors of its own")
        nouns.append(f"\n### {noun.replace('_', ' ').capitalize()}\n\n{_table(heads, rows)}")
    return "".join(nouns) + "\n"


def _noun(route: Route) -> str:
    return route.name.split(".")[0]


def _endpoint(route: Route, document: Mapping[str, Any], types: Types) -> tuple[str, ...]:
    operation = document["paths"][route.path][route.method.lower()]
    return (
        f"`{route.method} {route.path}`<br>{cell(operation['summary'])}",
        str(route.access),
        str(route.endpoint.scope or "–"),
        _inputs(operation, types),
        _answers(operation, types),
        _codes(route.operation.errors),
    )


def _inputs(operation: Mapping[str, Any], types: Types) -> str:
    optional = [part for part in operation["parameters"] if part["in"] != "path"]
    query = {part["name"]: part for part in optional if part["in"] == "query"}
    lines = ["query: " + ", ".join(_query(query, types))] if query else []
    lines += _bodies(operation.get("requestBody", {}).get("content", {}), types)
    lines += [
        f"header {part['name']}"
        for part in optional
        if part["in"] == "header" and not part["required"]
    ]
    return "<br>".join(lines) or "–"


def _query(parameters: Mapping[str, Any], types: Types) -> Iterator[str]:
    """Yield the query parameters; `limit` and `cursor` are those of every list."""
    for name, part in parameters.items():
        if name not in PageQuery.model_fields:
            yield types.named(name, part["schema"], required=part["required"])
    if parameters.keys() >= PageQuery.model_fields.keys():
        yield "page"


def _bodies(contents: Mapping[str, Any], types: Types) -> Iterator[str]:
    """Yield the JSON body, and the form where it has other fields than the body."""
    in_json = types.names(contents[JSON]["schema"]) if JSON in contents else None
    for media, content in contents.items():
        schema = content["schema"]
        if media == JSON:
            yield types.body(schema)
        else:
            is_same = types.names(schema) == in_json
            yield "form: " + ("the same fields" if is_same else types.body(schema))


def _answers(operation: Mapping[str, Any], types: Types) -> str:
    successes = [
        f"{status} {_data(answer, types)}".strip()
        for status, answer in operation["responses"].items()
        if SUCCESS.fullmatch(status) and status != UNCHANGED
    ]
    return "<br>".join(successes)


def _data(answer: Mapping[str, Any], types: Types) -> str:
    content = answer.get("content", {})
    if EVENTS in content:
        return "events of " + types.of(
            content[EVENTS]["schema"]["properties"]["data"]["contentSchema"]
        )
    if JSON in content:
        return types.of(content[JSON]["schema"]["properties"]["data"])
    return ""


def _aliases(routes: list[Route]) -> str:
    rows = sorted(
        (f"`{route.method} {route.path}`", f"`{route.canonical}`")
        for route in routes
        if route.is_alias
    )
    return _table(("alias", "endpoint"), rows)


def _schemas(definitions: Mapping[str, Schema]) -> str:
    types = Types(definitions)
    return _table(("schema", "fields"), types.rows())


def documented_app() -> Flask:
    """Return the application with settings that name no service: none is connected to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        issue_chain(folder)
        files = {
            "storage_url": f"folder://{folder}",
            "content_credentials_chain": folder / CHAIN,
            "content_credentials_roots": folder / ROOTS,
            "content_credentials_key": folder / KEY,
        }
        return create_app(Settings.model_validate(SETTINGS | files))


def main() -> None:
    """Write the file, or check it."""
    text = FILE.read_text(encoding="utf-8")
    current = filled(text, parts(documented_app()))
    if "--check" not in sys.argv:
        FILE.write_text(current, encoding="utf-8")
    elif current != text:
        sys.exit(f"{FILE} is out of date: run make api-docs")


if __name__ == "__main__":
    main()
