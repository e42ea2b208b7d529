"""Images that are painted on canvases of Sets: what their own pipeline must know of the photo.

An image is a canvas when it has a row in `sets_restyles`. Its photo waits in the job table until
every canvas has ended.
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
    """Tell whether an image is painted on a canvas of Sets."""
    found = select(SetsRestyle.id).where(SetsRestyle.generation_id == generation_id)
    return session.execute(found).first() is not None


def of_photo() -> ColumnElement[bool]:
    """Return the condition that a row's generation is painted on a canvas of Sets."""
    return exists().where(SetsRestyle.generation_id == Generation.id)


def resume_photo_edit(session: Session, generation_id: int) -> bool:
    """Let the photo that waits for an image go on; False for an image that is no canvas.

    Called in the commit that ends the image. An edit that somebody is just claiming or ending is
    left alone: waiting for its row here could be a deadlock, and it looks again by itself.
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
    """Keep the unsigned image for its photo; False for an image that is no canvas."""
    kept = session.execute(
        update(SetsRestyle)
        .where(SetsRestyle.generation_id == generation_id)
        .values(painted_key=key, painted_sha256=sha256)
        .returning(SetsRestyle.id)
    ).first()
    return kept is not None


def cancel_waiting(session: Session, edit_id: int) -> None:
    """Cancel the images of an edit that nobody has begun, and give their tokens back.

    The others go on: they are delivered and paid like every image.
    """
    found = session.scalars(
        select(SetsRestyle.generation_id)
        .where(SetsRestyle.edit_id == edit_id)
        .order_by(SetsRestyle.generation_id)
    ).all()
    for generation_id in found:
        _cancel(session, generation_id)


def _cancel(session: Session, generation_id: int) -> None:
    # The job first, as workers do that claim it: then the image stays as it is.
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
