"""The generated modules of `clients/python`: a typed method for each operation that keys may call.

`python -m webapp.embedded.python_client` writes `schemas.py` and `operations.py` from the OpenAPI
document; with --check it only says whether they are up to date. It needs no service.

Why not openapi-python-client (0.29.1): of the same 46 operations it makes 1,695 modules with
148,407 lines, which need attrs.
"""

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from keyword import iskeyword
from pathlib import Path
from typing import Any

from flask_babel import force_locale

from webapp.embedded.api_docs import documented_app
from webapp.embedded.api_types import LIST, Schema
from webapp.embedded.python_types import (
    PythonTypes,
    first_of_people,
    is_nullable,
    parameter_type,
    without_null,
)
from webapp.http import openapi
from webapp.http.openapi_operations import FORM
from webapp.http.operations import JSON

FOLDER = Path("clients/python/style_license")
GENERATED = "Generated from the OpenAPI document by `make python-client`."
PREFIX = "schemas."
DOC_WIDTH = 92
OF_FILES = frozenset({"File", "Sequence[File]"})
WITH_FILES = "_with_files"  # ends the method of a form whose operation takes JSON, too
SCHEMAS = f'''"""What the site answers and what requests contain, as it is in JSON.

{GENERATED}
Dates and times are strings in the format of ISO 8601.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

'''
OPERATIONS = f'''"""The operations of a site that an API key may call, by their groups.

{GENERATED}
A parameter that is None is not sent.
"""
# What the transport returns is Any: its type is that of the document.
# mypy: disable-error-code="no-any-return"

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from style_license import schemas
from style_license.transport import File, Listing, Null, Transport, new_key, segment

'''


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method; `sent_as` is its name in the request."""

    sent_as: str
    annotation: str
    description: str
    is_required: bool

    @property
    def name(self) -> str:
        """Return its name in Python."""
        return self.sent_as + "_" * iskeyword(self.sent_as)

    @property
    def declaration(self) -> str:
        """Return it as part of a signature."""
        return f"{self.name}: {self.annotation}" + ("" if self.is_required else " | None = None")


@dataclass
class Method:
    """One method: its parameters by how they are sent, and what it returns."""

    name: str
    returns: str
    path: list[Parameter] = field(default_factory=list)
    query: list[Parameter] = field(default_factory=list)
    json: list[Parameter] | None = None
    form: list[Parameter] = field(default_factory=list)
    files: list[Parameter] = field(default_factory=list)
    is_idempotent: bool = False

    @property
    def keyword_only(self) -> list[Parameter]:
        """Return the parameters that are not in the path, the required ones first."""
        parameters = [*self.query, *(self.json or []), *self.form, *self.files]
        if self.is_idempotent:
            parameters.append(Parameter("idempotency_key", "str", "", is_required=False))
        return sorted(parameters, key=lambda parameter: not parameter.is_required)


class Client:
    """The client of an OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.types = PythonTypes(document["components"]["schemas"])

    def modules(self) -> dict[str, str]:
        """Return the text of the generated modules by their names, formatted."""
        operations = _formatted(OPERATIONS + "".join(self._groups()))
        schemas = _formatted(SCHEMAS + "\n\n".join(self.types.definitions_used()))
        return {"operations.py": operations, "schemas.py": schemas}

    def _groups(self) -> Iterator[str]:
        sentences = {tag["name"]: tag["description"] for tag in self.document["tags"]}
        names = []
        for name, members in groupby(sorted(operations(self.document), key=_group), key=_group):
            names.append(name)
            methods = "\n".join(
                textwrap.indent(text, "    ") for each in members for text in self._methods(*each)
            )
            yield (
                f'\n\nclass {_class(name)}:\n    """{sentences[name]}"""\n\n'
                "    def __init__(self, transport: Transport) -> None:\n"
                f"        self._transport = transport\n\n{methods}"
            )
        yield (
            '\n\nclass Operations:\n    """All groups of operations."""\n\n'
            "    def __init__(self, transport: Transport) -> None:\n"
        )
        yield from (f"        self.{name} = {_class(name)}(transport)\n" for name in names)

    def _methods(self, path: str, verb: str, operation: Mapping[str, Any]) -> Iterator[str]:
        """Yield the method of an operation: two where it takes JSON or a form with files."""
        contents = operation.get("requestBody", {}).get("content", {})
        for media in contents or [None]:
            method = self._method(verb, operation, is_form=media == FORM)
            if media == FORM and JSON in contents:
                method.name += WITH_FILES
            yield _text(method, path, verb, operation)

    def _method(self, verb: str, operation: Mapping[str, Any], *, is_form: bool) -> Method:
        sent = operation["parameters"]
        method = Method(operation["operationId"].partition(".")[2], self._returns(operation))
        method.path = [self._parameter(each) for each in sent if each["in"] == "path"]
        method.query = [self._parameter(each) for each in sent if each["in"] == "query"]
        method.is_idempotent = any(each["name"] == "Idempotency-Key" for each in sent)
        if is_form:
            fields = self._fields(operation["requestBody"]["content"][FORM]["schema"])
            method.files = [each for each in fields if each.annotation in OF_FILES]
            method.form = [each for each in fields if each not in method.files]
        elif "requestBody" in operation:
            schema = operation["requestBody"]["content"][JSON]["schema"]
            own = first_of_people(schema, has_workers=_has_workers(operation))
            method.json = self._fields(own, may_send_null=verb == "patch")
        return method

    def _parameter(self, parameter: Mapping[str, Any]) -> Parameter:
        schema = parameter["schema"]
        annotation = parameter_type(self.types.of(schema, PREFIX))
        described = schema.get("description", "")
        return Parameter(parameter["name"], annotation, described, parameter["required"])

    def _fields(self, schema: Schema, *, may_send_null: bool = False) -> list[Parameter]:
        """Return the fields of a body. Null is more than a field left out where a body changes."""
        if "$ref" in schema:
            schema = self.types.definitions[schema["$ref"].rpartition("/")[2]]
        fields = []
        for name, part in schema["properties"].items():
            annotation = parameter_type(self.types.of(without_null(part), PREFIX))
            # A form always sends its files: without them the operation takes JSON.
            is_required = name in schema.get("required", []) or annotation in OF_FILES
            if is_nullable(part) and (may_send_null or is_required):
                annotation += " | Null"
            fields.append(Parameter(name, annotation, part.get("description", ""), is_required))
        return fields

    def _returns(self, operation: Mapping[str, Any]) -> str:
        status, answer = next(iter(operation["responses"].items()))
        if status == "302":
            return "bytes"
        if "content" not in answer:
            return "None"
        schema = answer["content"][JSON]["schema"]["properties"]["data"]
        name = schema.get("$ref", "").rpartition("/")[2]
        if not name.startswith(LIST):
            own = first_of_people(schema, has_workers=_has_workers(operation))
            return self.types.of(own, PREFIX)
        items = self.types.definitions[name]["properties"]["results"]["items"]
        has_pages = any(each["name"] == "cursor" for each in operation["parameters"])
        return f"{'Listing' if has_pages else 'list'}[{self.types.of(items, PREFIX)}]"


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield the path, the method and the operation of all that keys may call, without aliases."""
    for path, methods in document["paths"].items():
        for verb, operation in methods.items():
            is_alias = operation["operationId"].count(".") > 1
            if not is_alias and any("key" in way for way in operation["security"]):
                yield path, verb, operation


def _group(operation: tuple[str, str, Mapping[str, Any]]) -> str:
    return str(operation[2]["operationId"]).partition(".")[0]


def _class(group: str) -> str:
    return group.title().replace("_", "")


def _has_workers(operation: Mapping[str, Any]) -> bool:
    return any("internal" in way for way in operation["security"])


def _text(method: Method, path: str, verb: str, operation: Mapping[str, Any]) -> str:
    in_path, others = method.path, method.keyword_only
    signature = ["self", *(each.declaration for each in in_path), *(["*"] if others else [])]
    signature += [each.declaration for each in others]
    described = [
        textwrap.fill(f"* `{each.name}`: {each.description}", DOC_WIDTH, subsequent_indent="  ")
        for each in others
        if each.description
    ]
    lines = [
        f'"""{operation["summary"]}.',
        textwrap.fill(f"{verb.upper()} {path}. {operation['description']}", DOC_WIDTH),
        *(["\n".join(described)] if described else []),
    ]
    documentation = "\n\n".join(lines) + '\n"""\n'
    result = "" if method.returns == "None" else "return "
    head = f"def {method.name}({', '.join(signature)}) -> {method.returns}:\n"
    return head + textwrap.indent(documentation + result + _call(method, path, verb), "    ")


def _call(method: Method, path: str, verb: str) -> str:
    for parameter in method.path:
        path = path.replace(f"{{{parameter.sent_as}}}", f"{{segment({parameter.name})}}")
    address = f'f"{path}"' if method.path else f'"{path}"'
    query = _dict(method.query)
    if method.returns.startswith("Listing"):
        return f"self._transport.listing({address}, {query})\n"
    parts = [address] + ([f"query={query}"] if method.query else [])
    if method.returns == "bytes":
        return f"self._transport.download({', '.join(parts)})\n"
    parts += [f"json={_dict(method.json)}"] if method.json is not None else []
    parts += [f"form={_dict(method.form)}"] if method.form else []
    parts += [f"files={_dict(method.files)}"] if method.files else []
    parts += ["idempotency_key=idempotency_key or new_key()"] if method.is_idempotent else []
    results = '["results"]' if method.returns.startswith("list") else ""
    return f'self._transport.call("{verb.upper()}", {", ".join(parts)}){results}\n'


def _dict(parameters: list[Parameter]) -> str:
    values = (
        f'"{each.sent_as}": ' + (f"[{each.name}]" if each.annotation == "File" else each.name)
        for each in parameters
    )
    return f"{{{', '.join(values)}}}"


def _formatted(text: str) -> str:
    """Return the text of a module in the house's format, without imports that it does not need."""
    for command in (["check", "--select", "F401", "--fix", "--quiet"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> None:
    """Write the modules, or check them."""
    app = documented_app()
    with app.app_context(), force_locale("en"):
        modules = Client(openapi.document(app)).modules()
    for name, text in modules.items():
        file = FOLDER / name
        if "--check" not in sys.argv:
            file.write_text(text, encoding="utf-8")
        elif file.read_text(encoding="utf-8") != text:
            sys.exit(f"{file} is out of date: run make python-client")


if __name__ == "__main__":
    main()
