"""What the answers about a picture hold: for everybody, its owner, administrators, the feed."""

from dataclasses import dataclass, fields
from datetime import datetime

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.generation import AspectRatio, GenerationStatus
from webapp.domain.models.license import IssuedLicense
from webapp.domain.queries.answers import ArtistName, extended
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.queue_positions import QueuePosition
from webapp.domain.queries.users import UserSummary, summary
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services.licenses import certificate_url
from webapp.domain.settings import settings

REFUNDED = frozenset({GenerationStatus.FAILED, GenerationStatus.CANCELED})
FINAL = REFUNDED | {GenerationStatus.COMPLETED}


@dataclass(frozen=True, slots=True)
class StyleSummary:
    """The style of a picture, with its artist."""

    id: int
    name: str
    artist: ArtistName


@dataclass(frozen=True, slots=True)
class RenderingProgress:
    """The progress of a rendering.

    Attributes:
        current_step: denoising steps done, 0 to `total_steps`.
        progress_percent: 0 to 100; never decreases.
        estimated_seconds: remaining time; None when the worker did not report it.
        last_updated: time of the report in UTC, ISO 8601.

    """

    current_step: int
    total_steps: int
    progress_percent: int
    estimated_seconds: int | None
    last_updated: str


@dataclass(frozen=True, slots=True)
class LicenseLink:
    """The certificate of a picture."""

    public_id: str
    url: str


@dataclass(frozen=True, slots=True)
class GenerationFailure:
    """The reason of a failure; `cause` is one of the codes of docs/api.md."""

    code: str
    cause: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class GenerationView:
    """A picture as everybody sees it; `result_url` only for who may have the full file."""

    id: int
    user: UserSummary
    style: StyleSummary
    status: GenerationStatus
    progress: RenderingProgress | None
    prompt_tags: list[str]
    description: str
    aspect_ratio: AspectRatio
    width: int
    height: int
    seed: int
    style_strength: float
    result_url: str | None
    preview_url: str | None
    thumbnail_url: str | None
    is_public: bool
    like_count: int
    comment_count: int
    is_liked: bool
    license: LicenseLink | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnGenerationView(GenerationView):
    """A picture as its owner sees it; the queue's two fields only while it waits for a worker.

    `is_flagged`: an administrator has hidden it.
    """

    negative_tags: list[str]
    price_tokens: int
    consumed_tokens: int
    license_type: IssuedLicense
    refunded: bool
    attempt: int
    next_retry_at: datetime | None
    queue_ahead: int | None
    expected_seconds: int | None
    failure: GenerationFailure | None
    batch_id: str
    is_try_out: bool
    is_flagged: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """The pictures of one order."""

    id: str
    count: int
    generation_ids: list[int]
    total_price_tokens: int


@dataclass(frozen=True, slots=True)
class OrderedGeneration(OwnGenerationView):
    """The first picture of a new order, with the order; `unknown_tags` may not be recognised."""

    batch: Batch
    unknown_tags: list[str]


@dataclass(frozen=True, slots=True)
class TryOutView:
    """A free private picture; `checkpoint` is the training step of its adapter."""

    id: int
    checkpoint: int
    status: GenerationStatus
    progress: RenderingProgress | None
    prompt_tags: list[str]
    negative_tags: list[str]
    aspect_ratio: AspectRatio
    width: int
    height: int
    seed: int
    style_strength: float
    result_url: str | None
    preview_url: str | None
    thumbnail_url: str | None
    failure: GenerationFailure | None
    created_at: datetime


def style_summary(row: AnyRow) -> StyleSummary:
    """Return the style of a row that has the columns `generations.STYLE_COLUMNS`."""
    return StyleSummary(
        id=row.style_id,
        name=row.style_name,
        artist=ArtistName(id=row.artist_id, artist_name=row.artist_name),
    )


def public_view(storage: Storage, row: AnyRow, *, has_file: bool) -> GenerationView:
    """Return a row of `generations.COLUMNS` as everybody sees it; `has_file` adds the full file."""
    is_done = row.status == GenerationStatus.COMPLETED
    return GenerationView(
        id=row.id,
        user=summary(storage, row, user_id=row.user_id),
        style=style_summary(row),
        status=row.status,
        progress=_progress(row),
        prompt_tags=row.prompt_tags,
        description=row.description,
        aspect_ratio=row.aspect_ratio,
        width=row.width,
        height=row.height,
        seed=row.seed,
        style_strength=row.style_strength,
        result_url=signed_url(storage, row.image_key) if is_done and has_file else None,
        preview_url=signed_url(storage, row.preview_key) if is_done else None,
        thumbnail_url=signed_url(storage, row.thumbnail_key) if is_done else None,
        is_public=row.is_public,
        like_count=row.like_count,
        comment_count=row.comment_count,
        is_liked=row.is_liked,
        license=_license(row) if is_done else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        completed_at=row.completed_at,
    )


def owner_view(
    storage: Storage, row: AnyRow, position: QueuePosition | None = None
) -> OwnGenerationView:
    """Return a row of `generations.COLUMNS` as its owner sees it; `position` while it waits."""
    return extended(
        OwnGenerationView,
        public_view(storage, row, has_file=True),
        negative_tags=row.negative_tags,
        price_tokens=row.price_tokens,
        consumed_tokens=row.price_tokens,
        license_type=IssuedLicense(row.license_type),
        refunded=(row.status in REFUNDED and row.price_tokens > 0) or row.is_reversed,
        attempt=(row.tries or 0) + 1,
        next_retry_at=row.run_at if row.status == GenerationStatus.RETRYING else None,
        queue_ahead=position.ahead if position else None,
        expected_seconds=position.expected_seconds if position else None,
        failure=_failure(row),
        batch_id=row.order_id,
        is_try_out=row.price_tokens == 0,
        is_flagged=row.is_flagged,
    )


def try_out_view(storage: Storage, row: AnyRow) -> TryOutView:
    """Return a row of `generations.COLUMNS` and the `step` of its checkpoint."""
    view = owner_view(storage, row)
    names = {each.name for each in fields(TryOutView)} - {"checkpoint"}
    return TryOutView(checkpoint=row.step, **{name: getattr(view, name) for name in names})


def _progress(row: AnyRow) -> RenderingProgress | None:
    report = row.progress
    if report is None or row.status != GenerationStatus.PROCESSING:
        return None
    return RenderingProgress(
        current_step=report["current_step"],
        total_steps=report["total_steps"],
        progress_percent=report["progress_percent"],
        estimated_seconds=report.get("estimated_seconds"),
        last_updated=report["last_updated"],
    )


def _license(row: AnyRow) -> LicenseLink:
    public_id = row.license_public_id
    return LicenseLink(public_id, certificate_url(settings().public_base_url, public_id))


def _failure(row: AnyRow) -> GenerationFailure | None:
    if row.status != GenerationStatus.FAILED:
        return None
    return GenerationFailure("GENERATION_FAILED", row.failure_cause, row.failure_message)
