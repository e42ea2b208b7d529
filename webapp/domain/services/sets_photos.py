"""The steps of a photo in its job: check, segmentation if masks are missing, edit, end.

Each step ends with `enqueue_next_step`, which finds out what the photo needs next, so no step knows
another one. Code that changes photos locks their job first (`lock_job`) and then rows of the job
table, so that a cancellation and a step lock in the same order.
"""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs, pipelines
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_instance import SegmentationStatus, SetsSegmentation
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsEdit, SetsPhoto
from webapp.domain.services import (
    notifications,
    sets_canvases,
    sets_choices,
    sets_credits,
    sets_exports,
    sets_masks,
)
from webapp.domain.services.sets_choices import ConceptQuery

EXECUTING = frozenset({SetsJobStatus.QUEUED, SetsJobStatus.RUNNING})
ENDED = frozenset({PhotoStatus.DONE, PhotoStatus.FAILED, PhotoStatus.CANCELED})
UNDER_WAY = (SegmentationStatus.QUEUED, SegmentationStatus.RUNNING)


def check(session: Session, photo: SetsPhoto) -> None:
    """Have the uploaded file of a photo decoded; its job was confirmed in this transaction."""
    if pipelines.advance_photo(session, photo.id, PhotoStatus.CHECKING):
        jobs.enqueue(session, JobKind.PHOTO_CHECK, photo.id, request_id=_request_id(session, photo))


def segment(session: Session, photo: SetsPhoto, concepts: Sequence[ConceptQuery]) -> bool:
    """Have concepts searched in a photo; False when all of them were searched before.

    Either way the request has a row, which is ready at once when nothing had to be searched. The
    caller makes sure that no run over the photo is open: see `is_being_segmented`.
    """
    left = sets_masks.missing(session, photo, concepts, clicks_count=False)
    if left:
        _search(session, photo, left)
        return True
    ready = SegmentationStatus.READY
    known = [asdict(concept) for concept in concepts]
    session.add(
        SetsSegmentation(photo_id=photo.id, concepts=known, status=ready, finished_at=jobs.NOW)
    )
    session.flush()
    return False


def is_being_segmented(session: Session, photo_id: int) -> bool:
    """Tell whether a run of the segmenter over a photo has not ended."""
    waiting = select(SetsSegmentation.id).where(
        SetsSegmentation.photo_id == photo_id, SetsSegmentation.status.in_(UNDER_WAY)
    )
    return session.execute(waiting).first() is not None


def enqueue_next_step(session: Session, photo_id: int) -> None:
    """Give a photo of an executed job what it needs next: missing masks, or its edit.

    Called at the end of its check and of each segmentation, and by whoever executes the job or
    tries the photo again, after the job stands as queued or running. May be repeated.
    """
    photo = session.get_one(SetsPhoto, photo_id)
    job = lock_job(session, photo.job_id)
    session.refresh(photo)
    if job.status not in EXECUTING:
        return
    if photo.status == PhotoStatus.READY:
        pipelines.advance_photo(session, photo.id, PhotoStatus.QUEUED)
    elif photo.status != PhotoStatus.QUEUED:
        return
    if is_being_segmented(session, photo.id):
        return  # its end goes on from here
    wanted = sets_choices.concept_queries(job, photo)
    left = sets_masks.missing(session, photo, wanted, clicks_count=True)
    if left:
        _search(session, photo, left)
    else:
        _edit(session, photo, job)


def end(session: Session, photo: SetsPhoto, to: PhotoStatus, **values: object) -> bool:
    """End a photo as failed or canceled, with all work on it, and return its credit.

    `values` are columns set at that moment, such as `failure_code`. False when it had ended. The
    caller has locked the job, and asks `end_job_if_over` when it has ended all it wanted.
    """
    if not pipelines.advance_photo(session, photo.id, to, **values):
        return False
    edit = cancel_open_jobs(session, photo)
    if edit is not None:
        sets_credits.return_credit(session, edit.id)
    return True


def cancel_open_jobs(session: Session, photo: SetsPhoto) -> SetsEdit | None:
    """End all work on a photo; who does it finds its fence stale. Return its edit, still open."""
    jobs.cancel(session, JobKind.PHOTO_CHECK, photo.id)
    open_runs = (SetsSegmentation.photo_id == photo.id, SetsSegmentation.status.in_(UNDER_WAY))
    for run_id in session.scalars(select(SetsSegmentation.id).where(*open_runs)).all():
        # Before the run itself, as workers do that claim it.
        jobs.cancel(session, JobKind.SEGMENTATION, run_id)
    session.execute(
        update(SetsSegmentation)
        .where(*open_runs)
        .values(status=SegmentationStatus.CANCELED, finished_at=jobs.NOW)
    )
    edit = sets_credits.open_edit(session, photo.id)
    if edit is not None:
        sets_canvases.cancel_waiting(session, edit.id)
        jobs.cancel(session, JobKind.PHOTO_EDIT, edit.id)
    return edit


def end_job_if_over(session: Session, job_id: int) -> bool:
    """End an executed job none of whose photos is unfinished; False when it goes on or had ended.

    Done if one photo is done, else failed; its person is told in the same commit.
    """
    job = lock_job(session, job_id)
    if job.status not in EXECUTING:
        return False
    standing = counts(session, job_id)
    if standing.keys() - ENDED:
        return False
    done = standing.get(PhotoStatus.DONE, 0)
    to = SetsJobStatus.DONE if done else SetsJobStatus.FAILED
    if not pipelines.advance_sets_job(session, job_id, to, finished_at=jobs.NOW):
        raise RuntimeError(f"a job of Sets that is {job.status} cannot become {to}")
    if done:
        sets_exports.prepare(session, job)
    _tell(session, job, done=done)
    return True


def fail(session: Session, photo_id: int, cause: str, message: str) -> None:
    """End a photo for good under a locked job, return its credit, and end a job that is over.

    The other photos of the job go on.
    """
    photo = session.get_one(SetsPhoto, photo_id)
    end(session, photo, PhotoStatus.FAILED, failure_code=cause, failure_message=message)
    end_job_if_over(session, photo.job_id)


def lock_job_of(session: Session, photo_id: int | None) -> SetsJob | None:
    """Lock the job of a photo; None when there is no such photo."""
    job_id = session.scalar(select(SetsPhoto.job_id).where(SetsPhoto.id == photo_id))
    return None if job_id is None else lock_job(session, job_id)


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


def _search(session: Session, photo: SetsPhoto, concepts: Sequence[ConceptQuery]) -> None:
    run = SetsSegmentation(photo_id=photo.id, concepts=[asdict(concept) for concept in concepts])
    session.add(run)
    session.flush()
    jobs.enqueue(session, JobKind.SEGMENTATION, run.id, request_id=_request_id(session, photo))


def _edit(session: Session, photo: SetsPhoto, job: SetsJob) -> None:
    edit = sets_credits.open_edit(session, photo.id)
    if edit is None:
        raise RuntimeError(f"photo {photo.id} is to be edited and has no reserved credit")
    known = select(Job.id).where(Job.kind == JobKind.PHOTO_EDIT, Job.ref == edit.id)
    if session.execute(known).first() is None:
        jobs.enqueue(session, JobKind.PHOTO_EDIT, edit.id, request_id=job.request_id)


def _request_id(session: Session, photo: SetsPhoto) -> str:
    return session.get_one(SetsJob, photo.job_id).request_id  # its job is locked, so it is loaded


def _tell(session: Session, job: SetsJob, *, done: int) -> None:
    """Tell the person of the job, if it has one, once for each time it was tried."""
    user_id = session.scalars(
        select(SetsAccount.user_id).where(SetsAccount.id == job.account_id)
    ).one()
    if user_id is None:
        return
    attempt = session.scalars(
        select(func.max(SetsEdit.attempt))
        .join(SetsPhoto, SetsPhoto.id == SetsEdit.photo_id)
        .where(SetsPhoto.job_id == job.id)
    ).one()
    complete, failed = NotificationType.SET_JOB_COMPLETE, NotificationType.SET_JOB_FAILED
    notifications.notify(
        session,
        user_id,
        complete if done else failed,
        target_type="set_job",
        target_id=job.id,
        event=f"set_job:{job.id}:{attempt}",
        details={"job_id": job.public_id, "done": done, "failed": job.item_count - done},
    )
