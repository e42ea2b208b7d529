"""Bodies, queries and answers about styles."""

import json
from datetime import date
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from webapp.domain import market, names
from webapp.domain.models.job import JobState
from webapp.domain.models.style import (
    ArtworkStatus,
    LicenseType,
    PublishWhen,
    TrainingStatus,
)
from webapp.domain.services.offers import TermChanges
from webapp.schemas.checkpoints import KeptCheckpoint
from webapp.schemas.fields import (
    MARKET_DAY,
    Answer,
    Body,
    Count,
    Day,
    Filename,
    Id,
    Name,
    PageQuery,
    Percent,
    PlainText,
    Price,
    Tag,
    Time,
    Url,
    Word,
)
from webapp.schemas.try_outs import TryOutView

MAX_NAMED_IMAGES = 101
MIN_NAME_WIDTH = 3  # in Latin letters; a Korean syllable counts as two
ACCEPT_SIMILAR = "use artworks that look nearly the same too; else they are left out: SIMILAR_IMAGE"


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
            raise ValueError("Must be a JSON object.") from None
    return value


def _short_keys(value: dict[int, list[str]]) -> dict[int, list[str]]:
    if any(not 0 <= index < MAX_NAMED_IMAGES for index in value):
        raise ValueError("Keys must be indexes of images.")
    return value


def _long_enough(name: str) -> str:
    if names.width(name) < MIN_NAME_WIDTH:
        raise PydanticCustomError("string_too_short", "Too short.", {"min_length": MIN_NAME_WIDTH})
    return name


TagList = Annotated[list[Tag], BeforeValidator(_tag_list)]
ImageTags = Annotated[
    dict[int, Annotated[list[Tag], Field(max_length=20)]],
    BeforeValidator(_json_map),
    AfterValidator(_short_keys),
]


class StyleFields(Body):
    """What an artist says of a new style, in a form or in JSON."""

    name: Annotated[PlainText, AfterValidator(_long_enough)] = Field(
        min_length=2,
        max_length=100,
        examples=["Ink Harbor"],
        description="in any script; at least 3 letters, or 2 Korean syllables",
    )
    english_name: PlainText | None = Field(
        None,
        min_length=1,
        max_length=100,
        examples=["Ink Harbor"],
        description="the tag that stands for the name; made of the name where it is left out",
    )
    description: PlainText = Field(min_length=1, max_length=2000, examples=["Piers in ink."])
    price_tokens: Price = Field(
        validation_alias=AliasChoices("price_tokens", "generation_cost_tokens")
    )
    license_type: LicenseType = LicenseType.PERSONAL
    valid_from: date | None = Field(None, description=MARKET_DAY)
    valid_to: date | None = Field(None, description=MARKET_DAY)
    tags: TagList = Field(default=[], max_length=10)
    rights_statement: str | None = Field(
        None, max_length=2000, description="what the artist agreed to, word for word as shown"
    )
    accept_similar: bool = Field(False, description=ACCEPT_SIMILAR)
    publish: PublishWhen = Field(
        PublishWhen.BY_ARTIST,
        description="put on sale by its artist, or by itself as soon as it is trained",
    )

    @model_validator(mode="after")
    def _period(self) -> "StyleFields":
        start = self.valid_from or date.min
        if self.valid_to is not None and self.valid_to <= max(start, market.today()):
            raise ValueError("Must be after valid_from and after today.")
        return self


class StyleChanges(Body):
    """PATCH /styles/:id by its artist: absent fields stay, and only `valid_to` may be null."""

    description: PlainText = Field("", min_length=1, max_length=2000)
    price_tokens: Price = Field(
        1, validation_alias=AliasChoices("price_tokens", "generation_cost_tokens")
    )
    license_type: LicenseType = LicenseType.PERSONAL
    valid_to: date | None = Field(None, description=MARKET_DAY)
    is_active: bool = True

    def terms(self) -> TermChanges:
        """Return what changes, without what was left out."""
        return cast("TermChanges", self.model_dump(exclude_unset=True))


class StyleForm(StyleFields):
    """POST /styles as multipart."""

    image_tags: ImageTags = Field(default={})


class DeclaredFileBody(Body):
    """One file that will be uploaded straight to storage."""

    filename: Filename
    size: int = Field(ge=1, le=2**40, json_schema_extra={"maximum": 10 * 2**20}, examples=[204_800])
    content_type: str = Field(
        max_length=100, json_schema_extra={"enum": ["image/png", "image/jpeg"]}
    )
    tags: list[Tag] = Field(default=[], max_length=20)


class DeclaredStyle(StyleFields):
    """POST /styles as JSON."""

    # Their number is judged with that of the style's other artworks; it has its own error codes.
    files: list[DeclaredFileBody] = Field(
        max_length=1000, json_schema_extra={"minItems": 10, "maxItems": 100}
    )


class RetrainForm(Body):
    """POST /styles/:id/retrain as multipart."""

    remove_artwork_ids: Annotated[list[Id], BeforeValidator(_tag_list)] = Field(
        default=[], max_length=100
    )
    publish: PublishWhen | None = Field(None, description="as before, by default")
    image_tags: ImageTags = Field(default={})
    accept_similar: bool = Field(False, description=ACCEPT_SIMILAR)


class RetrainBody(Body):
    """POST /styles/:id/retrain as JSON."""

    remove_artwork_ids: list[Id] = Field(default=[], max_length=100)
    publish: PublishWhen | None = Field(None, description="as before, by default")
    files: list[DeclaredFileBody] = Field(default=[], max_length=1000)
    accept_similar: bool = Field(False, description=ACCEPT_SIMILAR)


class StyleListQuery(PageQuery):
    """GET /styles."""

    sort: Literal["recent", "popular", "created_at"] = "recent"
    tags: TagList = Field(default=[], max_length=10)
    tags_any: TagList = Field(default=[], max_length=10)
    artist_id: Id | None = None
    license_type: LicenseType | None = None
    following: bool = False
    training_status: TrainingStatus | Literal["all"] = TrainingStatus.COMPLETED


class ArtistOfStyle(Answer):
    """Whose style it is."""

    id: Id
    username: str = Field(examples=["han"])
    artist_name: str = Field(examples=["J. Han"])
    profile_image: Url | None
    follower_count: Count


class StyleCard(Answer):
    """One style of the catalogue."""

    id: Id
    name: Name
    description: str = Field(examples=["Piers in ink."])
    thumbnail_url: Url | None
    artist: ArtistOfStyle
    training_status: TrainingStatus
    price_tokens: Price
    generation_cost_tokens: Price
    license_type: LicenseType
    usage_count: Count
    tags: list[Word]
    created_at: Time


class TrainingProgress(Answer):
    """The progress of a training."""

    current_epoch: Count
    total_epochs: Count
    progress_percent: Percent
    estimated_seconds: Count | None = None
    last_updated: Time


class TrainingFailed(Answer):
    """Why a style could not be learned."""

    code: Literal["TRAINING_FAILED"]
    cause: str | None = Field(examples=["INSUFFICIENT_IMAGES"])
    message: str | None = Field(examples=["Only 9 images could be used."])


class OwnStyleCard(StyleCard):
    """One of the artist's own styles."""

    is_active: bool = Field(examples=[True])
    progress: TrainingProgress | None
    failure: TrainingFailed | None
    total_earned_tokens: Count


class StyleNumbers(Answer):
    """How a style is received."""

    total_generations: Count
    avg_likes: float = Field(ge=0, examples=[1.5])


class StyleView(StyleCard):
    """One style as everybody sees it."""

    valid_from: Day
    valid_to: Day | None
    is_active: bool = Field(examples=[True])
    progress: TrainingProgress | None
    updated_at: Time
    stats: StyleNumbers
    is_outdated: bool = Field(
        examples=[False], description="trained on other weights than are in use: not drawn any more"
    )
    sample_images: list[Url]


class ArtworkView(Answer):
    """One training image, shown to its artist only."""

    id: Id
    idx: Count
    filename: Filename
    url: Url | None
    tags: list[Word]
    status: ArtworkStatus
    code: str | None = Field(examples=["DUPLICATE_IMAGE"])
    twin_idx: Count | None = Field(
        examples=[3], description="the artwork that this one is the same as, or nearly the same"
    )
    width: Count | None
    height: Count | None


class Validation(Answer):
    """How many training images are judged, and how."""

    total: Count
    pending: Count
    valid: Count
    rejected: Count


class Checkpoint(Answer):
    """A step at which a training was measured, and what it drew there."""

    step: Count
    held_out_loss: float | None = Field(examples=[0.18])
    samples: list[Url]


class RightsStatement(Answer):
    """What the artist stated about the artworks."""

    statement: str = Field(examples=["I made these works myself."])
    version: str = Field(examples=["2026-11"])
    agreed_at: Time


class TrainingLog(Answer):
    """The newest run: its stage, its curve of [step, loss, held-out loss], its samples."""

    step: str = Field(examples=["train_style"])
    tries: Count
    state: JobState | None
    waits_for_uploads: bool = Field(examples=[False])
    losses: list[list[float | None]] = Field(examples=[[[10, 0.21, None]]])
    samples: list[Url]
    checkpoints: list[Checkpoint]


class OwnStyleView(StyleView):
    """One style as its artist sees it."""

    artwork_count: Count
    artworks: list[ArtworkView]
    validation: Validation
    training_metric: dict[str, float] | None = Field(examples=[{"loss": 0.12, "epochs": 100}])
    training_log: TrainingLog | None
    rights: RightsStatement | None
    publish: PublishWhen
    checkpoints: list[KeptCheckpoint] = Field(description="to choose from, the earliest first")
    checkpoint: Count | None = Field(description="the step of the one that is sold")
    try_outs: list[TryOutView]
    try_outs_left: Count = Field(examples=[7])
    attempt: int = Field(ge=1, examples=[1])
    failure: TrainingFailed | None


class UploadTarget(Answer):
    """Where one declared file is to be put."""

    artwork_id: Id
    idx: Count
    method: Literal["PUT"]
    url: Url
    headers: dict[str, str] = Field(examples=[{"Content-Type": "image/png"}])
    expires_at: Time


class AwaitedStyleView(OwnStyleView):
    """A style that waits for its files."""

    uploads: list[UploadTarget]
    confirm_url: str = Field(examples=["/api/v1/styles/10/confirm-upload"])
