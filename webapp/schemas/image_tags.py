"""The tags of uploaded artworks, by the indexes of the files: in JSON, or as JSON in a form."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from webapp.schemas.fields import Tag

MAX_NAMED_IMAGES = 101


def _json_map(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value) if value.strip() else {}
        except (ValueError, RecursionError):
            raise ValueError("Must be a JSON object.") from None
    return value


def _short_keys(value: dict[int, list[str]]) -> dict[int, list[str]]:
    if any(not 0 <= index < MAX_NAMED_IMAGES for index in value):
        raise ValueError("Keys must be indexes of images.")
    return value


ImageTags = Annotated[
    dict[int, Annotated[list[Tag], Field(max_length=20)]],
    BeforeValidator(_json_map),
    AfterValidator(_short_keys),
]
