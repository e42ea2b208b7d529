"""Jobs that are late, lost, retried or failed; and publishing one by hand."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    func,
    join,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain import jobs
from webapp.domain.errors import NotFound
from webapp.domain.jobs import NOW
from webapp.domain.models.account import User
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.sets_export import SetsExport
from webapp.domain.models.sets_instance import SetsSegmentation
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsEdit, SetsPhoto
from webapp.domain.models.style import Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.services import audit

MOST_SHOWN = 100
RECENT = timedelta(days=1)
# A training that ends for lack of usable artworks leaves its job without a cause.
CAUSE_OF_RUN = TrainingRun.failure_cause.label("cause_of_run")


class Trouble(StrEnum):
    """Why a job is listed, the worst first."""

    OVERDUE = "overdue"
    SILENT = "silent"
    ENDING = "ending"
    CRASHED = "crashed"
    RETRYING = "retrying"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class JobStyle:
    """The style of a training."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class JobSet:
    """The job of Sets that a background job belongs to; `photo` is an index, None for archives."""

    id: str
    photo: int | None


@dataclass(frozen=True, slots=True)
class TroubledJob:
    """A background job that is late, lost, retried or failed, and what it is about."""

    id: int
    kind: JobKind
    generation_id: int | None
    style: JobStyle | None
    set: JobSet | None
    trouble: Trouble
    state: JobState
    step: str
    attempt: int
    crashes: int
    deadline_at: datetime
    finished_at: datetime | None
    failure_cause: str | None
    request_id: str


def is_overdue(state: JobState) -> ColumnElement[bool]:
    """Return the condition for jobs of a state past their deadline, for the index of that state."""
    return and_(Job.state == state.value, Job.deadline_at < NOW)


def stuck(session: Session) -> list[TroubledJob]:
    """Return the unfinished jobs: late, lost, at `refund`, crashed, retried; worst first."""
    trouble = case(
        (Job.deadline_at < NOW, literal(Trouble.OVERDUE.value)),
        (Job.lease_until < NOW, literal(Trouble.SILENT.value)),
        (Job.step == TaskName.REFUND, literal(Trouble.ENDING.value)),
        (Job.crashes > 0, literal(Trouble.CRASHED.value)),
        else_=literal(Trouble.RETRYING.value),
    )
    is_stuck = or_(
        Job.deadline_at < NOW,
        Job.lease_until < NOW,
        Job.step == TaskName.REFUND,
        Job.crashes > 0,
        Job.tries > 0,
    )
    # Each query can use its own partial index; `state IN (…)` could use neither.
    live = union_all(
        *(
            select(Job.id, trouble.label("trouble")).where(Job.state == state.value, is_stuck)
            for state in (JobState.QUEUED, JobState.RUNNING)
        )
    ).subquery("live")
    worst = case({each.value: rank for rank, each in enumerate(Trouble)}, value=live.c.trouble)
    # Limit before the joins: after eight joins the planner would read the whole table.
    listed = (
        select(Job.id, live.c.trouble, worst.label("worst"))
        .join(live, live.c.id == Job.id)
        .order_by(worst, Job.deadline_at, Job.id)
        .limit(MOST_SHOWN)
        .subquery("shown")
    )
    rows = session.execute(
        _with_subjects(listed.c.trouble, join(listed, Job, Job.id == listed.c.id)).order_by(
            listed.c.worst, Job.deadline_at, Job.id
        )
    )
    return [_job(row) for row in rows]


def dead(session: Session) -> list[TroubledJob]:
    """Return the jobs that failed within the last day, newest first."""
    # clock_timestamp() is volatile, so no index can be used; statement_timestamp() is stable.
    since = func.statement_timestamp() - RECENT
    rows = session.execute(
        _with_subjects(literal(Trouble.DEAD.value).label("trouble"), Job.__table__)
        .where(Job.finished_at > since, Job.state == JobState.FAILED)
        .order_by(Job.finished_at.desc())
        .limit(MOST_SHOWN)
    )
    return [_job(row) for row in rows]


def _with_subjects(trouble: ColumnElement[str], source: FromClause) -> Select[Any]:
    """Return the query of jobs with the style of a training, or the job and photo of Sets.

    `source` is the table of jobs, or what is joined to it.
    """
    photo_id = case(
        (Job.kind == JobKind.PHOTO_CHECK, Job.ref),
        (Job.kind == JobKind.SEGMENTATION, SetsSegmentation.photo_id),
        (Job.kind == JobKind.PHOTO_EDIT, SetsEdit.photo_id),
    )
    sets_job_id = func.coalesce(SetsPhoto.job_id, SetsExport.job_id)
    return (
        select(
            *Job.__table__.columns,
            trouble,
            TrainingRun.style_id,
            CAUSE_OF_RUN,
            Style.name,
            SetsJob.public_id.label("set_id"),
            SetsPhoto.idx.label("photo_idx"),
        )
        .select_from(source)
        .outerjoin(TrainingRun, and_(Job.kind == JobKind.TRAINING, TrainingRun.id == Job.ref))
        .outerjoin(Style, Style.id == TrainingRun.style_id)
        .outerjoin(
            SetsSegmentation,
            and_(Job.kind == JobKind.SEGMENTATION, SetsSegmentation.id == Job.ref),
        )
        .outerjoin(SetsEdit, and_(Job.kind == JobKind.PHOTO_EDIT, SetsEdit.id == Job.ref))
        .outerjoin(SetsExport, and_(Job.kind == JobKind.SETS_EXPORT, SetsExport.id == Job.ref))
        .outerjoin(SetsPhoto, SetsPhoto.id == photo_id)
        .outerjoin(SetsJob, SetsJob.id == sets_job_id)
    )


def publish_now(session: Session, *, admin: User, job_id: int, reason: str) -> None:
    """Make a queued job due now instead of at its `run_at`. Raises NotFound if it is not queued."""
    before = session.scalar(select(Job.run_at).where(Job.id == job_id).with_for_update())
    if before is None or not jobs.make_due(session, job_id):
        raise NotFound(resource="waiting_job", id=job_id)
    audit.record(
        session,
        admin_id=admin.id,
        object_type="job",
        object_id=job_id,
        before={"run_at": before.isoformat()},
        after={"run_at": "now"},
        reason=reason,
    )


def _job(row: AnyRow) -> TroubledJob:
    return TroubledJob(
        id=row.id,
        kind=row.kind,
        generation_id=row.ref if row.kind == JobKind.GENERATION else None,
        style=None if row.style_id is None else JobStyle(row.style_id, row.name),
        set=None if row.set_id is None else JobSet(row.set_id, row.photo_idx),
        trouble=row.trouble,
        state=row.state,
        step=row.step,
        attempt=row.tries + 1,
        crashes=row.crashes,
        deadline_at=row.deadline_at,
        finished_at=row.finished_at,
        failure_cause=row.failure_cause or row.cause_of_run,
        request_id=row.request_id,
    )
