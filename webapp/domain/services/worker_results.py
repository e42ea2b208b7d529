"""Results of workers: a rendered image, a trained adapter, masks, a checkpoint; each checked first.

Files are read from storage between two short transactions; the second one checks the lease again.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain import jobs
from webapp.domain.db import UnitOfWork
from webapp.domain.gains import MeasuredGain
from webapp.domain.gateways.storage import Storage
from webapp.domain.jobs import Lease
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import JobKind
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import checkpoints, claimed_jobs, job_attempts, sets_segmentations
from webapp.domain.services.checkpoints import MadeCheckpoint
from webapp.domain.services.sets_segmentations import ReportedMask
from webapp.domain.services.worker_leases import WorkerAnswer, current_lease, fetched, status

# The spread of grey values, 0–255, under which an image counts as blank.
BLANK_SPREAD = 6


@dataclass(frozen=True)
class RenderedImage:
    """A raw image that a worker rendered and put into storage. Sizes in pixels."""

    key: str
    sha256: str
    width: int
    height: int
    adapter_sha256: str


@dataclass(frozen=True)
class TrainedAdapter:
    """An adapter that a worker trained and put into storage, with the samples rendered with it."""

    key: str
    sha256: str
    base_model_sha256: str | None
    metric: Mapping[str, float]
    sample_keys: Sequence[str]


@dataclass(frozen=True)
class ReportedCheckpoint:
    """A checkpoint that a worker put into storage, with samples drawn with it and without."""

    step: int
    adapter_key: str
    adapter_sha256: str
    sample_keys: Sequence[str]
    base_sample_keys: Sequence[str] = ()
    held_out_loss: float | None = None
    gain: MeasuredGain | None = None


def complete_generation(
    unit_of_work: UnitOfWork,
    storage: Storage,
    generation_id: int,
    *,
    attempt: int | None,
    fence: int | None,
    image: RenderedImage,
) -> WorkerAnswer:
    """Record a rendered image and queue the stamping step.

    An image that breaks a guarantee counts as a failed attempt; `rejected` says which. It is read
    between two short transactions; the second one checks the lease again.
    """
    kind = JobKind.GENERATION
    with unit_of_work() as session:
        lease = current_lease(session, kind, generation_id, attempt=attempt, fence=fence)
        if isinstance(lease, WorkerAnswer):
            return lease
        generation = session.get_one(Generation, generation_id)
    problem = _image_problem(storage, generation, lease, image)
    with unit_of_work() as session:
        lease = current_lease(session, kind, generation_id, attempt=attempt, fence=fence)
        if isinstance(lease, WorkerAnswer):
            return lease
        if problem is None:
            jobs.queue_next_step(session, lease, raw_key=image.key, raw_sha256=image.sha256)
        else:
            cause = {"adapter_mismatch": "ADAPTER_MISMATCH", "blank_image": "SAFETY_BLOCKED"}
            message = f"The result has {problem}."
            job_attempts.fail(session, lease, cause.get(problem, "NETWORK"), message)
        now = status(session, kind, generation_id)
    return WorkerAnswer(applied=problem is None, status=now, rejected=problem)


def _image_problem(
    storage: Storage, generation: Generation, lease: Lease, image: RenderedImage
) -> str | None:
    if image.adapter_sha256 != generation.adapter_sha256:
        return "adapter_mismatch"
    if (image.width, image.height) != (generation.width, generation.height):
        return "wrong_size"
    raw = fetched(storage, image.key, claimed_jobs.raw_prefix(lease), image.sha256)
    if raw is None:
        return "file_missing"
    try:
        with Image.open(io.BytesIO(raw), formats=("PNG",)) as decoded:
            if decoded.size != (generation.width, generation.height):
                return "wrong_size"
            histogram = decoded.convert("L").histogram()
    except Exception:  # noqa: BLE001 - a broken file is many exceptions, and never our failure
        return "file_missing"
    greys = [grey for grey, count in enumerate(histogram) if count]
    return "blank_image" if greys[-1] - greys[0] < BLANK_SPREAD else None


def complete_training(
    unit_of_work: UnitOfWork,
    storage: Storage,
    run_id: int,
    *,
    attempt: int | None,
    fence: int | None,
    adapter: TrainedAdapter,
) -> WorkerAnswer:
    """Record a trained adapter and queue the publishing step.

    The adapter is that of the last checkpoint; if that was not reported, it becomes one. It is read
    between two short transactions; the second one checks the lease again.
    """
    with unit_of_work() as session:
        lease = current_lease(session, JobKind.TRAINING, run_id, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    prefix = claimed_jobs.training_prefix(lease)
    content = fetched(storage, adapter.key, prefix, adapter.sha256)
    with unit_of_work() as session:
        lease = current_lease(session, JobKind.TRAINING, run_id, attempt=attempt, fence=fence)
        if isinstance(lease, WorkerAnswer):
            return lease
        return _record_adapter(session, lease, adapter, content)


def _record_adapter(
    session: Session, lease: Lease, adapter: TrainedAdapter, content: bytes | None
) -> WorkerAnswer:
    run_id, prefix = lease.ref, claimed_jobs.training_prefix(lease)
    run = session.scalars(select(TrainingRun).where(TrainingRun.id == run_id)).one()
    # A worker that resumed at the last checkpoint rendered none; the previous worker reported them.
    samples = list(adapter.sample_keys) or run.sample_keys
    if content is None or not samples or not claimed_jobs.is_under(prefix, adapter.sample_keys):
        return reject_training(session, lease)
    run.metric = dict(adapter.metric)
    session.flush()
    reported = checkpoints.of_run(session, run_id)
    if not reported or reported[-1].adapter_sha256 != adapter.sha256:
        checkpoints.record(
            session,
            run_id,
            MadeCheckpoint(
                step=_last_step(run),
                adapter_key=adapter.key,
                adapter_sha256=adapter.sha256,
                adapter_size=len(content),
                sample_keys=samples[-checkpoints.SAMPLES :],
                held_out_loss=run.metric.get("held_out_loss"),
            ),
        )
    # Applied when the style is published: until then its previous adapter stays.
    jobs.queue_next_step(session, lease, base_model_sha256=adapter.base_model_sha256)
    return WorkerAnswer(applied=True, status=status(session, JobKind.TRAINING, run_id))


def complete_segmentation(
    session: Session,
    run_id: int,
    masks: list[ReportedMask],
    *,
    segmenter: str,
    version: str,
    attempt: int | None,
    fence: int | None,
) -> WorkerAnswer:
    """Record the masks of a photo; the recording step checks the masks themselves.

    A mask under a key that this lease may not write, or of a concept that was not requested, counts
    as a failed attempt; `rejected` says so.
    """
    kind = JobKind.SEGMENTATION
    lease = current_lease(session, kind, run_id, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    run, _ = sets_segmentations.run_of(session, run_id)
    requested = {concept["name"] for concept in run.concepts}
    keys = [mask.mask_key for mask in masks]
    is_ours = claimed_jobs.is_under(claimed_jobs.mask_prefix(lease), keys)
    if not is_ours or not {mask.concept for mask in masks} <= requested:
        job_attempts.fail(session, lease, "NETWORK", "The masks are not what was asked for.")
        answer = status(session, kind, run_id)
        return WorkerAnswer(applied=False, status=answer, rejected="file_missing")
    sets_segmentations.queue_recording(session, lease, masks, segmenter=segmenter, version=version)
    return WorkerAnswer(applied=True, status=status(session, kind, run_id))


def read_checkpoint(
    storage: Storage, lease: Lease, reported: ReportedCheckpoint
) -> MadeCheckpoint | None:
    """Return a reported checkpoint if its files are under the prefix of this lease, else None.

    Base samples are none, or one for each sample.
    """
    prefix = claimed_jobs.training_prefix(lease)
    content = fetched(storage, reported.adapter_key, prefix, reported.adapter_sha256)
    samples, base_samples = list(reported.sample_keys), list(reported.base_sample_keys)
    if content is None or not claimed_jobs.is_under(prefix, samples + base_samples):
        return None
    if base_samples and len(base_samples) != len(samples):
        return None
    return MadeCheckpoint(
        step=reported.step,
        adapter_key=reported.adapter_key,
        adapter_sha256=reported.adapter_sha256,
        adapter_size=len(content),
        sample_keys=samples,
        base_sample_keys=base_samples,
        held_out_loss=reported.held_out_loss,
        gain=reported.gain,
    )


def _last_step(run: TrainingRun) -> int:
    """Return the step at which a training ended, by the reports of its worker."""
    steps_of_metric = (run.metric or {}).get("steps")
    if steps_of_metric is not None and steps_of_metric >= 1:
        return int(steps_of_metric)
    return max((point["step"] for point in run.loss_history), default=0)


def reject_training(session: Session, lease: Lease) -> WorkerAnswer:
    """Record a result whose files are not in storage as a failed attempt."""
    job_attempts.fail(session, lease, "NETWORK", "The adapter or its samples are missing.")
    answer = status(session, JobKind.TRAINING, lease.ref)
    return WorkerAnswer(applied=False, status=answer, rejected="file_missing")
