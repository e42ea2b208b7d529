"""Results of GPUs outside the worker protocol, which name a job, an index and an attempt.

What they report counts by the state of the photo, so a report that comes twice, too late or for an
earlier attempt changes nothing and is told why. Their files lie under `outputs/<job id>/` and are
copied under keys of ours, which no late worker can overwrite.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import pipelines
from webapp.domain.db import UnitOfWork
from webapp.domain.errors import NotFound, ResultRejected, ServiceUnavailable
from webapp.domain.gateways.storage import ObjectMissing, Storage, StorageUnavailable
from webapp.domain.identifiers import object_key
from webapp.domain.jobs import Lease
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_instance import SetsSegmentation
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsEdit, SetsPhoto
from webapp.domain.services import (
    claimed_jobs,
    sets_edits,
    sets_photos,
    worker_leases,
    worker_protocol,
    worker_results,
)
from webapp.domain.services.sets_edits import EditedPhoto
from webapp.domain.services.sets_segmentations import ReportedMask
from webapp.domain.services.worker_leases import WorkerAnswer
from webapp.domain.sets_errors import JobNotFound

OUTSIDE = "outside"
"""The segmenter under which masks of callbacks are kept: none that a photo is searched with."""

WORKABLE = frozenset({PhotoStatus.QUEUED, PhotoStatus.RUNNING})


@dataclass(frozen=True)
class Item:
    """Which photo a report is about, and which attempt at it."""

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
    """What a report is answered: whether it changed anything, and how its job stands."""

    applied: bool
    status: str
    done: int
    failed: int
    total: int
    reason: str | None


def complete_edit(
    unit_of_work: UnitOfWork,
    storage: Storage,
    item: Item,
    *,
    output_key: str,
    preview_key: str | None,
) -> CallbackResult:
    """Deliver a photo that was edited outside; our own work on it ends.

    Raises JobNotFound; NotFound for an index the job does not have; ResultRejected where a file is
    missing or is no PNG of the photo's size; ServiceUnavailable while storage is away.
    """
    with unit_of_work() as session:
        photo, edit_id, reason = _standing(session, item, PhotoStatus.DONE)
        if reason is not None or edit_id is None:
            return _taken(session, item, reason)
        size = photo.width or 0, photo.height or 0
    result = _kept(storage, item, edit_id, output_key, preview_key, size)
    with unit_of_work() as session:
        photo, edit_id, reason = _standing(session, item, PhotoStatus.DONE)
        if reason is not None or edit_id is None:
            return _taken(session, item, reason)
        _take_over(session, photo)
        sets_edits.finish(session, edit_id, result)
        return _taken(session, item, None)


def fail_edit(session: Session, item: Item, failure: Failure) -> CallbackResult:
    """End a photo that could not be edited outside, and return its credit.

    Raises JobNotFound, and NotFound for an index the job does not have.
    """
    photo, edit_id, reason = _standing(session, item, PhotoStatus.FAILED)
    if reason is None and edit_id is not None:
        sets_photos.fail(session, photo.id, failure.code, failure.message)
    return _taken(session, item, reason)


def complete_segmentation(
    unit_of_work: UnitOfWork, storage: Storage, item: Item, masks: Sequence[ReportedMask]
) -> CallbackResult:
    """Take over the masks of a photo that was segmented outside; our own step records them.

    Raises what `complete_edit` raises.
    """
    lease: Lease | None = None

    def begin(session: Session, run_id: int) -> WorkerAnswer:
        nonlocal lease
        kind, attempt = JobKind.SEGMENTATION, item.attempt
        held = worker_leases.held(session, kind, run_id, attempt=attempt, fence=None)
        if isinstance(held, WorkerAnswer):
            return held
        lease = held
        return WorkerAnswer(applied=True, status="")

    with unit_of_work() as session:
        begun = _report_run(session, item, begin)
    if lease is None:
        return begun
    prefix = claimed_jobs.mask_prefix(lease)
    copied = [
        ReportedMask(mask.concept, _copied(storage, item, mask.mask_key, prefix), mask.score)
        for mask in masks
    ]
    fence, ref = lease.fence, lease.ref
    with unit_of_work() as session:
        told = worker_results.complete_segmentation(
            session, ref, copied, segmenter=OUTSIDE, version="1", attempt=None, fence=fence
        )
        taken = _taken(session, item, told.reason)
    if told.rejected is not None:
        raise ResultRejected(reason=told.rejected)
    return taken


def fail_segmentation(session: Session, item: Item, failure: Failure) -> CallbackResult:
    """Record that a photo could not be segmented outside: again later, or the end of the run.

    Raises JobNotFound, and NotFound for an index the job does not have.
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
        return _taken(session, item, "stale_attempt")
    return _taken(session, item, report(session, run_id).reason)


def _locked(session: Session, item: Item) -> tuple[SetsJob, SetsPhoto]:
    """Lock the job of an item and return both. Raises JobNotFound and NotFound."""
    found = session.scalar(select(SetsJob.id).where(SetsJob.public_id == item.job_id))
    if found is None:
        raise JobNotFound(id=item.job_id)
    job = sets_photos.lock_job(session, found)
    photo = session.scalars(
        select(SetsPhoto)
        .where(SetsPhoto.job_id == job.id, SetsPhoto.idx == item.idx)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if photo is None:
        raise NotFound(resource="item", id=item.idx)
    return job, photo


def _standing(
    session: Session, item: Item, wanted: PhotoStatus
) -> tuple[SetsPhoto, int | None, str | None]:
    """Return the photo, its open edit, and why a report on it changes nothing, if it does not."""
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
    if photo.status == wanted:
        return photo, None, "duplicate"
    if photo.status in sets_photos.ENDED or job.status not in sets_photos.EXECUTING:
        return photo, None, "terminal"
    if photo.status not in WORKABLE:
        return photo, None, "stale_attempt"  # it is not decoded yet
    return photo, edit.id, None


def _take_over(session: Session, photo: SetsPhoto) -> None:
    """End our own work on a photo: who does it finds its fence stale."""
    sets_photos.cancel_open_jobs(session, photo)
    pipelines.advance_photo(session, photo.id, PhotoStatus.RUNNING)
    job = session.get_one(SetsJob, photo.job_id)
    if job.status == SetsJobStatus.QUEUED:
        pipelines.advance_sets_job(session, job.id, SetsJobStatus.RUNNING)


def _kept(
    storage: Storage,
    item: Item,
    edit_id: int,
    output_key: str,
    preview_key: str | None,
    size: tuple[int, int],
) -> EditedPhoto:
    """Check a result and copy it with its preview under keys of ours."""
    data = _read(storage, item, output_key)
    _check_png(data, size)
    folder = f"results/{edit_id}-{OUTSIDE}"
    result_key = object_key(folder, "png")
    storage.put(result_key, data, content_type="image/png")
    kept_preview = (
        None if preview_key is None else _copied(storage, item, preview_key, f"{folder}/")
    )
    return EditedPhoto(
        result_key=result_key,
        preview_key=kept_preview,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )


def _check_png(data: bytes, size: tuple[int, int]) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.size != size:
                raise ResultRejected(reason="wrong_size")
            image.verify()
    except (OSError, SyntaxError, ValueError) as error:
        raise ResultRejected(reason="file_missing") from error


def _copied(storage: Storage, item: Item, key: str, prefix: str) -> str:
    """Copy a file of the reporter's under a fresh key and return that."""
    data = _read(storage, item, key)
    suffix = key.rpartition(".")[2]
    mine = f"{prefix}{object_key('x', suffix).partition('/')[2]}"
    storage.put(mine, data, content_type=f"image/{suffix}")
    return mine


def _read(storage: Storage, item: Item, key: str) -> bytes:
    """Return a file of the reporter's. Raises ResultRejected and ServiceUnavailable."""
    is_image = key.endswith((".png", ".webp"))
    if not is_image or not claimed_jobs.is_under(f"outputs/{item.job_id}/", [key]):
        raise ResultRejected(reason="file_missing")
    try:
        return storage.get(key)
    except ObjectMissing as error:
        raise ResultRejected(reason="file_missing") from error
    except StorageUnavailable as error:
        raise ServiceUnavailable(retry_after=5) from error


def _taken(session: Session, item: Item, reason: str | None) -> CallbackResult:
    job, _ = _locked(session, item)
    standing = sets_photos.counts(session, job.id)
    return CallbackResult(
        applied=reason is None,
        status=job.status,
        done=standing.get(PhotoStatus.DONE, 0),
        failed=standing.get(PhotoStatus.FAILED, 0),
        total=job.item_count,
        reason=reason,
    )
