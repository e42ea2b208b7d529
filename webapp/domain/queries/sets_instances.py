"""Instances of the photos of a job of Sets, as their person sees them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.documents import ClickedPoint, Setting
from webapp.domain.models.sets_instance import InstanceSource, InstanceState, SetsInstance
from webapp.domain.models.sets_photo import SetsPhoto
from webapp.domain.queries.pagination import Keyset, Page, PageRequest, SortColumn
from webapp.domain.queries.viewing import matching, signed_url
from webapp.domain.services.sets_job_states import get_job


@dataclass(frozen=True)
class InstanceFilter:
    """Which instances of a job to list; None for any."""

    idx: int | None = None
    concept: str | None = None
    state: InstanceState | None = None


@dataclass(frozen=True)
class InstanceView:
    """One instance. `bbox` is left, top, width and height, `area` in pixels, of the whole photo.

    `points` are the clicks it was made with: shares 0–1 of the photo, with `include`.
    """

    instance_id: str
    idx: int
    concept: str
    number: int
    label: str
    state: InstanceState
    source: InstanceSource
    rule: Setting | None
    points: list[ClickedPoint]
    bbox: list[int]
    area: int
    score: float
    mask_url: str | None


def of_job(
    session: Session,
    storage: Storage,
    *,
    account_id: int,
    job_id: str,
    filters: InstanceFilter,
    page: PageRequest,
) -> Page[InstanceView]:
    """List the instances of a job by photo, concept and number. Raises JobNotFound."""
    job = get_job(session, account_id, job_id)
    keyset = Keyset(ORDER, {"list": f"instances of {job.id}", **vars(filters)}, descending=False)
    statement = _instances().where(
        SetsPhoto.job_id == job.id,
        *matching(
            (SetsPhoto.idx, filters.idx),
            (SetsInstance.concept, filters.concept),
            (SetsInstance.state, filters.state),
        ),
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    return keyset.page(rows, page, lambda row: _view(storage, row))


def one(session: Session, storage: Storage, instance_id: str) -> InstanceView:
    """Return one instance, of which the caller knows whose it is."""
    row = session.execute(_instances().where(SetsInstance.public_id == instance_id)).one()
    return _view(storage, row)


ORDER: list[SortColumn] = [
    (SetsPhoto.idx, "idx", int),
    (SetsInstance.concept, "concept", str),
    (SetsInstance.number, "number", int),
]


def _instances() -> Select[*tuple[Any, ...]]:
    return select(
        SetsInstance.public_id,
        SetsPhoto.idx,
        SetsInstance.concept,
        SetsInstance.number,
        SetsInstance.state,
        SetsInstance.source,
        SetsInstance.rule,
        SetsInstance.points,
        SetsInstance.box,
        SetsInstance.area,
        SetsInstance.score,
        SetsInstance.mask_key,
    ).join(SetsPhoto, SetsPhoto.id == SetsInstance.photo_id)


def _view(storage: Storage, row: Any) -> InstanceView:
    return InstanceView(
        instance_id=row.public_id,
        idx=row.idx,
        concept=row.concept,
        number=row.number,
        label=f"{row.concept} #{row.number}",
        state=row.state,
        source=row.source,
        rule=row.rule,
        points=row.points,
        bbox=row.box,
        area=row.area,
        score=row.score,
        mask_url=signed_url(storage, row.mask_key),
    )
