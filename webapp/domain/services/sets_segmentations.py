"""Runs of the segmenter over photos of Sets: the reported masks and their instances."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs
from webapp.domain.jobs import Lease
from webapp.domain.models.documents import WorkerMask
from webapp.domain.models.job import JobState
from webapp.domain.models.sets_instance import (
    InstanceSource,
    SegmentationStatus,
    SetsInstance,
    SetsSegmentation,
)
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsPhoto
from webapp.domain.services import sets_masks, sets_photos
from webapp.domain.services.sets_choices import ConceptQuery
from webapp.domain.services.sets_masks import FoundMask

MAX_MASKS = 60
"""The maximum number of masks of one run; a worker sends those with the highest scores.

The masks of a run with the maximum become instances of its photo, but are not cached.
"""


@dataclass(frozen=True)
class ReportedMask:
    """A mask that a worker reported, not checked yet; `score` is 0–1."""

    concept: str
    mask_key: str
    score: float


@dataclass(frozen=True)
class KnownInstance:
    """An existing instance of a photo; `box` is left, top, width and height."""

    instance_id: int
    concept: str
    mask_key: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class ReportedMasks:
    """The input of the step that records masks, read in one transaction. Sizes in pixels."""

    width: int
    height: int
    masks: tuple[ReportedMask, ...]
    instances: tuple[KnownInstance, ...]


@dataclass(frozen=True)
class CheckedMask:
    """A decoded and measured mask, and the existing instance of the same object, if any."""

    concept: str
    mask: FoundMask
    instance_id: int | None


def run_of(session: Session, run_id: int) -> tuple[SetsSegmentation, SetsPhoto]:
    """Return a run with its photo."""
    run, photo = session.execute(
        select(SetsSegmentation, SetsPhoto)
        .join(SetsPhoto, SetsPhoto.id == SetsSegmentation.photo_id)
        .where(SetsSegmentation.id == run_id)
    ).one()
    return run, photo


def queue_recording(
    session: Session, lease: Lease, masks: Sequence[ReportedMask], *, segmenter: str, version: str
) -> bool:
    """Queue the step that records the masks of a worker; False if the fence is stale."""
    found: list[WorkerMask] = [
        {"concept": mask.concept, "mask_key": mask.mask_key, "score": mask.score} for mask in masks
    ]
    return jobs.queue_next_step(session, lease, segmenter=segmenter, version=version, found=found)


def reported_masks(session: Session, lease: Lease) -> ReportedMasks:
    """Read the masks of a worker, and the photo's instances of the same concepts."""
    run, photo = run_of(session, lease.ref)
    names = [concept["name"] for concept in run.concepts]
    instances = session.scalars(
        select(SetsInstance)
        .where(SetsInstance.photo_id == photo.id, SetsInstance.concept.in_(names))
        .order_by(SetsInstance.concept, SetsInstance.number)
    )
    return ReportedMasks(
        width=photo.width or 0,
        height=photo.height or 0,
        masks=tuple(ReportedMask(**mask) for mask in lease.handover["found"]),
        instances=tuple(_known_instance(each) for each in instances),
    )


def record(session: Session, lease: Lease, masks: Sequence[CheckedMask]) -> bool:
    """Create instances from the masks, cache the masks, and queue the photo's next step.

    An instance that is found again keeps its number, state and rule; a clicked one also keeps its
    mask. Returns False if the fence is stale: then nothing is stored.
    """
    lock(session, lease.ref)
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE):
        return False
    run, photo = run_of(session, lease.ref)
    run.status, run.finished_at = SegmentationStatus.READY, jobs.NOW
    session.flush()
    # A run with the maximum number of masks may have dropped masks of any concept.
    is_complete = len(lease.handover["found"]) < MAX_MASKS
    for concept in (ConceptQuery(**each) for each in run.concepts):
        of_concept = [mask for mask in masks if mask.concept == concept.name]
        if is_complete:
            sets_masks.cache_masks(
                session,
                photo.sha256 or "",
                concept.prompt,
                [each.mask for each in of_concept],
                segmenter=lease.handover["segmenter"],
                version=lease.handover["version"],
            )
        _replace(session, photo.id, concept.name, of_concept)
    sets_photos.enqueue_next_step(session, photo.id)
    return True


def activate(session: Session, lease: Lease) -> None:
    """Set the run to running."""
    _advance(session, lease.ref, SegmentationStatus.RUNNING, SegmentationStatus.QUEUED)


def wait(session: Session, lease: Lease, _cause: str) -> None:
    """Set the run back to queued for its next attempt."""
    _advance(session, lease.ref, SegmentationStatus.QUEUED, SegmentationStatus.RUNNING)


def fail(session: Session, run_id: int, cause: str, message: str) -> None:
    """Fail a run, and also a photo whose edit needs its masks.

    Before the execution the photo stays usable: a person can click instead.
    """
    open_states = (SegmentationStatus.QUEUED, SegmentationStatus.RUNNING)
    _advance(session, run_id, SegmentationStatus.FAILED, *open_states, failure_code=cause)
    _, photo = run_of(session, run_id)
    job = sets_photos.lock_job(session, photo.job_id)
    session.refresh(photo)
    is_executed = job.status in {SetsJobStatus.QUEUED, SetsJobStatus.RUNNING}
    if is_executed and photo.status == PhotoStatus.QUEUED:
        sets_photos.fail(session, photo.id, cause, message)


def lock(session: Session, run_id: int) -> None:
    """Lock the job of a run."""
    photo_id = session.scalar(
        select(SetsSegmentation.photo_id).where(SetsSegmentation.id == run_id)
    )
    sets_photos.lock_job_of(session, photo_id)


def _replace(session: Session, photo_id: int, concept: str, masks: Sequence[CheckedMask]) -> None:
    """Update the instances of a concept to the masks of a new run."""
    again = {each.instance_id: each.mask for each in masks if each.instance_id is not None}
    found_before = (
        SetsInstance.photo_id == photo_id,
        SetsInstance.concept == concept,
        SetsInstance.source == InstanceSource.FOUND,
    )
    for instance_id, mask in again.items():
        proposal = sets_masks.is_open_proposal()
        session.execute(
            update(SetsInstance)
            .where(
                SetsInstance.id == instance_id,
                (SetsInstance.source == InstanceSource.FOUND) | proposal,
            )
            .values(
                # An open proposal becomes a found instance.
                state=case(
                    (proposal, sets_masks.first_state(mask.score).value),
                    else_=SetsInstance.state,
                ),
                source=InstanceSource.FOUND,
                mask_key=mask.mask_key,
                box=list(mask.box),
                area=mask.area,
                score=mask.score,
                updated_at=func.clock_timestamp(),
            )
        )
    session.execute(
        delete(SetsInstance).where(
            *found_before, SetsInstance.id.not_in(again), *sets_masks.without_a_choice()
        )
    )
    new = [each.mask for each in masks if each.instance_id is None]
    sets_masks.add_instances(session, photo_id, concept, new)


def _known_instance(instance: SetsInstance) -> KnownInstance:
    left, top, width, height = instance.box
    return KnownInstance(
        instance.id, instance.concept, instance.mask_key, (left, top, width, height)
    )


def _advance(
    session: Session,
    run_id: int,
    to: SegmentationStatus,
    *sources: SegmentationStatus,
    **values: object,
) -> None:
    is_end = to is SegmentationStatus.FAILED
    finished = {"finished_at": jobs.NOW} if is_end else {}
    session.execute(
        update(SetsSegmentation)
        .where(SetsSegmentation.id == run_id, SetsSegmentation.status.in_(sources))
        .values(status=to, **finished, **values)
    )
