"""Bodies, queries and answers about generations."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.domain.models.license import IssuedLicense
from webapp.domain.models.style import LicenseType
from webapp.domain.prices import MAX_PRICE_TOKENS
from webapp.domain.services.visibility import MAX_PICTURES
from webapp.schemas.fields import (
    Answer,
    Body,
    Count,
    Id,
    Name,
    PageQuery,
    Percent,
    PlainText,
    Time,
    Url,
    Word,
)
from webapp.schemas.prompts import Prompt
from webapp.schemas.styles import TagList

BY_SIZE = ", ".join(f"{each} ×{each.price_factor}" for each in AspectRatio)


class PreviewRequest(Prompt):
    """POST /generations/preview: what decides the pictures of an order, and their price."""

    style_id: Id
    aspect_ratio: AspectRatio = Field(
        AspectRatio.SQUARE,
        description=f"the price grows with the pixels: {BY_SIZE}, at most {MAX_PRICE_TOKENS}",
    )
    license_type: LicenseType | None = Field(
        None, description="personal by default, if the style sells it, else commercial"
    )


class GenerationRequest(PreviewRequest):
    """POST /generations; `allow_duplicate` orders a picture that the buyer has already."""

    description: PlainText = Field("", max_length=500)
    expected_price_tokens: int | None = Field(
        None,
        ge=0,
        le=MAX_PRICE_TOKENS,
        validation_alias=AliasChoices("expected_price_tokens", "generation_cost_tokens"),
        description="of one picture with the chosen licence and aspect ratio",
    )
    allow_duplicate: bool = False
    legal_name: PlainText | None = Field(
        None,
        max_length=120,
        examples=["Harbour Tea Ltd."],
        description="of the person or company that takes the licence, for its certificate",
    )


class GenerationChanges(Body):
    """PATCH /generations/:id by its owner."""

    is_public: bool | None = Field(None, examples=[True])
    description: PlainText | None = Field(None, max_length=500, examples=["Evening at the pier"])


class ChosenGenerations(Body):
    """Several of the user's own images."""

    generation_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_PICTURES)]


class VisibilityChange(ChosenGenerations):
    """POST /generations/visibility."""

    is_public: bool = Field(examples=[True])


class VisibilityChanged(Answer):
    """POST /generations/visibility: `changed_ids` are those that were not so before."""

    changed_ids: list[Id]


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
    aspect_ratio: AspectRatio | None = None
    following: bool = False


class ImageQuery(Body):
    """GET /generations/:id/image."""

    variant: Literal["full", "preview", "thumb"] = "full"
    download: bool = False


class Person(Answer):
    """A user, as others see them beside their images."""

    id: Id
    username: str = Field(examples=["mina"])
    display_name: str = Field(description="in any script; not unique", examples=["서하늘"])
    profile_image: Url | None


class ArtistOfImage(Answer):
    """Whose style an image is made in."""

    id: Id
    artist_name: str = Field(examples=["J. Han"])


class StyleOfImage(Answer):
    """The style an image is made in."""

    id: Id
    name: Name
    artist: ArtistOfImage


class RenderingProgress(Answer):
    """The progress of a rendering."""

    current_step: Count
    total_steps: Count
    progress_percent: Percent
    estimated_seconds: Count | None = None
    last_updated: Time


class LicenseOfImage(Answer):
    """The certificate of a delivered image."""

    public_id: str = Field(examples=["lic_01JH3Z6V9C"])
    url: Url


class GenerationView(Answer):
    """One image as others see it."""

    id: Id
    user: Person
    style: StyleOfImage
    status: GenerationStatus
    progress: RenderingProgress | None
    prompt_tags: list[Word]
    description: str = Field(examples=["Evening at the pier"])
    aspect_ratio: AspectRatio
    width: Literal[512, 1024]
    height: Literal[512, 1024]
    seed: Count
    style_strength: float = Field(ge=0, le=1.5, examples=[1.0])
    result_url: Url | None = Field(
        description="the full file: for its licensee, artist and administrators; else null"
    )
    preview_url: Url | None
    thumbnail_url: Url | None
    is_public: bool = Field(examples=[True])
    like_count: Count
    comment_count: Count
    is_liked: bool = Field(examples=[False])
    license: LicenseOfImage | None
    created_at: Time
    updated_at: Time
    completed_at: Time | None


class GenerationFailed(Answer):
    """Why there is no image."""

    code: Literal["GENERATION_FAILED"]
    cause: str | None = Field(examples=["GPU_OOM"])
    message: str | None = Field(examples=["The graphics card ran out of memory."])


class OwnGenerationView(GenerationView):
    """One image as its owner sees it."""

    negative_tags: list[Word]
    price_tokens: Count
    consumed_tokens: Count
    license_type: IssuedLicense
    refunded: bool = Field(examples=[False])
    attempt: int = Field(ge=1, examples=[1])
    next_retry_at: Time | None
    queue_ahead: Count | None = Field(
        examples=[2], description="pictures that will be claimed before; null unless it waits"
    )
    expected_seconds: Count | None = Field(
        examples=[240], description="until it has probably ended; null where that is not known"
    )
    failure: GenerationFailed | None
    batch_id: str = Field(examples=["b_7Kq2"])
    is_try_out: bool = Field(
        description="a free private picture of its artist, before the style is sold",
        examples=[False],
    )
    is_flagged: bool = Field(
        description="an administrator has hidden it: nobody else sees it", examples=[False]
    )


class Batch(Answer):
    """What was ordered together."""

    id: str = Field(examples=["b_7Kq2"])
    count: int = Field(ge=1, le=4, examples=[1])
    generation_ids: list[Id]
    total_price_tokens: Count


class OrderedGeneration(OwnGenerationView):
    """POST /generations: the first image, with all that was ordered.

    `unknown_tags` are those that may not be recognised.
    """

    batch: Batch
    unknown_tags: list[Word]


class OrderPreview(Answer):
    """POST /generations/preview: nothing is charged.

    `unknown_tags` may not be recognised; an order of which no word is known is refused.
    `owned_generation_ids` are images that the asker has of the same pictures.
    """

    total_price_tokens: Count
    unknown_tags: list[Word]
    is_any_known: bool = Field(examples=[True])
    owned_generation_ids: list[Id]


class FeedCard(Answer):
    """One image of the feed."""

    id: Id
    user: Person
    style: StyleOfImage
    preview_url: Url | None
    thumbnail_url: Url | None
    width: Literal[512, 1024]
    height: Literal[512, 1024]
    description: str = Field(examples=["Evening at the pier"])
    tags: list[Word]
    like_count: Count
    comment_count: Count
    is_liked: bool = Field(examples=[False])
    created_at: Time
