"""Lists of styles: the catalogue, the styles of an artist, and all styles for administrators.

Each list is one statement. URLs of pictures are short-lived.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, false, func, select
from sqlalchemy.orm import Session

from webapp.domain import korean_words
from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.style import LicenseType, Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.prices import Prices
from webapp.domain.queries import searching
from webapp.domain.queries.answers import extended
from webapp.domain.queries.moderation import ModerationFilter
from webapp.domain.queries.pagination import (
    AnyRow,
    AnySelect,
    Keyset,
    Page,
    PageRequest,
    SortColumn,
)
from webapp.domain.queries.viewing import Viewer, flags, matching, signed_url, tag_conditions
from webapp.domain.services import follows, ledger, offers

ALL = "all"
LATEST_RUN = (
    select(func.max(TrainingRun.id))
    .where(TrainingRun.style_id == Style.id)
    .correlate(Style)
    .scalar_subquery()
)
EARNED = (
    select(func.coalesce(func.sum(Generation.price_tokens), 0))
    .where(
        Generation.style_id == Style.id,
        Generation.status == GenerationStatus.COMPLETED,
        ~ledger.is_reversed(),
    )
    .correlate(Style)
    .scalar_subquery()
    .label("earned")
)
CARD_COLUMNS = (
    Style.id, Style.artist_id, Style.name, Style.description, Style.thumbnail_key,
    Style.training_status, Style.price_tokens, Style.license_type, Style.commercial_price_tokens,
    Style.usage_count, Style.tags, Style.created_at, User.username, User.profile_image_key,
    Artist.artist_name, User.follower_count,
)  # fmt: skip
RUN_COLUMNS = (
    TrainingRun.progress,
    TrainingRun.metric,
    TrainingRun.attempt,
    TrainingRun.failure_cause,
    TrainingRun.failure_message,
)


@dataclass(frozen=True)
class StyleFilter:
    """Filters and order of the catalogue; `sort` is recent or popular.

    `max_price` is that of the licence `license_type`; without one, that of the cheaper licence.
    """

    sort: str = "recent"
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    artist_id: int | None = None
    license_type: str | None = None
    max_price: int | None = None
    following: bool = False
    training_status: str = TrainingStatus.COMPLETED


@dataclass(frozen=True, slots=True)
class StyleArtist:
    """The artist of a style; `profile_image` is a short-lived URL."""

    id: int
    username: str
    artist_name: str
    profile_image: str | None
    follower_count: int


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """The progress of a training.

    Attributes:
        current_epoch: epochs done, 0 to `total_epochs`.
        progress_percent: 0 to 100; never decreases.
        estimated_seconds: remaining time; None when the worker did not report it.
        last_updated: time of the report in UTC, ISO 8601.

    """

    current_epoch: int
    total_epochs: int
    progress_percent: int
    estimated_seconds: int | None
    last_updated: str


@dataclass(frozen=True, slots=True)
class TrainingFailure:
    """The reason of a failed training; `cause` is one of the codes of docs/api.md."""

    code: str
    cause: str
    message: str | None


@dataclass(frozen=True, slots=True)
class StyleCard:
    """A style in a list.

    `price_tokens` is the price of `license_type`, which is what an order gets by default.
    """

    id: int
    name: str
    description: str
    thumbnail_url: str | None
    artist: StyleArtist
    training_status: TrainingStatus
    price_tokens: int
    generation_cost_tokens: int
    license_type: LicenseType
    prices: Prices
    usage_count: int
    tags: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OwnStyleCard(StyleCard):
    """A style in the list of its artist."""

    is_active: bool
    progress: TrainingProgress | None
    failure: TrainingFailure | None
    total_earned_tokens: int


@dataclass(frozen=True, slots=True)
class ModeratedStyleCard(OwnStyleCard):
    """A style in the list of administrators."""

    is_flagged: bool


def catalogue(
    session: Session,
    storage: Storage,
    *,
    filters: StyleFilter,
    viewer: Viewer,
    page: PageRequest,
) -> Page[StyleCard]:
    """List active, unflagged styles; unfinished ones only for their artist.

    `following` keeps the styles of the artists whom the viewer follows. Raises ValidationFailed
    for an unknown `sort`, for a tag that is not allowed, and for a wrong cursor.
    """
    conditions = tag_conditions(Style.tags, filters.tags, filters.tags_any)
    if filters.training_status != TrainingStatus.COMPLETED:
        conditions.append(Style.artist_id == viewer.user_id if viewer.user_id else false())
    if filters.training_status != ALL:
        conditions.append(Style.training_status == filters.training_status)
    if filters.artist_id is not None:
        conditions.append(Style.artist_id == filters.artist_id)
    conditions += price_conditions(filters.license_type, filters.max_price)
    keyset = _keyset(filters.sort, {"list": "styles", **vars(filters)})
    statement = with_artist(select(*CARD_COLUMNS))

    def narrowing(style: type[Style]) -> list[ColumnElement[bool]]:
        if not filters.following:
            return []
        followed = follows.by_followed if style is Style else follows.each_by_followed
        return [followed(viewer.user_id, style.artist_id)]

    rows = keyset.find(
        Style,
        select(*Style.__table__.columns).where(*offers.SHOWN, *conditions),
        page,
        lambda ids: session.execute(keyset.look_up(statement, ids)).all(),
        narrowing,
    )
    return keyset.page(rows, page, lambda row: card(storage, row))


def price_conditions(license_type: str | None, max_price: int | None) -> list[ColumnElement[bool]]:
    """Return the conditions that styles sell a licence, for at most a price; None: any."""
    conditions: list[ColumnElement[bool]] = []
    price: ColumnElement[int] = Style.price_tokens.expression
    if license_type == LicenseType.PERSONAL:
        conditions.append(Style.license_type == LicenseType.PERSONAL)
    elif license_type == LicenseType.COMMERCIAL:
        is_only = Style.license_type == LicenseType.COMMERCIAL
        conditions.append(is_only | Style.commercial_price_tokens.is_not(None))
        price = func.coalesce(Style.commercial_price_tokens, Style.price_tokens)
    if max_price is not None:
        conditions.append(price <= max_price)
    return conditions


def own(
    session: Session, storage: Storage, *, artist_id: int, page: PageRequest
) -> Page[OwnStyleCard]:
    """List an artist's own styles in every state, newest first."""
    keyset = _keyset("recent", {"list": "own styles", "artist_id": artist_id})
    statement = (
        with_artist(select(*CARD_COLUMNS, Style.is_active, *RUN_COLUMNS, EARNED))
        .outerjoin(TrainingRun, TrainingRun.id == LATEST_RUN)
        .where(Style.artist_id == artist_id)
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    return keyset.page(rows, page, lambda row: _own_card(storage, row))


def for_admin(
    session: Session, storage: Storage, *, filters: ModerationFilter, page: PageRequest
) -> Page[ModeratedStyleCard]:
    """List styles in every state, newest first; `q` is part of a name or one tag.

    A Korean word of the dictionary stands for its tag.
    """
    conditions = [
        *flags((Style.is_flagged, filters.is_flagged), (Style.is_active, filters.is_active)),
        *matching((Style.artist_id, filters.user_id)),
    ]
    term = filters.q and searching.cleaned(session, filters.q)
    keyset = _keyset("recent", {"list": "admin styles", **vars(filters)})
    statement = with_artist(
        select(*CARD_COLUMNS, Style.is_active, Style.is_flagged, *RUN_COLUMNS, EARNED)
    ).outerjoin(TrainingRun, TrainingRun.id == LATEST_RUN)

    def matches(style: type[Style]) -> list[ColumnElement[bool]]:
        if not term:
            return []
        by_name = searching.contains(style.name_grams, style.name, term)
        return [by_name | style.tags.contains([korean_words.in_english(term)])]

    rows = keyset.find(
        Style,
        select(*Style.__table__.columns).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(statement, ids)).all(),
        matches,
    )
    return keyset.page(rows, page, lambda row: _moderated_card(storage, row))


def with_artist(statement: AnySelect) -> AnySelect:
    """Return a statement about styles, joined with their artists and users."""
    return (
        statement.select_from(Style)
        .join(Artist, Artist.user_id == Style.artist_id)
        .join(User, User.id == Style.artist_id)
    )


def _keyset(sort: str, binding: dict[str, object]) -> Keyset:
    if sort not in {"recent", "popular"}:
        raise ValidationFailed(
            fields={"sort": [FieldProblem("One of %(choices)s.", choices="recent, popular")]}
        )
    recent: list[SortColumn] = [
        (Style.created_at, "created_at", datetime),
        (Style.id, "id", int),
    ]
    popular: list[SortColumn] = (
        [(Style.usage_count, "usage_count", int)] if sort == "popular" else []
    )
    return Keyset([*popular, *recent], binding)


def card(storage: Storage, row: AnyRow) -> StyleCard:
    """Return a row of `CARD_COLUMNS` as a card."""
    return StyleCard(
        id=row.id,
        name=row.name,
        description=row.description,
        thumbnail_url=signed_url(storage, row.thumbnail_key),
        artist=StyleArtist(
            id=row.artist_id,
            username=row.username,
            artist_name=row.artist_name,
            profile_image=signed_url(storage, row.profile_image_key),
            follower_count=row.follower_count,
        ),
        training_status=row.training_status,
        price_tokens=row.price_tokens,
        generation_cost_tokens=row.price_tokens,
        license_type=row.license_type,
        prices=Prices.of_style(row),
        usage_count=row.usage_count,
        tags=row.tags,
        created_at=row.created_at,
    )


def progress(row: AnyRow) -> TrainingProgress | None:
    """Return the progress of the training of a style, or None when it is not in training."""
    report = row.progress
    if report is None or row.training_status != TrainingStatus.TRAINING:
        return None
    return TrainingProgress(
        current_epoch=report["current_epoch"],
        total_epochs=report["total_epochs"],
        progress_percent=report["progress_percent"],
        estimated_seconds=report.get("estimated_seconds"),
        last_updated=report["last_updated"],
    )


def failure(row: AnyRow) -> TrainingFailure | None:
    """Return why the last training failed; a style can still be trained from an earlier one."""
    has_ended = row.training_status in {TrainingStatus.TRAINED, TrainingStatus.FAILED}
    if not has_ended or row.failure_cause is None:
        return None
    return TrainingFailure("TRAINING_FAILED", row.failure_cause, row.failure_message)


def _own_card(storage: Storage, row: AnyRow) -> OwnStyleCard:
    return extended(
        OwnStyleCard,
        card(storage, row),
        is_active=row.is_active,
        progress=progress(row),
        failure=failure(row),
        total_earned_tokens=int(row.earned),
    )


def _moderated_card(storage: Storage, row: AnyRow) -> ModeratedStyleCard:
    return extended(ModeratedStyleCard, _own_card(storage, row), is_flagged=row.is_flagged)
