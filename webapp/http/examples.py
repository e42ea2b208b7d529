"""Examples of whole bodies and answers, put together from the examples at the fields."""

from typing import Any

Schema = dict[str, Any]
# Numbers and times speak for themselves; words need an example of their own.
PLAIN = {"integer": 1, "number": 1.0, "boolean": False, "null": None}
MOMENTS = {"date": "2026-01-15", "date-time": "2026-01-15T12:00:00Z"}


def example(schema: Schema, definitions: dict[str, Schema]) -> Any:
    """Return a value of a JSON schema: its own example, or one made of its parts.

    Optional properties without an example of their own are left out. Raises ValueError for words
    that nobody gave an example of.
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
    return _made(schema, definitions)


def _made(schema: Schema, definitions: dict[str, Schema]) -> Any:
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
        raise ValueError(f"Nobody gave an example of {schema}.")
    return max(PLAIN[kind], schema["minimum"]) if "minimum" in schema else PLAIN[kind]
