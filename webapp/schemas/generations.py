"""Bodies and queries about generations."""

from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.schemas.fields import Body, Id, PageQuery, PlainText, Tag, Whole, not_boolean
from webapp.schemas.styles import TagList

Strength = Annotated[float, BeforeValidator(not_boolean)]


class GenerationRequest(Body):
    """POST /generations."""

    style_id: Id
    prompt_tags: list[Tag] = Field(min_length=1, max_length=200)
    negative_tags: list[Tag] = Field(default=[], max_length=200)
    description: PlainText = Field("", max_length=500)
    aspect_ratio: AspectRatio = AspectRatio.SQUARE
    seed: Whole | None = Field(None, ge=0, le=4_294_967_295)
    style_strength: Strength = Field(1.0, ge=0, le=1.5, allow_inf_nan=False)
    count: Whole = Field(1, ge=1, le=4)
    expected_price_tokens: Whole | None = Field(
        None,
        ge=0,
        le=10_000,
        validation_alias=AliasChoices("expected_price_tokens", "generation_cost_tokens"),
    )


class GenerationChanges(Body):
    """PATCH /generations/:id by its owner."""

    is_public: bool | None = None
    description: PlainText | None = Field(None, max_length=500)


class GenerationListQuery(PageQuery):
    """GET /generations/me."""

    status: GenerationStatus | Literal["all"] = "all"
    is_public: bool | Literal["all"] = "all"
    style_id: Id | None = None


class FeedQuery(PageQuery):
    """GET /generations/feed."""

    sort: Literal["recent", "popular", "created_at"] = "recent"
    tags: TagList = Field(default=[], max_length=10)
    tags_any: TagList = Field(default=[], max_length=10)
    style_id: Id | None = None
    artist_id: Id | None = None
    user_id: Id | None = None
    following: bool = False


class ImageQuery(Body):
    """GET /generations/:id/image."""

    variant: Literal["full", "preview", "thumb"] = "full"
    download: bool = False
