"""Generations that are canvases of Sets: their connection to the edit of a photo.

A generation is a canvas if it has a row in `sets_restyles`. The edit job of its photo is queued
again until every canvas has ended.
"""

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain import jobs, pipelines
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.services import ledger


def is_canvas(session: Session, generation_id: int) -> bool:
    """Tell whether a generation is a canvas of Sets."""
    query = select(SetsRestyle.id).where(SetsRestyle.generation_id == generation_id)
    return session.execute(query).first() is not None


def of_photo() -> ColumnElement[bool]:
    """Return the condition that a row's generation is a canvas of Sets."""
    return exists().where(SetsRestyle.generation_id == Generation.id)


def resume_photo_edit(session: Session, generation_id: int) -> bool:
    """Make the edit job that waits for a generation due; False for a generation without one.

    Called in the transaction that ends the generation. A job whose row is locked is skipped:
    waiting for the lock could deadlock, and the job checks its canvases again by itself.
    """
    edit_id = session.scalar(
        select(SetsRestyle.edit_id).where(SetsRestyle.generation_id == generation_id)
    )
    if edit_id is None:
        return False
    waiting = session.scalar(
        select(Job.id)
        .where(
            Job.kind == JobKind.PHOTO_EDIT,
            Job.ref == edit_id,
            Job.state == JobState.QUEUED,
            Job.step == TaskName.APPLY_RULES,
        )
        .with_for_update(skip_locked=True)
    )
    if waiting is not None:
        jobs.make_due(session, waiting)
    return True


def record_painted(session: Session, generation_id: int, key: str, sha256: str) -> bool:
    """Record the unsigned image for its photo; False for a generation that is not a canvas."""
    updated = session.execute(
        update(SetsRestyle)
        .where(SetsRestyle.generation_id == generation_id)
        .values(painted_key=key, painted_sha256=sha256)
        .returning(SetsRestyle.id)
    ).first()
    return updated is not None


def cancel_waiting(session: Session, edit_id: int) -> None:
    """Cancel the queued generations of an edit and refund their tokens.

    Running ones are finished, delivered and paid like every generation.
    """
    generation_ids = session.scalars(
        select(SetsRestyle.generation_id)
        .where(SetsRestyle.edit_id == edit_id)
        .order_by(SetsRestyle.generation_id)
    ).all()
    for generation_id in generation_ids:
        _cancel(session, generation_id)


def _cancel(session: Session, generation_id: int) -> None:
    # Lock the job first, as a claim does, so that the generation cannot change meanwhile.
    waiting = (
        select(Job.id)
        .join(Generation, Generation.id == Job.ref)
        .where(
            Job.kind == JobKind.GENERATION,
            Job.ref == generation_id,
            Job.state == JobState.QUEUED,
            Generation.status == GenerationStatus.QUEUED,
        )
        .with_for_update(of=Job)
    )
    if session.execute(waiting).first() is None:
        return
    canceled = pipelines.advance_generation(session, generation_id, GenerationStatus.CANCELED)
    if canceled is not None:
        jobs.cancel(session, JobKind.GENERATION, generation_id)
        ledger.refund(session, canceled)
