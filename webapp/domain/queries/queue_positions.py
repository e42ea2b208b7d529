"""Where jobs stand in the queue of the GPU workers, and when they will probably have ended.

Nothing records how long a job takes or how many workers there are, so the pace of all of them is
measured: the time in which the last jobs ended, without the pauses in which there was none to do.
Batches and parallel workers are in that number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import CTE, Integer, case, cast, extract, func, select
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.due_jobs import JUST_NOW
from webapp.domain.jobs import claimable
from webapp.domain.models.job import Job, JobKind, JobState

# At which a job waits for a GPU worker: the `gpu_step` of its pipeline.
GPU_STEPS = {
    JobKind.GENERATION: TaskName.RENDER_IMAGES,
    JobKind.TRAINING: TaskName.TRAIN_STYLE,
}
MOST_NUMBERED = 1000  # of a longer queue, the jobs behind have no position
MEASURED = 40  # jobs ordered before the queue
MEASURED_WITHIN = {JobKind.GENERATION: timedelta(hours=1), JobKind.TRAINING: timedelta(days=1)}
# Without a running job, workers are believed to be alive for so long after the last job ended.
ALIVE = timedelta(minutes=1)
# A worker claims only jobs of the base model that it has loaded.
BASE_MODEL = func.split_part(Job.batch_key, ":", 1)


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """How many waiting jobs will be claimed before, and the seconds until this one has ended.

    `expected_seconds` is None where nothing was measured, or no worker seems to be alive.
    """

    ahead: int
    expected_seconds: int | None


def of_waiting(session: Session, kind: JobKind, refs: Sequence[int]) -> dict[int, QueuePosition]:
    """Return the positions of the jobs of these rows, by id; one statement for all of them.

    The order is that of `jobs.claim_batch`. Jobs that no GPU worker can claim now have none: those
    at another step, running, or delayed until a retry.
    """
    if not refs:
        return {}
    first = _first_waiting(kind)
    queue, pace, running = _numbered(first), _pace(kind, first), _running(kind)
    count = func.coalesce(running.c.count, 0)
    is_alive = (count > 0) | (pace.c.last_at > JUST_NOW - ALIVE)
    rows = session.execute(
        select(
            queue.c.ref,
            queue.c.ahead,
            case((is_alive, pace.c.seconds * (queue.c.ahead + count + 1))).label("seconds"),
        )
        .outerjoin(pace, pace.c.base_model == queue.c.base_model)
        .outerjoin(running, running.c.base_model == queue.c.base_model)
        .where(queue.c.ref.in_(refs))
    )
    return {
        row.ref: QueuePosition(
            row.ahead, None if row.seconds is None else max(1, round(row.seconds))
        )
        for row in rows
    }


def _first_waiting(kind: JobKind) -> CTE:
    """Select the first jobs that a worker can claim now."""
    return (
        select(
            Job.id,
            Job.ref,
            BASE_MODEL.label("base_model"),
            ((Job.tries == 0) & (Job.crashes == 0)).label("is_untried"),
        )
        .where(claimable(kind, GPU_STEPS[kind], JUST_NOW))
        .order_by(Job.id)
        .limit(MOST_NUMBERED)
        .cte("first_waiting")
    )


def _numbered(first: CTE) -> CTE:
    """Select the waiting jobs, each with the number of those of its base model before it."""
    number = func.row_number().over(partition_by=first.c.base_model, order_by=first.c.id)
    ahead = cast(number - 1, Integer).label("ahead")
    return select(first.c.ref, first.c.base_model, ahead).cte("queue")


def _pace(kind: JobKind, first: CTE) -> CTE:
    """Select for each base model the seconds in which one job ends, and when the last one did.

    A job took the time since the one before it ended, or since it was ordered, if that was later.
    """
    # Jobs that were not tried before wait in the order of their rows, and the last that ended are
    # those before them: so the index of (kind, ref) finds these, however many have ended.
    untried = select(func.min(first.c.ref)).where(first.c.is_untried)
    last = (
        select(BASE_MODEL.label("base_model"), Job.state, Job.created_at, Job.finished_at)
        .where(Job.kind == kind, Job.ref < untried.scalar_subquery())
        .order_by(Job.ref.desc())
        .limit(MEASURED)
        .subquery()
    )
    before = func.lag(last.c.finished_at).over(
        partition_by=last.c.base_model, order_by=last.c.finished_at
    )
    # The first of them has none before it: how long it had only waited is not known.
    began_at = case((before.is_not(None), func.greatest(before, last.c.created_at)))
    ended = (
        select(last.c.base_model, last.c.finished_at, began_at.label("began_at"))
        .where(
            last.c.state.in_([JobState.DONE, JobState.FAILED]),
            last.c.finished_at > JUST_NOW - MEASURED_WITHIN[kind],
        )
        .subquery()
    )
    seconds = func.avg(extract("epoch", ended.c.finished_at - ended.c.began_at))
    return (
        select(
            ended.c.base_model,
            seconds.label("seconds"),
            func.max(ended.c.finished_at).label("last_at"),
        )
        .group_by(ended.c.base_model)
        .cte("pace")
    )


def _running(kind: JobKind) -> CTE:
    """Select for each base model how many jobs workers hold; expired leases are not counted."""
    return (
        select(BASE_MODEL.label("base_model"), func.count().label("count"))
        .where(
            Job.kind == kind,
            Job.step == GPU_STEPS[kind],
            Job.state == JobState.RUNNING,
            Job.lease_until > JUST_NOW,
        )
        .group_by(BASE_MODEL)
        .cte("running")
    )
