"""Retention of ended jobs: their rows are deleted, what they were about stays."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.models.job import Job, JobKind
from webapp.domain.pieces import delete_chosen


def purge(session: Session, *, older_than: timedelta, limit: int) -> int:
    """Delete at most `limit` jobs that ended before; return how many.

    Jobs of trainings stay: the next training of the same style continues their fence.
    """
    ended = (
        select(Job.id)
        .where(
            Job.finished_at < func.statement_timestamp() - older_than,
            Job.kind != JobKind.TRAINING,
        )
        .order_by(Job.finished_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return delete_chosen(session, Job.id, ended)
