"""What an artist watches while a style is learned: stage, losses, samples, and what went wrong."""

from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.style import Style, TrainingStatus
from webapp.domain.models.training import TrainingRun
from webapp.domain.queries.viewing import signed_url

# One report may bring several samples; the strip shows the newest.
MAX_SAMPLES_SHOWN = 24
# A curve needs no more points than a screen has room for.
MAX_LOSS_POINTS = 400
# Of checkpoints the newest few tell whether it still gets better.
MAX_CHECKPOINTS_SHOWN = 8


def latest(session: Session, storage: Storage, *, style_id: int) -> dict[str, Any] | None:
    """Return the newest run of a style for its artist, or None if it never had one.

    `step` is the task the run stands at, `losses` are [step, loss, held-out loss or None], and
    `checkpoints` the newest measured steps with what was drawn at each.
    """
    row = session.execute(
        select(
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
    return {
        "step": row.step or TaskName.VALIDATE_UPLOADS,
        "tries": row.tries or 0,
        "state": row.state,
        "waits_for_uploads": row.uploads_expire_at is not None and row.confirmed_at is None,
        "losses": _thinned(row.loss_history),
        "checkpoints": [
            {
                "step": point["step"],
                "held_out_loss": point.get("held_out_loss"),
                "samples": [signed_url(storage, key) for key in point["sample_keys"]],
            }
            for point in row.loss_history
            if point.get("sample_keys")
        ][-MAX_CHECKPOINTS_SHOWN:],
        "samples": [signed_url(storage, key) for key in row.sample_keys[-MAX_SAMPLES_SHOWN:]],
    }


def under_way(session: Session) -> dict[str, Any] | None:
    """Return the oldest training that a worker is at, with its percent, or None."""
    # All, for they are few: with a limit PostgreSQL would walk over the jobs from the first.
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
    return {
        "style_id": row.id,
        "artist_id": row.artist_id,
        "artist_name": row.artist_name,
        "percent": (row.progress or {}).get("progress_percent", 0),
    }


def _thinned(history: list[dict[str, Any]]) -> list[list[float | None]]:
    """Return an even choice of the points; measured held-out losses and the last point stay."""
    every = -(-len(history) // MAX_LOSS_POINTS) or 1
    last = len(history) - 1
    return [
        [point["step"], point["loss"], point.get("held_out_loss")]
        for index, point in enumerate(history)
        if index % every == 0 or index == last or point.get("held_out_loss") is not None
    ]
