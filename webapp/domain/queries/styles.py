"""What people see of styles: one style, the catalogue, an artist's own styles.

Core selects into plain rows; nothing is loaded lazily. Every URL is short-lived, and training
originals are shown to their artist only.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, false, func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import FieldProblem, StyleNotFound, ValidationFailed
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.style import Artwork, ArtworkStatus, Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries import checkpoints as checkpoint_queries
from webapp.domain.queries import searching
from webapp.domain.queries import training as training_queries
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
from webapp.domain.services import base_models, follows, ledger, offers

FINAL = frozenset({TrainingStatus.TRAINED, TrainingStatus.COMPLETED, TrainingStatus.FAILED})
ALL = "all"

_LATEST_RUN = (
    select(func.max(TrainingRun.id))
    .where(TrainingRun.style_id == Style.id)
    .correlate(Style)
    .scalar_subquery()
)
_EARNED = (
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
_PERSON = (
    User.username,
    User.profile_image_key,
    Artist.artist_name,
    User.follower_count,
)
_RUN = (
    TrainingRun.progress,
    TrainingRun.metric,
    TrainingRun.attempt,
    TrainingRun.failure_cause,
    TrainingRun.failure_message,
)
_CARD = (
    Style.id, Style.artist_id, Style.name, Style.description, Style.thumbnail_key,
    Style.training_status, Style.price_tokens, Style.license_type, Style.usage_count, Style.tags,
    Style.created_at,
)  # fmt: skip
_DETAIL = (
    *_CARD, Style.valid_from, Style.valid_to, Style.is_active, Style.is_flagged,
    Style.sample_keys, Style.adapter_sha256, Style.publish, Style.updated_at,
    Style.rights_statement, Style.rights_version, Style.rights_agreed_at,
    base_models.is_outdated().label("is_outdated"),
)  # fmt: skip


@dataclass(frozen=True)
class StyleFilter:
    """What of the catalogue somebody wants; `sort` is recent or popular."""

    sort: str = "recent"
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    artist_id: int | None = None
    license_type: str | None = None
    following: bool = False
    training_status: str = TrainingStatus.COMPLETED


def detail(
    session: Session,
    storage: Storage,
    *,
    style_id: int,
    viewer: Viewer,
    with_decided: bool = True,
) -> dict[str, Any]:
    """Return one style as this viewer may see it; raises StyleNotFound.

    Without what its artist has decided by already, a style on sale takes fewer statements.
    """
    row = _row(session, style_id)
    if row is None or not offers.may_see(viewer, row):
        raise StyleNotFound(id=style_id)
    view = _public_view(session, storage, row)
    if viewer.may_manage(row.artist_id):
        view |= _owner_part(session, storage, row, with_decided=with_decided)
    return view


def moderated(session: Session, storage: Storage, *, style_id: int) -> dict[str, Any]:
    """Return one style as its artist sees it, with what administrators say of it.

    Raises StyleNotFound.
    """
    row = _row(session, style_id)
    if row is None:
        raise StyleNotFound(id=style_id)
    owned = _public_view(session, storage, row) | _owner_part(session, storage, row)
    return owned | {"is_flagged": row.is_flagged}


def _row(session: Session, style_id: int) -> AnyRow | None:
    return session.execute(
        _joined(select(*_DETAIL, *_PERSON, *_RUN))
        .outerjoin(TrainingRun, TrainingRun.id == _LATEST_RUN)
        .where(Style.id == style_id)
    ).one_or_none()


def earned(session: Session, style_id: int) -> int:
    """Return what a style has brought its artist, reversed earnings left out."""
    return int(session.scalar(select(_EARNED).where(Style.id == style_id)) or 0)


def stamp(session: Session, style_id: int) -> tuple[Any, ...]:
    """Return what changes whenever the detail does: cheap to ask for again and again."""
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
        .outerjoin(TrainingRun, TrainingRun.id == _LATEST_RUN)
        .where(Style.id == style_id)
    ).one_or_none()
    return tuple(row or ())


def is_final(view: dict[str, Any]) -> bool:
    """Tell whether the training of a style has ended."""
    return view["training_status"] in FINAL


def catalogue(
    session: Session,
    storage: Storage,
    *,
    wanted: StyleFilter,
    viewer: Viewer,
    page: PageRequest,
) -> Page:
    """List styles: active and unflagged; unfinished ones only to their artist.

    `following` keeps the styles of the artists that the viewer follows.
    """
    conditions = tag_conditions(Style.tags, wanted.tags, wanted.tags_any)
    if wanted.training_status != TrainingStatus.COMPLETED:
        conditions.append(Style.artist_id == viewer.user_id if viewer.user_id else false())
    if wanted.training_status != ALL:
        conditions.append(Style.training_status == wanted.training_status)
    if wanted.artist_id is not None:
        conditions.append(Style.artist_id == wanted.artist_id)
    if wanted.license_type is not None:
        conditions.append(Style.license_type == wanted.license_type)
    keyset = _keyset(wanted.sort, {"list": "styles", **vars(wanted)})
    statement = _joined(select(*_CARD, *_PERSON))

    def narrowing(style: type[Style]) -> list[ColumnElement[bool]]:
        if not wanted.following:
            return []
        seen = follows.by_followed if style is Style else follows.each_by_followed
        return [seen(viewer.user_id, style.artist_id)]

    rows = keyset.find(
        Style,
        select(*Style.__table__.columns).where(*offers.SHOWN, *conditions),
        page,
        lambda ids: session.execute(keyset.look_up(statement, ids)).all(),
        narrowing,
    )
    return keyset.page(rows, page, lambda row: _card(storage, row))


def own(session: Session, storage: Storage, *, artist_id: int, page: PageRequest) -> Page:
    """List an artist's own styles in every state, newest first."""
    keyset = _keyset("recent", {"list": "own styles", "artist_id": artist_id})
    statement = (
        _joined(select(*_CARD, *_PERSON, Style.is_active, *_RUN, _EARNED))
        .outerjoin(TrainingRun, TrainingRun.id == _LATEST_RUN)
        .where(Style.artist_id == artist_id)
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    return keyset.page(rows, page, lambda row: _own_card(storage, row))


def for_admin(
    session: Session, storage: Storage, *, wanted: ModerationFilter, page: PageRequest
) -> Page:
    """List styles in every state, newest first; `q` is part of a name or one of the tags."""
    conditions = [
        *flags((Style.is_flagged, wanted.is_flagged), (Style.is_active, wanted.is_active)),
        *matching((Style.artist_id, wanted.user_id)),
    ]
    sought = wanted.q and searching.cleaned(session, wanted.q)
    keyset = _keyset("recent", {"list": "admin styles", **vars(wanted)})
    statement = _joined(
        select(*_CARD, *_PERSON, Style.is_active, Style.is_flagged, *_RUN, _EARNED)
    ).outerjoin(TrainingRun, TrainingRun.id == _LATEST_RUN)

    def named(style: type[Style]) -> list[ColumnElement[bool]]:
        if not sought:
            return []
        by_name = searching.contains(style.name_grams, style.name, sought)
        return [by_name | style.tags.contains([sought])]

    rows = keyset.find(
        Style,
        select(*Style.__table__.columns).where(*conditions),
        page,
        lambda ids: session.execute(keyset.look_up(statement, ids)).all(),
        named,
    )
    return keyset.page(
        rows, page, lambda row: _own_card(storage, row) | {"is_flagged": row.is_flagged}
    )


def _joined(statement: AnySelect) -> AnySelect:
    return (
        statement.select_from(Style)
        .join(Artist, Artist.user_id == Style.artist_id)
        .join(User, User.id == Style.artist_id)
    )


def _keyset(sort: str, binding: dict[str, Any]) -> Keyset:
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


def _card(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "thumbnail_url": signed_url(storage, row.thumbnail_key),
        "artist": {
            "id": row.artist_id,
            "username": row.username,
            "artist_name": row.artist_name,
            "profile_image": signed_url(storage, row.profile_image_key),
            "follower_count": row.follower_count,
        },
        "training_status": row.training_status,
        "price_tokens": row.price_tokens,
        "generation_cost_tokens": row.price_tokens,
        "license_type": row.license_type,
        "usage_count": row.usage_count,
        "tags": row.tags,
        "created_at": row.created_at,
    }


def _own_card(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return _card(storage, row) | {
        "is_active": row.is_active,
        "progress": _progress(row),
        "failure": _failure(row),
        "total_earned_tokens": int(row.earned),
    }


def _public_view(session: Session, storage: Storage, row: AnyRow) -> dict[str, Any]:
    return _card(storage, row) | {
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "is_active": row.is_active,
        "progress": _progress(row),
        "updated_at": row.updated_at,
        "stats": {
            "total_generations": row.usage_count,
            "avg_likes": _average_likes(session, row.id) if row.usage_count else 0,
        },
        "is_outdated": row.is_outdated,
        "sample_images": [signed_url(storage, key) for key in row.sample_keys],
    }


def _average_likes(session: Session, style_id: int) -> float:
    average = session.scalar(
        select(func.avg(Generation.like_count)).where(
            Generation.style_id == style_id,
            Generation.status == GenerationStatus.COMPLETED,
            Generation.deleted_at.is_(None),
            ~Generation.is_try_out,
        )
    )
    return round(float(average or 0), 2)


def _progress(row: AnyRow) -> dict[str, Any] | None:
    progress: dict[str, Any] | None = row.progress
    if progress is None or row.training_status != TrainingStatus.TRAINING:
        return None
    return {"estimated_seconds": None} | progress


def _failure(row: AnyRow) -> dict[str, Any] | None:
    """Return why the last training failed; a style may still be trained by one before it."""
    is_told = row.training_status in {TrainingStatus.TRAINED, TrainingStatus.FAILED}
    if not is_told or row.failure_cause is None:
        return None
    return {
        "code": "TRAINING_FAILED",
        "cause": row.failure_cause,
        "message": row.failure_message,
    }


def _owner_part(
    session: Session, storage: Storage, row: AnyRow, *, with_decided: bool = True
) -> dict[str, Any]:
    works = session.execute(
        select(*Artwork.__table__.columns)
        .where(Artwork.style_id == row.id, Artwork.is_removed.is_(False))
        .order_by(Artwork.idx)
    ).all()
    counted = {state.value: sum(work.status == state for work in works) for state in ArtworkStatus}
    return {
        "artwork_count": len(works),
        "artworks": [_artwork(storage, work) for work in works],
        "validation": {"total": len(works), **counted},
        "training_metric": row.metric,
        "training_log": training_queries.latest(session, storage, style_id=row.id),
        "rights": _rights(row),
        "attempt": row.attempt or 1,
        "failure": _failure(row),
        "publish": row.publish,
        **checkpoint_queries.decision(session, storage, row, with_decided=with_decided),
    }


def _rights(row: AnyRow) -> dict[str, Any] | None:
    if row.rights_statement is None:
        return None
    return {
        "statement": row.rights_statement,
        "version": row.rights_version,
        "agreed_at": row.rights_agreed_at,
    }


def _artwork(storage: Storage, work: AnyRow) -> dict[str, Any]:
    return {
        "id": work.id,
        "idx": work.idx,
        "filename": work.filename,
        # Only the clean copy is shown: what a stranger uploaded is never sent to a browser.
        "url": signed_url(storage, work.clean_key),
        "tags": work.tags,
        "status": work.status,
        "code": work.code,
        "twin_idx": work.twin_idx,
        "width": work.width,
        "height": work.height,
    }
