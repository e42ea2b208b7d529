"""The way of a photo through its job: checked, segmented where masks are missing, edited, ended.

Each step ends by asking `go_on` what the photo needs next, so steps know nothing of each other.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain import jobs, pipelines
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_instance import SegmentationStatus, SetsSegmentation
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.services import sets_credits

EXECUTING = frozenset({SetsJobStatus.QUEUED, SetsJobStatus.RUNNING})
ENDED = frozenset({PhotoStatus.DONE, PhotoStatus.FAILED, PhotoStatus.CANCELED})


@dataclass(frozen=True)
class WantedConcept:
    """What the segmenter is asked for: the preset's concept, or a name with a person's words."""

    name: str
    prompt: str
    is_many: bool = False


def check(session: Session, photo: SetsPhoto) -> None:
    """Have the uploaded file of a photo decoded; its job was confirmed in this transaction."""
    if pipelines.advance_photo(session, photo.id, PhotoStatus.CHECKING):
        jobs.enqueue(session, JobKind.PHOTO_CHECK, photo.id)


def segment(session: Session, photo: SetsPhoto, concepts: Sequence[WantedConcept]) -> None:
    """Have concepts searched in a photo whose masks nobody knows yet, under a row of its own."""
    run = SetsSegmentation(photo_id=photo.id, concepts=[asdict(concept) for concept in concepts])
    session.add(run)
    session.flush()
    jobs.enqueue(session, JobKind.SEGMENTATION, run.id)


def is_being_segmented(session: Session, photo_id: int) -> bool:
    """Tell whether a run of the segmenter over a photo has not ended."""
    waiting = select(SetsSegmentation.id).where(
        SetsSegmentation.photo_id == photo_id,
        SetsSegmentation.status.in_([SegmentationStatus.QUEUED, SegmentationStatus.RUNNING]),
    )
    return session.execute(waiting).first() is not None


def end(session: Session, photo: SetsPhoto, to: PhotoStatus, **values: object) -> bool:
    """End a photo as failed or canceled and return its credit; False when it had ended."""
    if not pipelines.advance_photo(session, photo.id, to, **values):
        return False
    edit = sets_credits.open_edit(session, photo.id)
    if edit is not None:
        sets_credits.give_back(session, edit.id)
        jobs.cancel(session, JobKind.PHOTO_EDIT, edit.id)
    return True


def counts(session: Session, job_id: int) -> dict[PhotoStatus, int]:
    """Return how many photos of a job stand where."""
    rows = session.execute(
        select(SetsPhoto.status, func.count())
        .where(SetsPhoto.job_id == job_id)
        .group_by(SetsPhoto.status)
    )
    return {PhotoStatus(status): count for status, count in rows}


def lock_job(session: Session, job_id: int) -> SetsJob:
    """Lock the row of a job, so that the last two photos cannot both think another is left."""
    return session.scalars(
        select(SetsJob)
        .where(SetsJob.id == job_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
