"""Bodies and queries about styles."""

import json
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from webapp.domain.models.style import LicenseType, TrainingStatus
from webapp.schemas.fields import Body, Filename, Id, PageQuery, PlainText, Price, Tag, Whole

MAX_NAMED_IMAGES = 101


def _tag_list(value: Any) -> Any:
    """Forms may send `tags` once as a comma-separated text, or repeated."""
    if isinstance(value, str):
        return [tag for tag in (part.strip() for part in value.split(",")) if tag]
    return value


def _json_map(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value) if value.strip() else {}
        except (ValueError, RecursionError):
            raise ValueError("must be a JSON map") from None
    return value


def _short_keys(value: dict[int, list[str]]) -> dict[int, list[str]]:
    if any(not 0 <= index < MAX_NAMED_IMAGES for index in value):
        raise ValueError("keys are the indexes of images")
    return value


TagList = Annotated[list[Tag], BeforeValidator(_tag_list)]
ImageTags = Annotated[
    dict[int, Annotated[list[Tag], Field(max_length=20)]],
    BeforeValidator(_json_map),
    AfterValidator(_short_keys),
]


class StyleFields(Body):
    """What an artist says of a new style, in a form or in JSON."""

    name: PlainText = Field(min_length=3, max_length=100)
    description: PlainText = Field(min_length=1, max_length=2000)
    price_tokens: Price = Field(
        validation_alias=AliasChoices("price_tokens", "generation_cost_tokens")
    )
    license_type: LicenseType = LicenseType.PERSONAL
    valid_from: date | None = None
    valid_to: date | None = None
    tags: TagList = Field(default=[], max_length=10)

    @model_validator(mode="after")
    def _period(self) -> "StyleFields":
        start = self.valid_from or date.min
        if self.valid_to is not None and self.valid_to <= max(start, date.today()):  # noqa: DTZ011 - a licence day has no zone
            raise ValueError("valid_to must be after valid_from and after today")
        return self


class StyleChanges(Body):
    """PATCH /styles/:id by its artist: what is given changes, and only `valid_to` may be null."""

    description: PlainText = Field("", min_length=1, max_length=2000)
    price_tokens: Price = Field(
        1, validation_alias=AliasChoices("price_tokens", "generation_cost_tokens")
    )
    license_type: LicenseType = LicenseType.PERSONAL
    valid_to: date | None = None
    is_active: bool = True


class StyleForm(StyleFields):
    """POST /styles as multipart."""

    image_tags: ImageTags = Field(default={})


class DeclaredFileBody(Body):
    """One file that will be uploaded straight to storage."""

    filename: Filename
    size: Whole = Field(ge=1, le=2**40)
    content_type: str = Field(max_length=100)
    tags: list[Tag] = Field(default=[], max_length=20)


class DeclaredStyle(StyleFields):
    """POST /styles as JSON."""

    files: list[DeclaredFileBody] = Field(max_length=1000)


class RetrainForm(Body):
    """POST /styles/:id/retrain as multipart."""

    remove_artwork_ids: Annotated[list[Id], BeforeValidator(_tag_list)] = Field(
        default=[], max_length=100
    )
    image_tags: ImageTags = Field(default={})


class RetrainBody(Body):
    """POST /styles/:id/retrain as JSON."""

    remove_artwork_ids: list[Id] = Field(default=[], max_length=100)
    files: list[DeclaredFileBody] = Field(default=[], max_length=1000)


class StyleListQuery(PageQuery):
    """GET /styles."""

    sort: Literal["recent", "popular", "created_at"] = "recent"
    tags: TagList = Field(default=[], max_length=10)
    tags_any: TagList = Field(default=[], max_length=10)
    artist_id: Id | None = None
    license_type: LicenseType | None = None
    following: bool = False
    training_status: TrainingStatus | Literal["all"] = TrainingStatus.COMPLETED
