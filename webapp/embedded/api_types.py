"""JSON schemas written as short types, for the tables of `docs/api.md`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

# A JSON schema: its keys and values depend on its keywords.
Schema = dict[str, Any]

LIST = "Listed_"
MAX_BIGINT = 2**63 - 1  # the bound of every id, which says nothing to a reader
FORMATS = {"date-time": "time", "date": "date", "binary": "file"}
BOUNDS = {
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
}


def cell(text: str) -> str:
    """Return text escaped for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


class Types:
    """Types of the schemas in the components of an OpenAPI document."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the fields of every object that a reader must look up."""
        for name, schema in sorted(self.definitions.items()):
            if self._is_object(schema) and not name.startswith(LIST) and not name.endswith("Query"):
                yield name, self.fields(schema)

    def body(self, schema: Schema) -> str:
        """Return the name of a body's schema, or its fields where it has none (a form)."""
        return self.fields(schema) if "properties" in schema else self.of(schema)

    def names(self, schema: Schema) -> set[str]:
        """Return the names of an object's fields, wherever it is defined."""
        if "$ref" in schema:
            schema = self.definitions[schema["$ref"].rpartition("/")[2]]
        return set(schema.get("properties", {}))

    def fields(self, schema: Schema) -> str:
        """Return the fields of an object; `?` marks those that may be absent."""
        required = schema.get("required", [])
        return ", ".join(
            self.named(name, part, required=name in required)
            for name, part in schema.get("properties", {}).items()
        )

    def named(self, name: str, schema: Schema, *, required: bool) -> str:
        """Return a field with its type and its default, such as `limit?: integer 1–100 = 20`."""
        default = schema.get("default")
        has_default = default not in (None, [], {}, "")
        value = f" = {json.dumps(default).strip(chr(34))}" if has_default else ""
        return f"`{name}{'' if required else '?'}`: {self.of(schema)}{value}"

    def of(self, schema: Schema) -> str:
        """Return a schema as one short type; objects are named, enumerations are written out."""
        if "$ref" in schema:
            return self._referred(schema["$ref"].rpartition("/")[2])
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword in schema:
                return " or ".join(dict.fromkeys(self.of(choice) for choice in schema[keyword]))
        if "const" in schema:
            return json.dumps(schema["const"]).strip('"')
        if "enum" in schema:
            return " / ".join(json.dumps(value).strip('"') for value in schema["enum"])
        return self._plain(schema)

    def _referred(self, name: str) -> str:
        schema = self.definitions[name]
        if name.startswith(LIST):
            return "list of " + self.of(schema["properties"]["results"]["items"])
        return name if self._is_object(schema) else self.of(schema) if schema else "any JSON"

    def _plain(self, schema: Schema) -> str:
        kind = schema.get("type")
        if kind == "array":
            return f"list of {self._several(schema)}"
        if kind == "object":
            values = schema.get("additionalProperties")
            return f"map to {self.of(values)}" if isinstance(values, dict) else "object"
        if kind is None and "format" not in schema:
            return "any JSON"
        shown = FORMATS.get(schema.get("format", ""), kind)
        return f"{shown}{_bounds(schema, kind)}"

    def _several(self, schema: Schema) -> str:
        items = schema.get("items") or {}
        if "prefixItems" in schema:
            return f"{len(schema['prefixItems'])} values"
        return f"{_bounds(schema, 'array').strip()} {self.of(items)}".strip()

    @staticmethod
    def _is_object(schema: Schema) -> bool:
        return schema.get("type") == "object" and "properties" in schema


def _bounds(schema: Schema, kind: str | None) -> str:
    least_word, most_word = BOUNDS.get(kind or "", ("", ""))
    least, most = schema.get(least_word), schema.get(most_word)
    if most is None or most == MAX_BIGINT:
        return ""
    if least is None or (kind in {"string", "array"} and least == 0):
        return f" ≤ {most}"
    return f" {least}–{most}" if least != most else f" {most}"
