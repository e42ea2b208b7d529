"""Read one picture, a user's own pictures, those of administrators, and try-outs.

Core selects into rows, so nothing is loaded lazily. Every URL expires after two hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import FieldProblem, GenerationNotFound, ValidationFailed
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.generation import Generation, GenerationStatus, Order
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.style import Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries import queue_positions
from webapp.domain.queries.answers import extended
from webapp.domain.queries.generation_views import (
    FINAL,
    Batch,
    GenerationView,
    OrderedGeneration,
    OwnGenerationView,
    TryOutView,
    owner_view,
    public_view,
    try_out_view,
)
from webapp.domain.queries.moderation import ModerationFilter
from webapp.domain.queries.pagination import (
    AnyRow,
    AnySelect,
    Keyset,
    Page,
    PageRequest,
    SortColumn,
)
from webapp.domain.queries.queue_positions import QueuePosition
from webapp.domain.queries.viewing import Viewer, flags, matching
from webapp.domain.services import generations, ledger, likes, sets_canvases, vocabulary

UNFINISHED = sorted(set(GenerationStatus) - FINAL)
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
    func.coalesce(Order.license_type, Style.license_type).label("license_type"),
    ledger.is_reversed().label("is_reversed"),
)


@dataclass(frozen=True)
class OwnFilter:
    """Filters of a user's own pictures; None means all."""

    status: str | None = None
    unfinished: bool = False
    is_public: bool | None = None
    style_id: int | None = None
    ids: tuple[int, ...] | None = None


def detail(
    session: Session, storage: Storage, *, generation_id: int, viewer: Viewer
) -> GenerationView:
    """Return one picture, an OwnGenerationView for its owner and for administrators.

    Raises GenerationNotFound, also when this viewer may not see it.
    """
    row = session.execute(
        _with_all(viewer.user_id).where(Generation.id == generation_id)
    ).one_or_none()
    if row is None or not generations.may_see(viewer, row):
        raise GenerationNotFound(id=generation_id)
    if viewer.may_manage(row.user_id):
        return owner_view(storage, row, _positions(session, [row]).get(row.id))
    has_file = generations.may_have_file(viewer, owner_id=row.user_id, artist_id=row.artist_id)
    return public_view(storage, row, has_file=has_file)


def managed(
    session: Session, storage: Storage, *, generation_ids: Sequence[int], viewer: Viewer
) -> list[OwnGenerationView]:
    """Return pictures that the viewer may manage, in the order of their ids in the request.

    Raises GenerationNotFound if one of them is not there, or another's.
    """
    rows = session.execute(_with_all(viewer.user_id).where(Generation.id.in_(generation_ids))).all()
    found = {row.id: row for row in rows if viewer.may_manage(row.user_id)}
    for generation_id in generation_ids:
        if generation_id not in found:
            raise GenerationNotFound(id=generation_id)
    positions = _positions(session, rows)
    return [owner_view(storage, found[each], positions.get(each)) for each in generation_ids]


def moderated(session: Session, storage: Storage, *, generation_id: int) -> OwnGenerationView:
    """Return one picture as the list of administrators shows it."""
    row = session.execute(_with_all(None).where(Generation.id == generation_id)).one()
    return owner_view(storage, row)


def order_created(session: Session, storage: Storage, order: Order) -> OrderedGeneration:
    """Return the first picture of an order, with its batch and its unknown tags."""
    rows = session.execute(
        _with_all(order.user_id).where(Generation.order_id == order.id).order_by(Generation.id)
    ).all()
    style = session.get_one(Style, order.style_id)
    recognised = vocabulary.recognise(session, style, rows[0].prompt_tags)
    return extended(
        OrderedGeneration,
        owner_view(storage, rows[0], _positions(session, rows[:1]).get(rows[0].id)),
        batch=Batch(
            id=order.id,
            count=order.count,
            generation_ids=[row.id for row in rows],
            total_price_tokens=order.total_price_tokens,
        ),
        unknown_tags=recognised.unknown_tags,
    )


def stamp(session: Session, generation_id: int) -> tuple[Any, ...]:
    """Return the columns that change whenever `detail` does; one query by primary key."""
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


def is_final(view: GenerationView) -> bool:
    """Return whether the status of a picture is final."""
    return view.status in FINAL


def own(
    session: Session, storage: Storage, *, user_id: int, filters: OwnFilter, page: PageRequest
) -> Page[OwnGenerationView]:
    """List a user's own pictures, newest first."""
    conditions = [
        Generation.deleted_at.is_(None),
        ~Generation.is_try_out,  # listed with their style
        ~sets_canvases.of_photo(),  # listed with their photo
        *flags((Generation.is_public, filters.is_public)),
        *matching(
            (Generation.user_id, user_id),
            (Generation.status, filters.status),
            (Generation.style_id, filters.style_id),
        ),
    ]
    if filters.unfinished:
        conditions.append(Generation.status.in_(UNFINISHED))
    if filters.ids is not None:
        conditions.append(Generation.id.in_(filters.ids))
    keyset = keyset_of("recent", {"list": "own", "user_id": user_id, **vars(filters)})
    rows = select(Generation.id, Generation.created_at).where(*conditions)
    # Few rows match: fetch them all and sort, instead of walking over the user's other pictures.
    is_few = filters.unfinished or filters.ids is not None
    ids = keyset.gather(rows, page) if is_few else keyset.apply(rows, page)
    page_rows = session.execute(keyset.look_up(_with_all(user_id), ids)).all()
    positions = _positions(session, page_rows)
    return keyset.page(page_rows, page, lambda row: owner_view(storage, row, positions.get(row.id)))


def for_admin(
    session: Session, storage: Storage, *, filters: ModerationFilter, page: PageRequest
) -> Page[OwnGenerationView]:
    """List pictures in every state, newest first; `q` is a tag of the prompt."""
    tag = filters.q and filters.q.lower()
    keyset = keyset_of("recent", {"list": "admin", **vars(filters)})
    rows = keyset.find(
        Generation,
        select(Generation).where(
            Generation.deleted_at.is_(None),
            *flags((Generation.is_flagged, filters.is_flagged)),
            *matching((Generation.user_id, filters.user_id)),
        ),
        page,
        lambda ids: session.execute(keyset.look_up(_with_all(None), ids)).all(),
        lambda image: [image.prompt_tags.contains([tag])] if tag else [],
    )
    return keyset.page(rows, page, lambda row: owner_view(storage, row))


def try_outs(session: Session, storage: Storage, *, style_id: int, limit: int) -> list[TryOutView]:
    """List the newest try-outs of a style for its artist, each with its checkpoint's step."""
    # A materialised CTE: else PostgreSQL walks over all pictures, newest first, to fill the limit.
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
    return [try_out_view(storage, row) for row in rows]


def keyset_of(sort: str, binding: dict[str, object]) -> Keyset:
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
        .join(Order, Order.id == Generation.order_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
        .outerjoin(Job, _job_of_generation())
    )


def _positions(session: Session, rows: Sequence[AnyRow]) -> dict[int, QueuePosition]:
    """Return the positions of the rows that wait; no statement if there is none."""
    waiting = [row.id for row in rows if row.status == GenerationStatus.QUEUED]
    return queue_positions.of_waiting(session, JobKind.GENERATION, waiting)


def _job_of_generation() -> ColumnElement[bool]:
    return (Job.kind == JobKind.GENERATION) & (Job.ref == Generation.id)
