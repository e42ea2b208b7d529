"""Results of external GPUs, which send callbacks with job id, photo index and attempt.

A callback applies only if the status of the photo allows it. A duplicate, a late callback or one of
an earlier attempt changes nothing; the response has the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import decoding_slots, pipelines
from webapp.domain.db import UnitOfWork
from webapp.domain.decoding_slots import DecoderBusy
from webapp.domain.errors import NotFound, ResultRejected, ServiceUnavailable
from webapp.domain.gateways.editor import MarkedPicture, Marker
from webapp.domain.gateways.storage import Storage
from webapp.domain.images import ImageHeader
from webapp.domain.jobs import Lease
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_instance import SetsInstance, SetsSegmentation
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsEdit, SetsPhoto
from webapp.domain.services import (
    claimed_jobs,
    sets_callback_files,
    sets_choices,
    sets_edits,
    sets_masks,
    sets_photos,
    worker_leases,
    worker_protocol,
    worker_results,
)
from webapp.domain.services.sets_segmentations import ReportedMask
from webapp.domain.services.worker_leases import WorkerAnswer
from webapp.domain.sets_errors import JobNotFound

OUTSIDE = "outside"
"""The segmenter name of masks from callbacks; it never matches the configured segmenter."""

SLOT_SECONDS = 20.0
RETRY_AFTER_SECONDS = 5
WORKABLE = frozenset({PhotoStatus.QUEUED, PhotoStatus.RUNNING})


@dataclass(frozen=True)
class Item:
    """The photo and the attempt of a callback."""

    job_id: str
    idx: int
    attempt: int


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed."""

    code: str
    message: str


@dataclass(frozen=True)
class CallbackResult:
    """The response to a callback: whether it was applied, and the progress of its job."""

    applied: bool
    status: str
    done: int
    failed: int
    total: int
    reason: str | None


def complete_edit(
    unit_of_work: UnitOfWork,
    storage: Storage,
    marker: Marker,
    item: Item,
    *,
    output_key: str,
    preview_key: str | None,
) -> CallbackResult:
    """Deliver a photo that was edited externally; our own jobs for it are canceled.

    On the free plan it gets our watermark. Raises JobNotFound; NotFound for an index that the job
    does not have; ResultRejected for a missing file or one that is not a PNG of the photo's size;
    ServiceUnavailable while storage is down or all decoding slots are busy.
    """
    with unit_of_work() as session:
        photo, edit_id, reason = _open_edit(session, item, PhotoStatus.DONE)
        if reason is not None or edit_id is None:
            return _result(session, item, reason)
        size = photo.width or 0, photo.height or 0
        job = session.get_one(SetsJob, photo.job_id)
        mark = _mark(marker, job.account_id, size) if job.has_watermark else None
    files = sets_callback_files.Files(storage, item.job_id)
    edited = files.stored(f"results/{edit_id}-{OUTSIDE}", output_key, preview_key, size, mark)
    with unit_of_work() as session:
        photo, edit_id, reason = _open_edit(session, item, PhotoStatus.DONE)
        if reason is not None or edit_id is None:
            return _result(session, item, reason)
        _cancel_own_jobs(session, photo)
        edited = replace(edited, missing=_missing(session, photo))
        sets_edits.finish(session, edit_id, edited)
        return _result(session, item, None)


def _mark(
    marker: Marker, account_id: int, size: tuple[int, int]
) -> Callable[[bytes], MarkedPicture]:
    """Return a function that adds the watermark within the memory that all pictures share."""
    # A photo and its copy with the watermark are in memory together.
    memory = 2 * decoding_slots.memory_needed(ImageHeader("PNG", *size, "", 0))

    def mark(data: bytes) -> MarkedPicture:
        try:
            with decoding_slots.slot(-account_id, memory, SLOT_SECONDS):
                return marker.mark(data)
        except DecoderBusy as error:
            raise ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS) from error

    return mark


def _missing(session: Session, photo: SetsPhoto) -> tuple[str, ...]:
    """Return the concepts of the rule that were searched in a photo and not found.

    Those that were never searched here may have been found by the external GPU.
    """
    job = session.get_one(SetsJob, photo.job_id)
    instances = session.scalars(select(SetsInstance).where(SetsInstance.photo_id == photo.id)).all()
    names = [*sets_choices.settings_of(job, photo), *job.protect]
    searched = {name for name, _ in sets_masks.searched_prompts(session, photo.id)}
    return tuple(name for name in sets_edits.missing(instances, names) if name in searched)


def fail_edit(session: Session, item: Item, failure: Failure) -> CallbackResult:
    """Fail a photo that could not be edited externally, and return its credit.

    Raises JobNotFound, and NotFound for an index that the job does not have.
    """
    photo, edit_id, reason = _open_edit(session, item, PhotoStatus.FAILED)
    if reason is None and edit_id is not None:
        sets_photos.fail(session, photo.id, failure.code, failure.message)
    return _result(session, item, reason)


def complete_segmentation(
    unit_of_work: UnitOfWork, storage: Storage, item: Item, masks: Sequence[ReportedMask]
) -> CallbackResult:
    """Copy the masks of an externally segmented photo, and queue the step that records them.

    Raises the errors of `complete_edit`.
    """
    lease: Lease | None = None

    def begin(session: Session, run_id: int) -> WorkerAnswer:
        nonlocal lease
        kind, attempt = JobKind.SEGMENTATION, item.attempt
        current = worker_leases.current_lease(session, kind, run_id, attempt=attempt, fence=None)
        if isinstance(current, WorkerAnswer):
            return current
        lease = current
        return WorkerAnswer(applied=True, status="")

    with unit_of_work() as session:
        refusal = _report_run(session, item, begin)
    if lease is None:
        return refusal
    prefix = claimed_jobs.mask_prefix(lease)
    files = sets_callback_files.Files(storage, item.job_id)
    copied = [
        ReportedMask(mask.concept, files.copied(mask.mask_key, prefix), mask.score)
        for mask in masks
    ]
    fence, ref = lease.fence, lease.ref
    with unit_of_work() as session:
        answer = worker_results.complete_segmentation(
            session, ref, copied, segmenter=OUTSIDE, version="1", attempt=None, fence=fence
        )
        result = _result(session, item, answer.reason)
    if answer.rejected is not None:
        raise ResultRejected(reason=answer.rejected)
    return result


def fail_segmentation(session: Session, item: Item, failure: Failure) -> CallbackResult:
    """Record that a photo could not be segmented externally: the run is retried, or fails.

    Raises JobNotFound, and NotFound for an index that the job does not have.
    """

    def fail(session: Session, run_id: int) -> WorkerAnswer:
        return worker_protocol.failed(
            session,
            JobKind.SEGMENTATION,
            run_id,
            attempt=item.attempt,
            fence=None,
            cause=failure.code,
            message=failure.message,
        )

    return _report_run(session, item, fail)


def _report_run(
    session: Session, item: Item, report: Callable[[Session, int], WorkerAnswer]
) -> CallbackResult:
    """Report on the newest run over a photo."""
    _, photo = _locked(session, item)
    run_id = session.scalar(
        select(SetsSegmentation.id)
        .where(SetsSegmentation.photo_id == photo.id)
        .order_by(SetsSegmentation.id.desc())
        .limit(1)
    )
    if run_id is None:
        return _result(session, item, "stale_attempt")
    return _result(session, item, report(session, run_id).reason)


def _locked(session: Session, item: Item) -> tuple[SetsJob, SetsPhoto]:
    """Lock the job of an item and return both. Raises JobNotFound and NotFound."""
    job_id = session.scalar(select(SetsJob.id).where(SetsJob.public_id == item.job_id))
    if job_id is None:
        raise JobNotFound(id=item.job_id)
    job = sets_photos.lock_job(session, job_id)
    photo = session.scalars(
        select(SetsPhoto)
        .where(SetsPhoto.job_id == job.id, SetsPhoto.idx == item.idx)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if photo is None:
        raise NotFound(resource="item", id=item.idx)
    return job, photo


def _open_edit(
    session: Session, item: Item, target: PhotoStatus
) -> tuple[SetsPhoto, int | None, str | None]:
    """Return the photo and its open edit, or the photo and the reason why there is none."""
    job, photo = _locked(session, item)
    edit = session.scalars(
        select(SetsEdit).where(SetsEdit.photo_id == photo.id, SetsEdit.attempt == item.attempt)
    ).one_or_none()
    newest = session.scalars(
        select(SetsEdit.attempt)
        .where(SetsEdit.photo_id == photo.id)
        .order_by(SetsEdit.attempt.desc())
        .limit(1)
    ).one()
    if edit is None or edit.attempt != newest:
        return photo, None, "stale_attempt"
    if photo.status == target:
        return photo, None, "duplicate"
    if photo.status in sets_photos.ENDED or job.status not in sets_photos.EXECUTING:
        return photo, None, "terminal"
    if photo.status not in WORKABLE:
        return photo, None, "stale_attempt"  # it is not decoded yet
    return photo, edit.id, None


def _cancel_own_jobs(session: Session, photo: SetsPhoto) -> None:
    """Cancel our own jobs for a photo: a worker that runs one finds its fence stale."""
    sets_photos.cancel_open_jobs(session, photo)
    pipelines.advance_photo(session, photo.id, PhotoStatus.RUNNING)
    job = session.get_one(SetsJob, photo.job_id)
    if job.status == SetsJobStatus.QUEUED:
        pipelines.advance_sets_job(session, job.id, SetsJobStatus.RUNNING)


def _result(session: Session, item: Item, reason: str | None) -> CallbackResult:
    job, _ = _locked(session, item)
    counts = sets_photos.counts(session, job.id)
    return CallbackResult(
        applied=reason is None,
        status=job.status,
        done=counts.get(PhotoStatus.DONE, 0),
        failed=counts.get(PhotoStatus.FAILED, 0),
        total=job.item_count,
        reason=reason,
    )
