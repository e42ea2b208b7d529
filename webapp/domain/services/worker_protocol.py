"""The worker protocol: claim frozen jobs with their fence, report progress, complete, fail.

A worker that claimed names its fence; callers without one name the attempt. A report that comes
twice, too late or from a lost worker changes nothing and is told why.
"""

import io
from datetime import datetime
from typing import Any

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.domain import jobs
from webapp.domain.errors import ServiceUnavailable, StyleNotFound
from webapp.domain.gains import MeasuredGain
from webapp.domain.gateways.storage import Storage, StorageUnavailable
from webapp.domain.jobs import Lease
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import (
    artworks,
    base_models,
    checkpoints,
    claimed_jobs,
    job_attempts,
    sets_segmentations,
    training,
)
from webapp.domain.services.checkpoints import MadeCheckpoint
from webapp.domain.services.sets_segmentations import ReportedMask
from webapp.domain.services.worker_leases import WorkerAnswer, fetched, held, status

__all__ = [
    "WorkerAnswer",
    "claim",
    "complete_generation",
    "complete_segmentation",
    "complete_training",
    "current_attempt",
    "failed",
    "keep",
    "progress",
    "style_run",
]

# The spread of grey values, 0–255, under which an image counts as blank.
BLANK_SPREAD = 6


def claim(
    session: Session,
    storage: Storage,
    *,
    kinds: list[JobKind],
    limit: int,
    job_id: int | None,
    base_model: str | None = None,
    base_model_sha256: str | None = None,
    batch_of: int | None = None,
) -> list[dict[str, Any]]:
    """Lease due jobs to a worker: all of one base model, generations also of one size.

    A worker that has one base model loaded gets the jobs of no other, and one that fills the batch
    of a job it has already claimed only what may share it.

    Raises ServiceUnavailable while storage is away: a sick platform must not use up tries.
    """
    try:
        storage.check()
    except StorageUnavailable:
        raise ServiceUnavailable(retry_after=5) from None
    if base_model is not None and base_model_sha256 is not None:
        base_models.record_loaded(session, base_model, base_model_sha256)
    for kind in kinds:
        leases = jobs.claim_batch(
            session,
            kind,
            lease_seconds=claimed_jobs.lease_seconds(kind),
            limit=limit,
            job_id=job_id,
            base_model=base_model,
            batch_of=batch_of,
        )
        if leases:
            for lease in leases:
                job_attempts.activate(session, lease)
            return [claimed_jobs.claimed_job(session, storage, lease) for lease in leases]
    return []


def style_run(session: Session, style_id: int) -> int:
    """Return the current run of a style; raises StyleNotFound."""
    run = training.latest_run(session, style_id)
    if run is None:
        raise StyleNotFound(id=style_id)
    return run.id


def current_attempt(session: Session, kind: JobKind, ref: int) -> int:
    """Return the number of the attempt in progress, for callers that name none."""
    tries = session.scalar(select(Job.tries).where(Job.kind == kind, Job.ref == ref))
    return (tries or 0) + 1


def progress(
    session: Session,
    storage: Storage,
    kind: JobKind,
    ref: int,
    report: dict[str, Any],
    *,
    attempt: int | None,
    fence: int | None,
    details: dict[str, Any] | None = None,
) -> WorkerAnswer:
    """Store progress and renew the lease, but only while the work really advances.

    `details` of a training may hold loss_points, sample_keys, checkpoint_key, checkpoint,
    unusable_works and slice_ended. A checkpoint whose files are not there counts as a failed
    attempt, and so does any key that this lease was not given to write.
    """
    lease = held(session, kind, ref, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    more = details or {}
    old = _row_progress(session, kind, ref) or {}
    advanced = report.get("progress_percent", 0) > old.get("progress_percent", -1)
    # What is shown never falls back, though a run that resumes from a checkpoint does.
    merged = old | report if advanced else dict(old)
    if kind is JobKind.TRAINING and advanced and "estimated_seconds" not in report:
        merged.pop("estimated_seconds", None)  # measured anew: what was told is not known now
    if not advanced and not more:
        return WorkerAnswer(applied=False, status=status(session, kind, ref), reason="duplicate")
    merged["last_updated"] = _now(session)
    if kind is JobKind.TRAINING:
        made = None
        if more.get("checkpoint"):
            made = _checkpoint(storage, lease, more["checkpoint"])
            if made is None:
                return _training_rejected(session, lease)
        named = [*more.get("sample_keys", []), *filter(None, [more.get("checkpoint_key")])]
        if not claimed_jobs.is_under(claimed_jobs.training_prefix(lease), named):
            return _training_rejected(session, lease)
        training.record_progress(
            session,
            ref,
            merged,
            loss_points=more.get("loss_points", []),
            sample_keys=more.get("sample_keys", []),
            checkpoint_key=more.get("checkpoint_key"),
            unusable_works=more.get("unusable_works"),
            checkpoint=made,
        )
    elif kind is JobKind.GENERATION:
        session.scalars(select(Generation).where(Generation.id == ref)).one().progress = merged
        session.flush()
    if more.get("slice_ended"):
        jobs.release(session, lease)
        return WorkerAnswer(applied=True, status=status(session, kind, ref))
    canceled = jobs.renew(session, lease.job_id, lease.fence, claimed_jobs.lease_seconds(kind))
    return WorkerAnswer(
        applied=True, status=status(session, kind, ref), cancel_requested=bool(canceled)
    )


def keep(
    session: Session, kind: JobKind, ref: int, *, attempt: int | None, fence: int | None
) -> WorkerAnswer:
    """Renew the lease of work that shows no progress, and say whether it was canceled."""
    lease = held(session, kind, ref, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    canceled = jobs.renew(session, lease.job_id, lease.fence, claimed_jobs.lease_seconds(kind))
    return WorkerAnswer(
        applied=True, status=status(session, kind, ref), cancel_requested=bool(canceled)
    )


def failed(
    session: Session,
    kind: JobKind,
    ref: int,
    *,
    attempt: int | None,
    fence: int | None,
    cause: str,
    message: str,
    unusable_works: list[dict[str, str]] | None = None,
) -> WorkerAnswer:
    """Record that an attempt failed: tried again later, or the end with refund and notice."""
    lease = held(session, kind, ref, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    if unusable_works:
        artworks.leave_out(session, training.style_id_of(session, ref), unusable_works)
    job_attempts.fail(session, lease, cause, message)
    return WorkerAnswer(applied=True, status=status(session, kind, ref))


def complete_generation(
    session: Session,
    storage: Storage,
    generation_id: int,
    *,
    attempt: int | None,
    fence: int | None,
    result: dict[str, Any],
) -> WorkerAnswer:
    """Take over a rendered image and ring the stamping step.

    `result` holds result_key, sha256, seed, width, height and adapter_sha256. A result that
    breaks a guarantee counts as a failed attempt; `rejected` says which.
    """
    lease = held(session, JobKind.GENERATION, generation_id, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    generation = session.scalars(select(Generation).where(Generation.id == generation_id)).one()
    problem = _generation_problem(storage, generation, lease, result)
    if problem is not None:
        cause = {"adapter_mismatch": "ADAPTER_MISMATCH", "blank_image": "SAFETY_BLOCKED"}
        job_attempts.fail(
            session, lease, cause.get(problem, "NETWORK"), f"The result has {problem}."
        )
        return WorkerAnswer(applied=False, status=generation.status, rejected=problem)
    jobs.queue_next_step(session, lease, raw_key=result["result_key"], raw_sha256=result["sha256"])
    return WorkerAnswer(applied=True, status=generation.status)


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
    session: Session,
    storage: Storage,
    run_id: int,
    *,
    attempt: int | None,
    fence: int | None,
    result: dict[str, Any],
) -> WorkerAnswer:
    """Take over a trained adapter and ring the publishing step.

    `result` holds model_path, adapter_sha256, base_model_sha256, training_metric and sample_keys.
    The adapter is that of the last checkpoint; if that was not reported, the result is one.
    """
    lease = held(session, JobKind.TRAINING, run_id, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    prefix = claimed_jobs.training_prefix(lease)
    adapter = fetched(storage, result["model_path"], prefix, result["adapter_sha256"])
    run = session.scalars(select(TrainingRun).where(TrainingRun.id == run_id)).one()
    named = result["sample_keys"]
    # Who resumed at the last checkpoint drew none; those of the worker before are known.
    samples = named or run.sample_keys
    if adapter is None or not samples or not claimed_jobs.is_under(prefix, named):
        return _training_rejected(session, lease)
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
    # Recorded when it is published: until then the style is what it learned before.
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
    """Take over what was found in a photo; the recording step looks at the masks themselves.

    A mask where this lease may not write, or of a concept that nobody asked for, counts as a failed
    attempt; `rejected` says so.
    """
    kind = JobKind.SEGMENTATION
    lease = held(session, kind, run_id, attempt=attempt, fence=fence)
    if isinstance(lease, WorkerAnswer):
        return lease
    run, _ = sets_segmentations.run_of(session, run_id)
    asked = {concept["name"] for concept in run.concepts}
    keys = [mask.mask_key for mask in masks]
    is_ours = claimed_jobs.is_under(claimed_jobs.mask_prefix(lease), keys)
    if not is_ours or not {mask.concept for mask in masks} <= asked:
        job_attempts.fail(session, lease, "NETWORK", "The masks are not what was asked for.")
        answer = status(session, kind, run_id)
        return WorkerAnswer(applied=False, status=answer, rejected="file_missing")
    sets_segmentations.hand_over(session, lease, masks, segmenter=segmenter, version=version)
    return WorkerAnswer(applied=True, status=status(session, kind, run_id))


def _checkpoint(storage: Storage, lease: Lease, made: dict[str, Any]) -> MadeCheckpoint | None:
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
    """Return the step at which a training ended, as far as its worker said."""
    steps_of_metric = (run.metric or {}).get("steps")
    if steps_of_metric is not None and steps_of_metric >= 1:
        return int(steps_of_metric)
    return max((point["step"] for point in run.loss_history), default=0)


def _training_rejected(session: Session, lease: Lease) -> WorkerAnswer:
    """Count what a worker says it has stored, and has not, as a failed attempt."""
    job_attempts.fail(session, lease, "NETWORK", "The adapter or its samples are missing.")
    answer = status(session, JobKind.TRAINING, lease.ref)
    return WorkerAnswer(applied=False, status=answer, rejected="file_missing")


# Kinds whose rows show how far their work is.
_PROGRESS: dict[JobKind, tuple[InstrumentedAttribute[Any], InstrumentedAttribute[int]]] = {
    JobKind.TRAINING: (TrainingRun.progress, TrainingRun.id),
    JobKind.GENERATION: (Generation.progress, Generation.id),
}


def _row_progress(session: Session, kind: JobKind, ref: int) -> dict[str, Any] | None:
    column, row_id = _PROGRESS[kind]
    progress: dict[str, Any] | None = session.scalars(select(column).where(row_id == ref)).one()
    return progress


def _now(session: Session) -> str:
    moment: datetime = session.execute(select(jobs.NOW)).scalar_one()
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
