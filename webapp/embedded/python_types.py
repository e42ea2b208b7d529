"""JSON schemas written as Python types, for the generated modules of `clients/python`."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from webapp.embedded.api_types import Schema

NULL = {"type": "null"}
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
COMMENT_WIDTH = 94


class PythonTypes:
    """Python types of the schemas in the components of an OpenAPI document.

    `used` are the names of those that `of` has met: the module must define them.
    """

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions
        self.used: set[str] = set()

    def of(self, schema: Schema, prefix: str = "") -> str:
        """Return a schema as a type; names of definitions get the prefix."""
        if "$ref" in schema:
            return self._referred(schema["$ref"].rpartition("/")[2], prefix)
        if "anyOf" in schema and "type" not in schema:
            return " | ".join(dict.fromkeys(self.of(each, prefix) for each in schema["anyOf"]))
        if "const" in schema or "enum" in schema:
            values = schema["enum"] if "enum" in schema else [schema["const"]]
            return f"Literal[{', '.join(repr(value) for value in values)}]"
        return self._plain(schema, prefix)

    def definitions_used(self) -> Iterator[str]:
        """Yield the definition of each used name, and of what these use: first those of strings."""
        written: dict[str, str] = {}
        while waiting := self.used - written.keys():
            for name in waiting:
                written[name] = self._definition(name, self.definitions[name])
        yield from (written[name] for name in sorted(written, key=self._order))

    def _order(self, name: str) -> tuple[bool, str]:
        return "properties" in self.definitions[name], name

    def _referred(self, name: str, prefix: str) -> str:
        schema = self.definitions[name]
        if "properties" not in schema and "enum" not in schema:
            return self.of(schema, prefix)
        self.used.add(name)
        return prefix + name

    def _plain(self, schema: Schema, prefix: str) -> str:
        if schema.get("format") == "binary":
            return "File"
        kind = schema.get("type", "")
        if kind == "array":
            return f"list[{self.of(schema.get('items', {}), prefix)}]"
        if kind == "object":
            values = schema.get("additionalProperties")
            return f"dict[str, {self.of(values, prefix) if isinstance(values, dict) else 'Any'}]"
        return PLAIN.get(kind, "Any")

    def _definition(self, name: str, schema: Schema) -> str:
        described = schema.get("description", f"{name}.")
        if "properties" not in schema:
            first, _, _ = described.partition("\n\n")
            return f"{comment(first)}{name}: TypeAlias = {self.of(schema)}\n"
        fields = "".join(
            comment(part.get("description", ""))
            + f"{field}: {self._field(part, is_required=field in schema.get('required', []))}\n"
            for field, part in schema["properties"].items()
        )
        body = f'"""{described}\n"""' if "\n" in described else f'"""{described}"""'
        return f"class {name}(TypedDict):\n" + textwrap.indent(f"{body}\n\n{fields}", "    ")

    def _field(self, schema: Schema, *, is_required: bool) -> str:
        return self.of(schema) if is_required else f"NotRequired[{self.of(schema)}]"


def is_nullable(schema: Schema) -> bool:
    """Tell whether null is a value of a schema."""
    return NULL in schema.get("anyOf", [])


def without_null(schema: Schema) -> Schema:
    """Return a schema without null among its choices."""
    if not is_nullable(schema):
        return schema
    return schema | {"anyOf": [choice for choice in schema["anyOf"] if choice != NULL]}


def comment(text: str) -> str:
    """Return text as lines of a comment, nothing for no text."""
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, COMMENT_WIDTH))


def parameter_type(annotation: str) -> str:
    """Return the type of a parameter: any sequence for a list, any mapping for a dict."""
    return annotation.replace("list[", "Sequence[").replace("dict[", "Mapping[")


def first_of_people(schema: Any, *, has_workers: bool) -> Any:
    """Return what a person sends or gets where GPU workers call the same path: the first choice."""
    return schema["anyOf"][0] if has_workers and "anyOf" in schema else schema
