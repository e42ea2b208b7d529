"""What people see of generations: one image, one's own images, the public feed.

Core selects into plain rows; nothing is loaded lazily. Every URL is short-lived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from webapp.domain.errors import (
    GenerationNotFound,
    GenerationStillProcessing,
    NotFound,
    ValidationFailed,
)
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation, GenerationStatus, Order
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.style import Style
from webapp.domain.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest, SortColumn
from webapp.domain.services import follows, generations, ledger, likes
from webapp.domain.services.licenses import certificate_url
from webapp.domain.services.moderation_views import ModerationFilter
from webapp.domain.settings import settings
from webapp.domain.viewing import Viewer, signed_url, tag_conditions

FINAL = frozenset({GenerationStatus.COMPLETED, GenerationStatus.FAILED, GenerationStatus.CANCELED})
REFUNDED = frozenset({GenerationStatus.FAILED, GenerationStatus.CANCELED})
VARIANTS = {"full": "image_key", "preview": "preview_key", "thumb": "thumbnail_key"}

COLUMNS = (
    *(column for column in Generation.__table__.columns if column.name != "image_size"),
    User.username,
    User.profile_image_key,
    Style.name.label("style_name"),
    Artist.user_id.label("artist_id"),
    Artist.artist_name,
    Job.tries,
    Job.run_at,
    ledger.is_reversed().label("is_reversed"),
)
FEED_COLUMNS = (
    Generation.id,
    Generation.preview_key,
    Generation.thumbnail_key,
    Generation.width,
    Generation.height,
    Generation.description,
    Generation.prompt_tags,
    Generation.like_count,
    Generation.comment_count,
    Generation.created_at,
    Generation.user_id,
    User.username,
    User.profile_image_key,
    Generation.style_id,
    Style.name.label("style_name"),
    Artist.user_id.label("artist_id"),
    Artist.artist_name,
)


@dataclass(frozen=True)
class FeedFilter:
    """What of the feed somebody wants; `sort` is recent or popular."""

    sort: str = "recent"
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    style_id: int | None = None
    artist_id: int | None = None
    user_id: int | None = None
    following: bool = False


@dataclass(frozen=True)
class OwnFilter:
    """What of one's own images somebody wants; None means all."""

    status: str | None = None
    is_public: bool | None = None
    style_id: int | None = None


def detail(
    session: Session, storage: Storage, *, generation_id: int, viewer: Viewer
) -> dict[str, Any]:
    """Return one generation as this viewer may see it; raises GenerationNotFound."""
    row = session.execute(
        _with_all(viewer.user_id).where(Generation.id == generation_id)
    ).one_or_none()
    if row is None or not generations.may_see(viewer, row):
        raise GenerationNotFound(id=generation_id)
    if viewer.may_manage(row.user_id):
        return _owner_view(storage, row)
    return _public_view(storage, row)


def order_created(session: Session, storage: Storage, order: Order) -> dict[str, Any]:
    """Return the owner view of an order's first image, with the batch."""
    rows = session.execute(
        _with_all(order.user_id).where(Generation.order_id == order.id).order_by(Generation.id)
    ).all()
    batch = {
        "id": order.id,
        "count": order.count,
        "generation_ids": [row.id for row in rows],
        "total_price_tokens": order.total_price_tokens,
    }
    return _owner_view(storage, rows[0]) | {"batch": batch}


def stamp(session: Session, generation_id: int) -> tuple[Any, ...]:
    """Return what changes whenever the detail does: cheap to ask for again and again."""
    row = session.execute(
        select(
            Generation.status,
            Generation.progress,
            Generation.updated_at,
            Generation.is_public,
            Generation.like_count,
            Generation.comment_count,
            Job.tries,
        )
        .outerjoin(Job, _job_of_generation())
        .where(Generation.id == generation_id)
    ).one_or_none()
    return tuple(row or ())


def is_final(view: dict[str, Any]) -> bool:
    """Tell whether a generation can change no more."""
    return view["status"] in FINAL


def image_url(
    session: Session,
    storage: Storage,
    *,
    generation_id: int,
    viewer: Viewer,
    variant: str,
    download: bool,
) -> str:
    """Return a short-lived URL of the signed image or a smaller copy.

    Raises GenerationNotFound, GenerationStillProcessing, or NotFound after a failure.
    """
    row = session.execute(
        select(*Generation.__table__.columns).where(Generation.id == generation_id)
    ).one_or_none()
    if row is None or not generations.may_see(viewer, row):
        raise GenerationNotFound(id=generation_id)
    if row.status not in FINAL:
        raise GenerationStillProcessing(generation_ids=[generation_id])
    key = row._mapping[VARIANTS[variant]]  # noqa: SLF001 - the public mapping of a Row
    url = signed_url(
        storage, key, download_name=_download_name(generation_id, key, download=download)
    )
    if url is None:
        raise NotFound(resource="image")
    return url


def _download_name(generation_id: int, key: str | None, *, download: bool) -> str | None:
    extension = (key or "").rpartition(".")[2]
    return f"style-license-{generation_id}.{extension}" if download else None


def own(
    session: Session, storage: Storage, *, user_id: int, wanted: OwnFilter, page: PageRequest
) -> Page:
    """List a person's own images, newest first."""
    conditions = [Generation.user_id == user_id, Generation.deleted_at.is_(None)]
    if wanted.status is not None:
        conditions.append(Generation.status == wanted.status)
    if wanted.is_public is not None:
        conditions.append(Generation.is_public.is_(wanted.is_public))
    if wanted.style_id is not None:
        conditions.append(Generation.style_id == wanted.style_id)
    keyset = _keyset("recent", {"list": "own", "user_id": user_id, **vars(wanted)})
    ids = keyset.apply(select(Generation.id).where(*conditions), page)
    rows = session.execute(keyset.look_up(_with_all(user_id), ids)).all()
    return keyset.page(rows, page, lambda row: _owner_view(storage, row))


def for_admin(
    session: Session, storage: Storage, *, wanted: ModerationFilter, page: PageRequest
) -> Page:
    """List images in every state, newest first; `q` is a tag of the prompt."""
    conditions: list[ColumnElement[bool]] = [Generation.deleted_at.is_(None)]
    if wanted.is_flagged is not None:
        conditions.append(Generation.is_flagged.is_(wanted.is_flagged))
    if wanted.user_id is not None:
        conditions.append(Generation.user_id == wanted.user_id)
    if wanted.q is not None:
        conditions.append(Generation.prompt_tags.contains([wanted.q.lower()]))
    keyset = _keyset("recent", {"list": "admin", **vars(wanted)})
    rows = session.execute(keyset.apply(_with_all(None).where(*conditions), page)).all()
    return keyset.page(
        rows, page, lambda row: _owner_view(storage, row) | {"is_flagged": row.is_flagged}
    )


def feed(
    session: Session, storage: Storage, *, viewer: Viewer, wanted: FeedFilter, page: PageRequest
) -> Page:
    """List what everybody may see: public, completed, unflagged.

    `following` keeps what the people made whom the viewer follows, and what anybody made in a
    style of theirs: who follows an artist wants to see what becomes of the style.
    """
    keyset = _keyset(wanted.sort, {"list": "feed", **vars(wanted)})
    # Not "IS TRUE": only these very words let PostgreSQL use the feed's indexes.
    conditions = [Generation.is_public, ~Generation.is_flagged]
    for column, value in (
        (Generation.style_id, wanted.style_id),
        (Generation.user_id, wanted.user_id),
    ):
        if value is not None:
            conditions.append(column == value)
    shown = select(Generation).where(*conditions)
    narrowing = _narrowing(Generation, viewer, wanted)
    if wanted.artist_id is not None:
        styles = select(Style.id).where(Style.artist_id == wanted.artist_id).subquery("styles_of")
        of_style = _sortable(shown).where(Generation.style_id == styles.c.id, *narrowing)
        rows = _looked_up(session, viewer, keyset, keyset.merge(styles, of_style, page))
    elif not narrowing:
        rows = _looked_up(session, viewer, keyset, keyset.apply(_sortable(shown), page))
    else:
        near = aliased(Generation, keyset.near(shown, page))
        walked = select(near.id).where(*_narrowing(near, viewer, wanted))
        rows = _looked_up(session, viewer, keyset, keyset.on(near).apply(walked, page))
        if len(rows) <= page.limit:
            every = keyset.gather(_sortable(shown).where(*narrowing), page)
            rows = _looked_up(session, viewer, keyset, every)
    return keyset.page(rows, page, lambda row: _card(storage, row))


def _narrowing(
    image: type[Generation], viewer: Viewer, wanted: FeedFilter
) -> list[ColumnElement[bool]]:
    """Return the conditions that no index holds in the feed's order."""
    conditions = tag_conditions(image.prompt_tags, wanted.tags, wanted.tags_any)
    if wanted.following:
        conditions.append(
            follows.by_followed(viewer.user_id, image.user_id)
            | follows.in_style_of_followed(viewer.user_id, image.style_id)
        )
    return conditions


def _sortable(shown: AnySelect) -> AnySelect:
    return shown.with_only_columns(Generation.id, Generation.like_count, Generation.created_at)


def _looked_up(
    session: Session, viewer: Viewer, keyset: Keyset, ids: AnySelect
) -> Sequence[AnyRow]:
    statement = (
        select(*FEED_COLUMNS, _is_liked(viewer.user_id))
        .join(User, User.id == Generation.user_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
    )
    return session.execute(keyset.look_up(statement, ids)).all()


def _keyset(sort: str, binding: dict[str, Any]) -> Keyset:
    if sort not in {"recent", "popular"}:
        raise ValidationFailed(fields={"sort": ["recent or popular."]})
    recent: list[SortColumn] = [
        (Generation.created_at, "created_at", datetime),
        (Generation.id, "id", int),
    ]
    popular: list[SortColumn] = (
        [(Generation.like_count, "like_count", int)] if sort == "popular" else []
    )
    return Keyset([*popular, *recent], binding)


def _is_liked(user_id: int | None) -> ColumnElement[bool]:
    return likes.liked_by(user_id).label("is_liked")


def _with_all(viewer_id: int | None) -> AnySelect:
    return (
        select(*COLUMNS, _is_liked(viewer_id))
        .join(User, User.id == Generation.user_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
        .outerjoin(Job, _job_of_generation())
    )


def _job_of_generation() -> ColumnElement[bool]:
    return (Job.kind == JobKind.GENERATION) & (Job.ref == Generation.id)


def _people(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return {
        "user": {
            "id": row.user_id,
            "username": row.username,
            "profile_image": signed_url(storage, row.profile_image_key),
        },
        "style": {
            "id": row.style_id,
            "name": row.style_name,
            "artist": {"id": row.artist_id, "artist_name": row.artist_name},
        },
    }


def _public_view(storage: Storage, row: AnyRow) -> dict[str, Any]:
    is_done = row.status == GenerationStatus.COMPLETED
    return {
        "id": row.id,
        **_people(storage, row),
        "status": row.status,
        "progress": row.progress if row.status == GenerationStatus.PROCESSING else None,
        "prompt_tags": row.prompt_tags,
        "description": row.description,
        "aspect_ratio": row.aspect_ratio,
        "width": row.width,
        "height": row.height,
        "seed": row.seed,
        "style_strength": row.style_strength,
        "result_url": signed_url(storage, row.image_key) if is_done else None,
        "preview_url": signed_url(storage, row.preview_key) if is_done else None,
        "thumbnail_url": signed_url(storage, row.thumbnail_key) if is_done else None,
        "is_public": row.is_public,
        "like_count": row.like_count,
        "comment_count": row.comment_count,
        "is_liked": row.is_liked,
        "license": _license(row) if is_done else None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "completed_at": row.completed_at,
    }


def _license(row: AnyRow) -> dict[str, str]:
    public_id = row.license_public_id
    return {
        "public_id": public_id,
        "url": certificate_url(settings().public_base_url, public_id),
    }


def _owner_view(storage: Storage, row: AnyRow) -> dict[str, Any]:
    is_waiting = row.status == GenerationStatus.RETRYING
    return _public_view(storage, row) | {
        "negative_tags": row.negative_tags,
        "price_tokens": row.price_tokens,
        "consumed_tokens": row.price_tokens,
        "refunded": row.status in REFUNDED or row.is_reversed,
        "attempt": (row.tries or 0) + 1,
        "next_retry_at": row.run_at if is_waiting else None,
        "failure": _failure(row),
        "batch_id": row.order_id,
    }


def _failure(row: AnyRow) -> dict[str, Any] | None:
    if row.status != GenerationStatus.FAILED:
        return None
    return {
        "code": "GENERATION_FAILED",
        "cause": row.failure_cause,
        "message": row.failure_message,
    }


def _card(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        **_people(storage, row),
        "preview_url": signed_url(storage, row.preview_key),
        "thumbnail_url": signed_url(storage, row.thumbnail_key),
        "width": row.width,
        "height": row.height,
        "description": row.description,
        "tags": row.prompt_tags,
        "like_count": row.like_count,
        "comment_count": row.comment_count,
        "is_liked": row.is_liked,
        "created_at": row.created_at,
    }
