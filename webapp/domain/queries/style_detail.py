"""One style: as everybody, its artist and administrators see it, and during its training.

URLs of pictures are short-lived. Only the artist and administrators get the artworks.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import StyleNotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.style import Artwork, ArtworkStatus, PublishWhen, Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries import (
    checkpoints as checkpoint_queries,
    shown_artworks,
    styles,
    training as training_queries,
)
from webapp.domain.queries.answers import extended
from webapp.domain.queries.checkpoints import CheckpointView
from webapp.domain.queries.generation_views import TryOutView
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.shown_artworks import ShownArtworkView
from webapp.domain.queries.styles import StyleCard, TrainingFailure, TrainingProgress
from webapp.domain.queries.training import TrainingLog
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import base_models, offers
from webapp.domain.services.artworks import Upload

_AVERAGE_LIKES = (
    select(func.avg(Generation.like_count))
    .where(
        Generation.style_id == Style.id,
        Generation.status == GenerationStatus.COMPLETED,
        Generation.deleted_at.is_(None),
        ~Generation.is_try_out,
    )
    .correlate(Style)
    .scalar_subquery()
    .label("average_likes")
)
FINAL = frozenset({TrainingStatus.TRAINED, TrainingStatus.COMPLETED, TrainingStatus.FAILED})
_COLUMNS = (
    *styles.CARD_COLUMNS, *styles.RUN_COLUMNS, Style.valid_from, Style.valid_to, Style.is_active,
    Style.is_flagged, Style.sample_keys, Style.base_sample_keys, Style.adapter_sha256,
    Style.publish, Style.updated_at, Style.rights_statement, Style.rights_version,
    Style.rights_agreed_at, base_models.is_outdated().label("is_outdated"), _AVERAGE_LIKES,
    shown_artworks.OF_STYLE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StyleStats:
    """Pictures made with a style, and the mean number of likes of a completed one."""

    total_generations: int
    avg_likes: float


@dataclass(frozen=True, slots=True)
class StyleView(StyleCard):
    """A style as everybody sees it."""

    valid_from: date
    valid_to: date | None
    is_active: bool
    progress: TrainingProgress | None
    updated_at: datetime
    stats: StyleStats
    is_outdated: bool
    sample_images: list[str | None]
    base_sample_images: list[str | None]
    shown_artworks: list[ShownArtworkView]


@dataclass(frozen=True, slots=True)
class ArtworkView:
    """An artwork; `twin_idx` is the index of an identical or nearly identical one."""

    id: int
    idx: int
    filename: str
    url: str | None
    tags: list[str]
    status: ArtworkStatus
    code: str | None
    twin_idx: int | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Validation:
    """The number of artworks in each state."""

    total: int
    pending: int
    valid: int
    rejected: int


@dataclass(frozen=True, slots=True)
class RightsStatement:
    """The statement about the rights to the artworks that the artist agreed to."""

    statement: str
    version: str
    agreed_at: datetime


@dataclass(frozen=True, slots=True)
class OwnStyleView(StyleView):
    """A style as its artist sees it; `checkpoint` is the training step of the one on sale."""

    artwork_count: int
    artworks: list[ArtworkView]
    validation: Validation
    training_metric: dict[str, float] | None
    training_log: TrainingLog | None
    rights: RightsStatement | None
    attempt: int
    failure: TrainingFailure | None
    publish: PublishWhen
    checkpoints: list[CheckpointView]
    checkpoint: int | None
    try_outs: list[TryOutView]
    try_outs_left: int


@dataclass(frozen=True, slots=True)
class AwaitedStyleView(OwnStyleView):
    """A style whose files its artist has yet to upload."""

    uploads: list[Upload]
    confirm_url: str


@dataclass(frozen=True, slots=True)
class StyleTryOuts:
    """The try-outs of a style, the newest first; `try_outs_left` remain for this training."""

    style_id: int
    try_outs: list[TryOutView]
    try_outs_left: int


@dataclass(frozen=True, slots=True)
class ModeratedStyleView(OwnStyleView):
    """A style as administrators see it."""

    is_flagged: bool


def detail(
    session: Session,
    storage: Storage,
    *,
    style_id: int,
    viewer: Viewer,
    with_decided: bool = True,
) -> StyleView:
    """Return one style; an OwnStyleView for its artist and administrators.

    Of a style that is already on sale `with_decided` includes what only its artist sees, which
    takes more statements. Raises StyleNotFound, also when this viewer may not see the style.
    """
    row = _row(session, style_id)
    if row is None or not offers.may_see(viewer, row):
        raise StyleNotFound(id=style_id)
    is_decided = row.training_status == TrainingStatus.COMPLETED
    if viewer.may_manage(row.artist_id) and (with_decided or not is_decided):
        return _own_view(session, storage, row, with_decided=with_decided)
    return _view(storage, row)


def own(
    session: Session,
    storage: Storage,
    *,
    style_id: int,
    viewer: Viewer,
    with_decided: bool = True,
) -> OwnStyleView:
    """Return one style as `detail` does; raises StyleNotFound for all but its artist and admins."""
    row = _row(session, style_id)
    if row is None or not viewer.may_manage(row.artist_id):
        raise StyleNotFound(id=style_id)
    return _own_view(session, storage, row, with_decided=with_decided)


def moderated(session: Session, storage: Storage, *, style_id: int) -> ModeratedStyleView:
    """Return one style as administrators see it; raises StyleNotFound."""
    row = _row(session, style_id)
    if row is None:
        raise StyleNotFound(id=style_id)
    view = _own_view(session, storage, row, with_decided=True)
    return extended(ModeratedStyleView, view, is_flagged=row.is_flagged)


def earned(session: Session, style_id: int) -> int:
    """Return the tokens that a style has earned, without reversed earnings."""
    return int(session.scalar(select(styles.EARNED).where(Style.id == style_id)) or 0)


def stamp(session: Session, style_id: int) -> tuple[Any, ...]:
    """Return values that change whenever `detail` does, in one cheap statement."""
    row = session.execute(
        select(
            Style.training_status,
            Style.updated_at,
            Style.usage_count,
            TrainingRun.progress,
            TrainingRun.attempt,
            select(func.count())
            .where(Artwork.style_id == Style.id, Artwork.status != ArtworkStatus.PENDING)
            .correlate(Style)
            .scalar_subquery()
            .label("judged"),
        )
        .outerjoin(TrainingRun, TrainingRun.id == styles.LATEST_RUN)
        .where(Style.id == style_id)
    ).one_or_none()
    return tuple(row or ())


def is_final(view: StyleView) -> bool:
    """Return whether the training of a style has ended."""
    return view.training_status in FINAL


def _row(session: Session, style_id: int) -> AnyRow | None:
    return session.execute(
        styles.with_artist(select(*_COLUMNS))
        .outerjoin(TrainingRun, TrainingRun.id == styles.LATEST_RUN)
        .where(Style.id == style_id)
    ).one_or_none()


def _view(storage: Storage, row: AnyRow) -> StyleView:
    return extended(
        StyleView,
        styles.card(storage, row),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        is_active=row.is_active,
        progress=styles.progress(row),
        updated_at=row.updated_at,
        stats=StyleStats(
            total_generations=row.usage_count,
            avg_likes=round(float(row.average_likes or 0), 2),
        ),
        is_outdated=row.is_outdated,
        sample_images=[signed_url(storage, key) for key in row.sample_keys],
        base_sample_images=[signed_url(storage, key) for key in row.base_sample_keys],
        shown_artworks=shown_artworks.of_style(storage, row),
    )


def _own_view(
    session: Session, storage: Storage, row: AnyRow, *, with_decided: bool
) -> OwnStyleView:
    artworks = session.execute(
        select(*Artwork.__table__.columns)
        .where(Artwork.style_id == row.id, Artwork.is_removed.is_(False))
        .order_by(Artwork.idx)
    ).all()
    counts = Counter(artwork.status for artwork in artworks)
    decision = checkpoint_queries.decision(session, storage, row, with_decided=with_decided)
    return extended(
        OwnStyleView,
        _view(storage, row),
        artwork_count=len(artworks),
        artworks=[_artwork(storage, artwork) for artwork in artworks],
        validation=Validation(
            total=len(artworks),
            pending=counts[ArtworkStatus.PENDING],
            valid=counts[ArtworkStatus.VALID],
            rejected=counts[ArtworkStatus.REJECTED],
        ),
        training_metric=row.metric,
        training_log=training_queries.latest(session, storage, style_id=row.id),
        rights=_rights(row),
        attempt=row.attempt or 1,
        failure=styles.failure(row),
        publish=row.publish,
        checkpoints=decision.checkpoints,
        checkpoint=decision.checkpoint,
        try_outs=decision.try_outs,
        try_outs_left=decision.try_outs_left,
    )


def _rights(row: AnyRow) -> RightsStatement | None:
    if row.rights_statement is None:
        return None
    return RightsStatement(row.rights_statement, row.rights_version, row.rights_agreed_at)


def _artwork(storage: Storage, row: AnyRow) -> ArtworkView:
    return ArtworkView(
        id=row.id,
        idx=row.idx,
        filename=row.filename,
        # Only the re-encoded copy: a browser must never receive an uploaded file as it is.
        url=signed_url(storage, row.clean_key),
        tags=row.tags,
        status=row.status,
        code=row.code,
        twin_idx=row.twin_idx,
        width=row.width,
        height=row.height,
    )
