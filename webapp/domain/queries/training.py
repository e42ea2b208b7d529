"""The log of a training for its artist: stage, losses, samples; and the training in progress."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.gateways.storage import Storage
from webapp.domain.models import documents
from webapp.domain.models.account import Artist
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries import queue_positions
from webapp.domain.queries.viewing import signed_url

MAX_SAMPLES = 24  # the newest
MAX_CHECKPOINTS = 8  # the newest
MAX_LOSS_POINTS = 400  # about the width of the curve on a page, in pixels
AVERAGED_STEPS = 20  # a worker reports the mean loss of so many steps; noisy before there are
LossPoint = tuple[int, float, float | None]  # step, loss, held-out loss where it was measured


@dataclass(frozen=True, slots=True)
class MeasuredStep:
    """A training step with samples; `held_out_loss` is None where it was not measured."""

    step: int
    held_out_loss: float | None
    samples: list[str | None]


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """The newest run of a style.

    Attributes:
        step: name of the current task.
        tries: failed attempts of this task.
        state: state of the job; None before there is a job.
        waits_for_uploads: whether declared files are missing.
        queue_ahead: trainings that a worker will claim before; None unless it waits for one.
        expected_seconds: until the training has probably ended; None where that is not known.
        losses: at most about `MAX_LOSS_POINTS` points, by step, from the first averaged one on.
        checkpoints: the newest steps with samples, by step.
        samples: short-lived URLs of the newest samples.

    """

    step: str
    tries: int
    state: JobState | None
    waits_for_uploads: bool
    queue_ahead: int | None
    expected_seconds: int | None
    losses: list[LossPoint]
    checkpoints: list[MeasuredStep]
    samples: list[str | None]


@dataclass(frozen=True, slots=True)
class TrainingUnderWay:
    """A style in training; `percent` is 0 to 100."""

    style_id: int
    artist_id: int
    artist_name: str
    percent: int


def latest(session: Session, storage: Storage, *, style_id: int) -> TrainingLog | None:
    """Return the newest run of a style, or None if it never had one."""
    row = session.execute(
        select(
            TrainingRun.id,
            TrainingRun.loss_history,
            TrainingRun.sample_keys,
            TrainingRun.uploads_expire_at,
            TrainingRun.confirmed_at,
            Job.step,
            Job.tries,
            Job.state,
        )
        .outerjoin(Job, and_(Job.kind == JobKind.TRAINING, Job.ref == TrainingRun.id))
        .where(TrainingRun.style_id == style_id)
        .order_by(TrainingRun.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    waits = (row.state, row.step) == (JobState.QUEUED, queue_positions.GPU_STEPS[JobKind.TRAINING])
    waiting = [row.id] if waits else []
    position = queue_positions.of_waiting(session, JobKind.TRAINING, waiting).get(row.id)
    return TrainingLog(
        step=row.step or TaskName.VALIDATE_UPLOADS,
        tries=row.tries or 0,
        state=row.state,
        waits_for_uploads=row.uploads_expire_at is not None and row.confirmed_at is None,
        queue_ahead=position.ahead if position else None,
        expected_seconds=position.expected_seconds if position else None,
        losses=_thinned(_averaged(row.loss_history)),
        checkpoints=_measured_steps(storage, row.loss_history),
        samples=[signed_url(storage, key) for key in row.sample_keys[-MAX_SAMPLES:]],
    )


def under_way(session: Session) -> TrainingUnderWay | None:
    """Return the oldest training that a worker has claimed, or None."""
    # No LIMIT: running jobs are few, and with a limit PostgreSQL walks all jobs from the first.
    rows = session.execute(
        select(
            Job.id.label("job_id"),
            Style.id,
            Style.artist_id,
            Artist.artist_name,
            TrainingRun.progress,
        )
        .select_from(Job)
        .join(TrainingRun, TrainingRun.id == Job.ref)
        .join(Style, Style.id == TrainingRun.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
        .where(
            Job.kind == JobKind.TRAINING,
            Job.state == JobState.RUNNING,
            Style.training_status == TrainingStatus.TRAINING,
            Style.is_active,
            ~Style.is_flagged,
        )
    ).all()
    if not rows:
        return None
    row = min(rows, key=lambda row: row.job_id)
    return TrainingUnderWay(
        style_id=row.id,
        artist_id=row.artist_id,
        artist_name=row.artist_name,
        percent=(row.progress or {}).get("progress_percent", 0),
    )


def _measured_steps(storage: Storage, history: Sequence[documents.LossPoint]) -> list[MeasuredStep]:
    points = [point for point in history if point.get("sample_keys")]
    return [
        MeasuredStep(
            step=point["step"],
            held_out_loss=point.get("held_out_loss"),
            samples=[signed_url(storage, key) for key in point["sample_keys"]],
        )
        for point in points[-MAX_CHECKPOINTS:]
    ]


def _averaged(history: Sequence[documents.LossPoint]) -> Sequence[documents.LossPoint]:
    """Return the points from the first averaged loss on; all points while there is none.

    The loss of the first step alone may be lower than all averages, as if the style got worse.
    """
    averaged = [point for point in history if point["step"] >= AVERAGED_STEPS]
    return averaged or history


def _thinned(history: Sequence[documents.LossPoint]) -> list[LossPoint]:
    """Return evenly spaced points, all points with a held-out loss, and the last point."""
    every = -(-len(history) // MAX_LOSS_POINTS) or 1
    last = len(history) - 1
    return [
        (point["step"], point["loss"], point.get("held_out_loss"))
        for index, point in enumerate(history)
        if index % every == 0 or index == last or point.get("held_out_loss") is not None
    ]
