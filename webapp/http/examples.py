"""Examples of whole bodies and answers, built from the examples of their fields."""

from typing import Any

from pydantic.json_schema import JsonSchemaValue

# Numbers and times have a default; texts need an example at the field.
PLAIN = {"integer": 1, "number": 1.0, "boolean": False, "null": None}
MOMENTS = {"date": "2026-01-15", "date-time": "2026-01-15T12:00:00Z"}


def example(schema: JsonSchemaValue, definitions: dict[str, JsonSchemaValue]) -> Any:
    """Return a value of a JSON schema: its own example, or one built from its parts.

    Optional properties without an example are omitted. Raises ValueError for a text without an
    example.
    """
    for keyword in ("examples", "enum"):
        if keyword in schema:
            return schema[keyword][0]
    for keyword in ("example", "const", "default"):
        if keyword in schema:
            return schema[keyword]
    if "$ref" in schema:
        return example(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], definitions)
    return _built(schema, definitions)


def _built(schema: JsonSchemaValue, definitions: dict[str, JsonSchemaValue]) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return [example(schema["items"], definitions)] * max(1, schema.get("minItems", 1))
    if kind == "object":
        required = schema.get("required", [])
        return {
            name: example(part, definitions)
            for name, part in schema.get("properties", {}).items()
            if name in required or "examples" in part
        }
    if schema.get("format") in MOMENTS:
        return MOMENTS[schema["format"]]
    if kind not in PLAIN:
        raise ValueError(f"A field has no example: {schema}.")
    return max(PLAIN[kind], schema["minimum"]) if "minimum" in schema else PLAIN[kind]
