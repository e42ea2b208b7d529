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
INSIDE = {
    "GPU_OOM": "The photo needs more memory than there is.",
    "INTERNAL_ERROR": "An unexpected error occurred.",
    "NETWORK": "A stored file could not be read.",
    "TIMEOUT": "It took too long.",
    "WORKER_LOST": "The machines that worked on it failed too often.",
}
"""What the owner of a photo reads about causes that lie inside the site."""

UNFINISHED = (SegmentationStatus.QUEUED, SegmentationStatus.RUNNING)


def check(session: Session, photo: SetsPhoto) -> None:
    """Queue the check of an uploaded photo; its job was confirmed in this transaction."""
    if pipelines.advance_photo(session, photo.id, PhotoStatus.CHECKING):
        jobs.enqueue(session, JobKind.PHOTO_CHECK, photo.id, request_id=_request_id(session, photo))


def segment(session: Session, photo: SetsPhoto, concepts: Sequence[ConceptQuery]) -> bool:
    """Queue the search of concepts in a photo; False if all of them were searched before.

    In both cases the newest run tells; it is ready if nothing has to be searched. The caller
    makes sure that there is no open run over the photo: see `is_being_segmented`.
    """
    missing = sets_masks.missing(session, photo, concepts, clicks_count=False)
    if missing:
        _search(session, photo, missing)
        return True
    if _last_run(session, photo.id) != SegmentationStatus.READY:
        sets_masks.record_searched(session, photo.id, concepts)
    return False


def is_being_segmented(session: Session, photo_id: int) -> bool:
    """Tell whether a photo has an unfinished run of the segmenter."""
    unfinished = select(SetsSegmentation.id).where(
        SetsSegmentation.photo_id == photo_id, SetsSegmentation.status.in_(UNFINISHED)
    )
    return session.execute(unfinished).first() is not None


def enqueue_next_step(session: Session, photo_id: int) -> None:
    """Queue the next step of a photo of an executed job: a segmentation or its edit.

    Called at the end of the check and of each segmentation, and by an execution or a retry after
    the job is queued or running. Idempotent.
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
        return  # the end of the run calls this function again
    queries = sets_choices.concept_queries(job, photo)
    missing = sets_masks.missing(session, photo, queries, clicks_count=True)
    if missing:
        _search(session, photo, missing)
    else:
        _edit(session, photo, job)


def end(session: Session, photo: SetsPhoto, to: PhotoStatus, **values: object) -> bool:
    """Set a photo to failed or canceled, cancel its jobs, and return its credit.

    `values` are further columns to set, such as `failure_code`. Returns False if the photo has
    already ended. The caller has locked the job, and calls `end_job_if_over` after its last photo.
    """
    if not pipelines.advance_photo(session, photo.id, to, **values):
        return False
    edit = cancel_open_jobs(session, photo)
    if edit is not None:
        sets_credits.return_credit(session, edit.id)
    return True


def cancel_open_jobs(session: Session, photo: SetsPhoto) -> SetsEdit | None:
    """Cancel all jobs of a photo, so that their fences are stale; return its open edit."""
    jobs.cancel(session, JobKind.PHOTO_CHECK, photo.id)
    open_runs = (SetsSegmentation.photo_id == photo.id, SetsSegmentation.status.in_(UNFINISHED))
    for run_id in session.scalars(select(SetsSegmentation.id).where(*open_runs)).all():
        # Lock order: the job before its run, as in a claim.
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
    """End an executed job if all its photos have ended; False otherwise or if it had ended.

    The job is done if at least one photo is done, else failed. Its user is notified in the same
    transaction.
    """
    job = lock_job(session, job_id)
    if job.status not in EXECUTING:
        return False
    count_by_status = counts(session, job_id)
    if count_by_status.keys() - ENDED:
        return False
    done = count_by_status.get(PhotoStatus.DONE, 0)
    to = SetsJobStatus.DONE if done else SetsJobStatus.FAILED
    if not pipelines.advance_sets_job(session, job_id, to, finished_at=jobs.NOW):
        raise RuntimeError(f"a job of Sets that is {job.status} cannot become {to}")
    if done:
        sets_exports.prepare(session, job)
    _notify(session, job, done=done)
    return True


def fail(session: Session, photo_id: int, cause: str, message: str) -> None:
    """Fail a photo of a locked job, return its credit, and end the job after its last photo.

    The other photos of the job continue. Messages about causes inside the site name keys and
    classes: their owner reads another one, and the log has the original.
    """
    message = INSIDE.get(cause, message)
    photo = session.get_one(SetsPhoto, photo_id)
    end(session, photo, PhotoStatus.FAILED, failure_code=cause, failure_message=message)
    end_job_if_over(session, photo.job_id)


def lock_job_of(session: Session, photo_id: int | None) -> SetsJob | None:
    """Lock the job of a photo; None if there is no such photo."""
    job_id = session.scalar(select(SetsPhoto.job_id).where(SetsPhoto.id == photo_id))
    return None if job_id is None else lock_job(session, job_id)


def counts(session: Session, job_id: int) -> dict[PhotoStatus, int]:
    """Return the number of photos of a job by status."""
    rows = session.execute(
        select(SetsPhoto.status, func.count())
        .where(SetsPhoto.job_id == job_id)
        .group_by(SetsPhoto.status)
    )
    return {PhotoStatus(status): count for status, count in rows}


def lock_job(session: Session, job_id: int) -> SetsJob:
    """Lock the row of a job FOR UPDATE, so that only one of the last two photos ends the job."""
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


def _last_run(session: Session, photo_id: int) -> SegmentationStatus | None:
    """Return the status of the newest run over a photo."""
    return session.scalar(
        select(SetsSegmentation.status)
        .where(SetsSegmentation.photo_id == photo_id)
        .order_by(SetsSegmentation.id.desc())
        .limit(1)
    )


def _edit(session: Session, photo: SetsPhoto, job: SetsJob) -> None:
    edit = sets_credits.open_edit(session, photo.id)
    if edit is None:
        raise RuntimeError(f"photo {photo.id} is to be edited and has no reserved credit")
    existing = select(Job.id).where(Job.kind == JobKind.PHOTO_EDIT, Job.ref == edit.id)
    if session.execute(existing).first() is None:
        jobs.enqueue(session, JobKind.PHOTO_EDIT, edit.id, request_id=job.request_id)


def _request_id(session: Session, photo: SetsPhoto) -> str:
    return session.get_one(SetsJob, photo.job_id).request_id  # the locked job is already loaded


def _notify(session: Session, job: SetsJob, *, done: int) -> None:
    """Notify the user of the job, if it has one, once per attempt."""
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
