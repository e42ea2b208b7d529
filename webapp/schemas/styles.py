"""Bodies, queries and answers about styles."""

from datetime import date
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from webapp.domain import market, names
from webapp.domain.models.job import JobState
from webapp.domain.models.shown_artwork import MAX_SHOWN
from webapp.domain.models.style import (
    ArtworkStatus,
    LicenseType,
    PublishWhen,
    TrainingStatus,
)
from webapp.domain.prices import Prices
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
from webapp.schemas.image_tags import ImageTags
from webapp.schemas.prices import NewPrices, PricesOfStyle, SentPrices
from webapp.schemas.shown_artworks import ShownArtworkView
from webapp.schemas.try_outs import TryOutView

MIN_NAME_WIDTH = 3  # in Latin letters; a Korean syllable counts as two
ACCEPT_SIMILAR = "use artworks that look nearly the same too; else they are left out: SIMILAR_IMAGE"


def _tag_list(value: Any) -> Any:
    """Forms may send `tags` once as a comma-separated text, or repeated."""
    if isinstance(value, str):
        return [tag for tag in (part.strip() for part in value.split(",")) if tag]
    return value


def _long_enough(name: str) -> str:
    if names.width(name) < MIN_NAME_WIDTH:
        raise PydanticCustomError("string_too_short", "Too short.", {"min_length": MIN_NAME_WIDTH})
    return name


TagList = Annotated[list[Tag], BeforeValidator(_tag_list)]


class StyleFields(Body):
    """What an artist says of a new style, in a form or in JSON.

    Its prices are `prices`, or for one licence `price_tokens` and `license_type`.
    """

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
    prices: NewPrices | None = Field(None, description="of one licence or both")
    price_tokens: Price | None = Field(
        None,
        validation_alias=AliasChoices("price_tokens", "generation_cost_tokens"),
        validate_default=True,
        examples=[120],
        description="of license_type, the only licence; required without prices, else ignored",
    )
    license_type: LicenseType = Field(
        LicenseType.PERSONAL, description="the only licence; ignored with prices"
    )
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

    @field_validator("price_tokens")
    @classmethod
    def _required(cls, price: int | None, info: ValidationInfo) -> int | None:
        if price is None and info.data.get("prices", ...) is None:
            raise PydanticCustomError("missing", "Field required")
        return price

    def sold(self) -> Prices:
        """Return the prices of the licences that are sold."""
        if self.prices is not None:
            return self.prices.prices()
        return Prices.of_one(self.license_type, self.price_tokens or 0)

    @model_validator(mode="after")
    def _period(self) -> "StyleFields":
        start = self.valid_from or date.min
        if self.valid_to is not None and self.valid_to <= max(start, market.today()):
            raise ValueError("Must be after valid_from and after today.")
        return self


class StyleChanges(Body):
    """PATCH /styles/:id by its artist: absent fields stay, and only `valid_to` may be null."""

    description: PlainText = Field("", min_length=1, max_length=2000)
    prices: NewPrices = Field(NewPrices(personal=1), description="all that is sold from now on")
    price_tokens: Price = Field(
        1,
        validation_alias=AliasChoices("price_tokens", "generation_cost_tokens"),
        description="of the style's license_type; ignored with prices",
    )
    license_type: LicenseType = Field(
        LicenseType.PERSONAL,
        description="if it is another one than the style's, the only one from now on;"
        " ignored with prices",
    )
    valid_to: date | None = Field(None, description=MARKET_DAY)
    is_active: bool = True

    def terms(self) -> TermChanges:
        """Return what changes, without what was left out."""
        changes = cast("TermChanges", self.model_dump(exclude_unset=True))
        if "prices" in changes:
            changes["prices"] = self.prices.prices()
        return changes


class StyleForm(StyleFields):
    """POST /styles as multipart."""

    prices: SentPrices = Field(None, description="of one licence or both, as JSON")
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
    license_type: LicenseType | None = Field(None, description="that is sold")
    max_price: Price | None = Field(
        None,
        description="in tokens, of license_type; without one, of the cheaper licence;"
        " of 512×512 pixels",
    )
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
    price_tokens: Price = Field(description="of license_type, of 512×512 pixels: the lowest")
    generation_cost_tokens: Price
    license_type: LicenseType = Field(description="of orders that choose none")
    prices: PricesOfStyle
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
    base_sample_images: list[Url] = Field(description="the same without the style, if known")
    shown_artworks: list[ShownArtworkView] = Field(
        max_length=MAX_SHOWN, description="artworks that the artist shows; no licence covers them"
    )


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
    queue_ahead: Count | None = Field(
        examples=[2], description="trainings that will be claimed before; null unless it waits"
    )
    expected_seconds: Count | None = Field(
        examples=[240], description="until it has probably ended; null where that is not known"
    )
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
