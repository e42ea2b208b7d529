"""Results of workers: a rendered image, a trained adapter, masks, a checkpoint; each checked first.

Files are read from storage between two short transactions; the second one checks the lease again.
"""

import io
from typing import Any

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
from webapp.domain.services.worker_leases import WorkerAnswer, fetched, held, status

# The spread of grey values, 0–255, under which an image counts as blank.
BLANK_SPREAD = 6


def complete_generation(
    unit_of_work: UnitOfWork,
    storage: Storage,
    generation_id: int,
    *,
    attempt: int | None,
    fence: int | None,
    result: dict[str, Any],
) -> WorkerAnswer:
    """Record a rendered image and queue the stamping step.

    `result` holds result_key, sha256, seed, width, height and adapter_sha256. A result that
    breaks a guarantee counts as a failed attempt; `rejected` says which. The image is read between
    two short transactions; the second one checks the lease again.
    """
    kind = JobKind.GENERATION
    with unit_of_work() as session:
        lease = held(session, kind, generation_id, attempt=attempt, fence=fence)
        if isinstance(lease, WorkerAnswer):
            return lease
        generation = session.get_one(Generation, generation_id)
    problem = _generation_problem(storage, generation, lease, result)
    with unit_of_work() as session:
        lease = held(session, kind, generation_id, attempt=attempt, fence=fence)
        if isinstance(lease, WorkerAnswer):
            return lease
        if problem is None:
            jobs.queue_next_step(
                session, lease, raw_key=result["result_key"], raw_sha256=result["sha256"]
            )
        else:
            cause = {"adapter_mismatch": "ADAPTER_MISMATCH", "blank_image": "SAFETY_BLOCKED"}
            message = f"The result has {problem}."
            job_attempts.fail(session, lease, cause.get(problem, "NETWORK"), message)
        now = status(session, kind, generation_id)
    return WorkerAnswer(applied=problem is None, status=now, rejected=problem)


def _generation_problem(
    storage: Storage, generation: Generation, lease: Lease, result: dict[str, Any]
) -> str | None:
    if result["adapter_sha256"] != generation.adapter_sha256:
        return "adapter_mismatch"
    if (result["width"], result["height"]) != (generation.width, generation.height):
        return "wrong_size"
    raw = fetched(storage, result["result_key"], claimed_jobs.raw_prefix(lease), result["sha256"])
    if raw is None:
        return "file_missing"
    try:
        with Image.open(io.BytesIO(raw), formats=("PNG",)) as image:
            if image.size != (generation.width, generation.height):
                return "wrong_size"
            histogram = image.convert("L").histogram()
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
    result: dict[str, Any],
) -> WorkerAnswer:
    """Record a trained adapter and queue the publishing step.

    `result` holds model_path, adapter_sha256, base_model_sha256, training_metric and sample_keys.
    The adapter is that of the last checkpoint; if that was not reported, the result is one. It is
    read between two short transactions; the second one checks the lease again.
    """
    with unit_of_work() as session:
        lease = held(session, JobKind.TRAINING, run_id, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    prefix = claimed_jobs.training_prefix(lease)
    adapter = fetched(storage, result["model_path"], prefix, result["adapter_sha256"])
    with unit_of_work() as session:
        lease = held(session, JobKind.TRAINING, run_id, attempt=attempt, fence=fence)
        if isinstance(lease, WorkerAnswer):
            return lease
        return _record_adapter(session, lease, adapter, result)


def _record_adapter(
    session: Session, lease: Lease, adapter: bytes | None, result: dict[str, Any]
) -> WorkerAnswer:
    run_id, prefix = lease.ref, claimed_jobs.training_prefix(lease)
    run = session.scalars(select(TrainingRun).where(TrainingRun.id == run_id)).one()
    sample_keys = result["sample_keys"]
    # A worker that resumed at the last checkpoint rendered none; the previous worker reported them.
    samples = sample_keys or run.sample_keys
    if adapter is None or not samples or not claimed_jobs.is_under(prefix, sample_keys):
        return reject_training(session, lease)
    run.metric = result["training_metric"]
    session.flush()
    reported = checkpoints.kept(session, run_id)
    if not reported or reported[-1].adapter_sha256 != result["adapter_sha256"]:
        checkpoints.record(
            session,
            run_id,
            MadeCheckpoint(
                step=_last_step(run),
                adapter_key=result["model_path"],
                adapter_sha256=result["adapter_sha256"],
                adapter_size=len(adapter),
                sample_keys=samples[-checkpoints.SAMPLES :],
                held_out_loss=run.metric.get("held_out_loss"),
            ),
        )
    # Applied when the style is published: until then its previous adapter stays.
    jobs.queue_next_step(session, lease, base_model_sha256=result.get("base_model_sha256"))
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
    lease = held(session, kind, run_id, attempt=attempt, fence=fence)
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
    sets_segmentations.hand_over(session, lease, masks, segmenter=segmenter, version=version)
    return WorkerAnswer(applied=True, status=status(session, kind, run_id))


def read_checkpoint(storage: Storage, lease: Lease, made: dict[str, Any]) -> MadeCheckpoint | None:
    """Return a reported checkpoint if its files lie where this lease may write, else None."""
    prefix = claimed_jobs.training_prefix(lease)
    style = fetched(storage, made["style_key"], prefix, made["style_sha256"])
    if style is None or not claimed_jobs.is_under(prefix, made["sample_keys"]):
        return None
    gain = made.get("gain")
    return MadeCheckpoint(
        step=made["step"],
        adapter_key=made["style_key"],
        adapter_sha256=made["style_sha256"],
        adapter_size=len(style),
        sample_keys=made["sample_keys"],
        held_out_loss=made.get("held_out_loss"),
        gain=None if gain is None else MeasuredGain(**gain),
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
