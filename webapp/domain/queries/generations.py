"""Pictures as people see them: one of them, one's own, those of administrators, try-outs.

Core selects into plain rows; nothing is loaded lazily. Every URL is short-lived.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from webapp.domain.errors import FieldProblem, GenerationNotFound, ValidationFailed
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.generation import Generation, GenerationStatus, Order
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.style import Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries.moderation import ModerationFilter
from webapp.domain.queries.pagination import (
    AnyRow,
    AnySelect,
    Keyset,
    Page,
    PageRequest,
    SortColumn,
)
from webapp.domain.queries.viewing import Viewer, flags, matching, signed_url
from webapp.domain.services import generations, ledger, likes, sets_canvases, vocabulary
from webapp.domain.services.licenses import certificate_url
from webapp.domain.settings import settings

REFUNDED = frozenset({GenerationStatus.FAILED, GenerationStatus.CANCELED})
FINAL = REFUNDED | {GenerationStatus.COMPLETED}
UNFINISHED = sorted(set(GenerationStatus) - FINAL)

TRY_OUT = (  # what an image view says of a try-out
    "id", "status", "progress", "prompt_tags", "negative_tags", "aspect_ratio", "width", "height",
    "seed", "style_strength", "result_url", "preview_url", "thumbnail_url", "failure", "created_at",
)  # fmt: skip
STYLE_COLUMNS = (
    Style.name.label("style_name"), Artist.user_id.label("artist_id"), Artist.artist_name,
)  # fmt: skip
COLUMNS = (
    *(column for column in Generation.__table__.columns if column.name != "image_size"),
    User.username,
    User.display_name,
    User.profile_image_key,
    *STYLE_COLUMNS,
    Job.tries,
    Job.run_at,
    ledger.is_reversed().label("is_reversed"),
)


@dataclass(frozen=True)
class OwnFilter:
    """What of one's own images somebody wants; None means all."""

    status: str | None = None
    unfinished: bool = False
    is_public: bool | None = None
    style_id: int | None = None
    ids: tuple[int, ...] | None = None


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
    has_file = generations.may_have_file(viewer, owner_id=row.user_id, artist_id=row.artist_id)
    return _public_view(storage, row, has_file=has_file)


def moderated(session: Session, storage: Storage, *, generation_id: int) -> dict[str, Any]:
    """Return one generation as the list of administrators shows it."""
    return _moderated(
        storage, session.execute(_with_all(None).where(Generation.id == generation_id)).one()
    )


def order_created(session: Session, storage: Storage, order: Order) -> dict[str, Any]:
    """Return the owner view of an order's first image, with the batch and what was not known."""
    rows = session.execute(
        _with_all(order.user_id).where(Generation.order_id == order.id).order_by(Generation.id)
    ).all()
    batch = {
        "id": order.id,
        "count": order.count,
        "generation_ids": [row.id for row in rows],
        "total_price_tokens": order.total_price_tokens,
    }
    style = session.get_one(Style, order.style_id)
    known = vocabulary.recognise(session, style, rows[0].prompt_tags)
    return _owner_view(storage, rows[0]) | {"batch": batch, "unknown_tags": known.unknown_tags}


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


def own(
    session: Session, storage: Storage, *, user_id: int, wanted: OwnFilter, page: PageRequest
) -> Page:
    """List a person's own images, newest first."""
    conditions = [
        Generation.deleted_at.is_(None),
        ~Generation.is_try_out,  # they stand at their style
        ~sets_canvases.of_photo(),  # they stand at their photo
        *flags((Generation.is_public, wanted.is_public)),
        *matching(
            (Generation.user_id, user_id),
            (Generation.status, wanted.status),
            (Generation.style_id, wanted.style_id),
        ),
    ]
    if wanted.unfinished:
        conditions.append(Generation.status.in_(UNFINISHED))
    if wanted.ids is not None:
        conditions.append(Generation.id.in_(wanted.ids))
    keyset = keyset_of("recent", {"list": "own", "user_id": user_id, **vars(wanted)})
    rows = select(Generation.id, Generation.created_at).where(*conditions)
    # Few are being made at a time: of somebody with very many, none of the others is looked at.
    is_few = wanted.unfinished or wanted.ids is not None
    ids = keyset.gather(rows, page) if is_few else keyset.apply(rows, page)
    shown = session.execute(keyset.look_up(_with_all(user_id), ids)).all()
    return keyset.page(shown, page, lambda row: _owner_view(storage, row))


def for_admin(
    session: Session, storage: Storage, *, wanted: ModerationFilter, page: PageRequest
) -> Page:
    """List images in every state, newest first; `q` is a tag of the prompt."""
    tag = wanted.q and wanted.q.lower()
    keyset = keyset_of("recent", {"list": "admin", **vars(wanted)})
    rows = keyset.find(
        Generation,
        select(Generation).where(
            Generation.deleted_at.is_(None),
            *flags((Generation.is_flagged, wanted.is_flagged)),
            *matching((Generation.user_id, wanted.user_id)),
        ),
        page,
        lambda ids: session.execute(keyset.look_up(_with_all(None), ids)).all(),
        lambda image: [image.prompt_tags.contains([tag])] if tag else [],
    )
    return keyset.page(rows, page, lambda row: _moderated(storage, row))


def try_outs(
    session: Session, storage: Storage, *, style_id: int, limit: int
) -> list[dict[str, Any]]:
    """List the newest try-outs of a style for its artist, each with its checkpoint's step."""
    # Apart, or PostgreSQL walks over all images from the newest on until it has found enough.
    tried = (
        select(Generation.id, Checkpoint.step)
        .join(Checkpoint, Checkpoint.id == Generation.checkpoint_id)
        .join(TrainingRun, TrainingRun.id == Checkpoint.training_run_id)
        .where(TrainingRun.style_id == style_id)
        .cte("tried")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    rows = session.execute(
        _with_all(None)
        .add_columns(tried.c.step)
        .join(tried, tried.c.id == Generation.id)
        .order_by(tried.c.id.desc())
        .limit(limit)
    )
    return [
        {name: value for name, value in _owner_view(storage, row).items() if name in TRY_OUT}
        | {"checkpoint": row.step}
        for row in rows
    ]


def keyset_of(sort: str, binding: dict[str, Any]) -> Keyset:
    """Return the keyset of a list of pictures; raises ValidationFailed for an unknown `sort`."""
    if sort not in {"recent", "popular"}:
        raise ValidationFailed(
            fields={"sort": [FieldProblem("One of %(choices)s.", choices="recent, popular")]}
        )
    recent: list[SortColumn] = [
        (Generation.created_at, "created_at", datetime),
        (Generation.id, "id", int),
    ]
    popular: list[SortColumn] = (
        [(Generation.like_count, "like_count", int)] if sort == "popular" else []
    )
    return Keyset([*popular, *recent], binding)


def _with_all(viewer_id: int | None) -> AnySelect:
    return (
        select(*COLUMNS, likes.liked_by(viewer_id).label("is_liked"))
        .join(User, User.id == Generation.user_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
        .outerjoin(Job, _job_of_generation())
    )


def _job_of_generation() -> ColumnElement[bool]:
    return (Job.kind == JobKind.GENERATION) & (Job.ref == Generation.id)


def owner_and_style(storage: Storage, row: AnyRow) -> dict[str, Any]:
    """Return the buyer and the style of a picture, as every view of it names them."""
    return {
        "user": {
            "id": row.user_id,
            "username": row.username,
            "display_name": row.display_name,
            "profile_image": signed_url(storage, row.profile_image_key),
        },
        "style": {
            "id": row.style_id,
            "name": row.style_name,
            "artist": {"id": row.artist_id, "artist_name": row.artist_name},
        },
    }


def _public_view(storage: Storage, row: AnyRow, *, has_file: bool) -> dict[str, Any]:
    is_done = row.status == GenerationStatus.COMPLETED
    return {
        "id": row.id,
        **owner_and_style(storage, row),
        "status": row.status,
        "progress": row.progress if row.status == GenerationStatus.PROCESSING else None,
        "prompt_tags": row.prompt_tags,
        "description": row.description,
        "aspect_ratio": row.aspect_ratio,
        "width": row.width,
        "height": row.height,
        "seed": row.seed,
        "style_strength": row.style_strength,
        "result_url": signed_url(storage, row.image_key) if is_done and has_file else None,
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
    return _public_view(storage, row, has_file=True) | {
        "negative_tags": row.negative_tags,
        "price_tokens": row.price_tokens,
        "consumed_tokens": row.price_tokens,
        "refunded": (row.status in REFUNDED and row.price_tokens > 0) or row.is_reversed,
        "attempt": (row.tries or 0) + 1,
        "next_retry_at": row.run_at if is_waiting else None,
        "failure": _failure(row),
        "batch_id": row.order_id,
        "is_try_out": row.price_tokens == 0,
    }


def _moderated(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return _owner_view(storage, row) | {"is_flagged": row.is_flagged}


def _failure(row: AnyRow) -> dict[str, Any] | None:
    if row.status != GenerationStatus.FAILED:
        return None
    return {
        "code": "GENERATION_FAILED",
        "cause": row.failure_cause,
        "message": row.failure_message,
    }
