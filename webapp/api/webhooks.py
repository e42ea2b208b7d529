"""/webhooks: the worker protocol – claim, progress, complete, failed – for our own workers only."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response

from webapp.api import bodies, envelope, metrics
from webapp.api.access import RENDERER, SETS, TRAINER, internal
from webapp.api.errors import answer as error_answer
from webapp.domain.errors import ResultRejected
from webapp.domain.models.job import JobKind
from webapp.domain.services import workers
from webapp.domain.services.workers import WorkerAnswer
from webapp.extensions import db, storage
from webapp.schemas import webhooks as schemas

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
TRAINING_DETAILS = {"loss_points", "sample_keys", "checkpoint_key", "slice_ended"}


@blueprint.post("/claim")
@internal(TRAINER, RENDERER, SETS)
def claim() -> Response:
    """Lease due jobs to a worker."""
    wish = bodies.json_body(schemas.Claim)
    jobs = workers.claim(
        db.session(),
        storage(),
        kinds=[JobKind(kind) for kind in wish.kinds],
        limit=wish.max,
        job_id=wish.job_id,
        base_model=wish.base_model,
        batch_of=wish.batch_of,
    )
    return envelope.success({"jobs": jobs})


@blueprint.patch("/training/progress")
@internal(TRAINER)
def training_progress() -> Response:
    """Store where a training stands."""
    return take_training_progress(bodies.json_body(schemas.TrainProgress))


def take_training_progress(report: schemas.TrainProgress) -> Response:
    """Store where a training stands, whichever way the report came."""
    told = workers.progress(
        db.session(),
        JobKind.TRAINING,
        workers.style_run(db.session(), report.style_id),
        report.progress.model_dump(exclude_unset=True),
        attempt=report.attempt,
        fence=report.fence,
        details=report.model_dump(include=TRAINING_DETAILS, exclude_defaults=True),
    )
    return _answer(told)


@blueprint.post("/training/complete")
@internal(TRAINER)
def training_complete() -> Response:
    """Take over a trained adapter."""
    return take_training_result(bodies.json_body(schemas.TrainResult))


def take_training_result(result: schemas.TrainResult) -> Response:
    """Take over a trained adapter, whichever way the report came."""
    told = workers.complete_training(
        db.session(),
        storage(),
        workers.style_run(db.session(), result.style_id),
        attempt=result.attempt,
        fence=result.fence,
        result=_without_names(result),
    )
    return _answer(told)


@blueprint.post("/training/failed")
@internal(TRAINER)
def training_failed() -> Response:
    """Record a training attempt that failed."""
    return take_training_failure(bodies.json_body(schemas.TrainFailure))


def take_training_failure(failure: schemas.TrainFailure) -> Response:
    """Record a training attempt that failed, whichever way the report came."""
    run_id = workers.style_run(db.session(), failure.style_id)
    return _answer(_failed(JobKind.TRAINING, run_id, failure))


@blueprint.patch("/inference/progress")
@internal(RENDERER)
def inference_progress() -> Response:
    """Store where a rendering stands."""
    return take_render_progress(bodies.json_body(schemas.RenderProgress))


def take_render_progress(report: schemas.RenderProgress) -> Response:
    """Store where a rendering stands, whichever way the report came."""
    told = workers.progress(
        db.session(),
        JobKind.GENERATION,
        report.generation_id,
        report.progress.model_dump(exclude_unset=True),
        attempt=report.attempt,
        fence=report.fence,
    )
    return _answer(told)


@blueprint.post("/inference/complete")
@internal(RENDERER)
def inference_complete() -> Response:
    """Take over a raw image; the platform signs it itself."""
    return take_render_result(bodies.json_body(schemas.RenderResult))


def take_render_result(result: schemas.RenderResult) -> Response:
    """Take over a raw image, whichever way the report came."""
    told = workers.complete_generation(
        db.session(),
        storage(),
        result.generation_id,
        attempt=result.attempt,
        fence=result.fence,
        result=_without_names(result),
    )
    return _answer(told)


@blueprint.post("/inference/failed")
@internal(RENDERER)
def inference_failed() -> Response:
    """Record a rendering attempt that failed."""
    return take_render_failure(bodies.json_body(schemas.RenderFailure))


def take_render_failure(failure: schemas.RenderFailure) -> Response:
    """Record a rendering attempt that failed, whichever way the report came."""
    return _answer(_failed(JobKind.GENERATION, failure.generation_id, failure))


def _failed(
    kind: JobKind, ref: int, failure: schemas.TrainFailure | schemas.RenderFailure
) -> WorkerAnswer:
    return workers.failed(
        db.session(),
        kind,
        ref,
        attempt=failure.attempt,
        fence=failure.fence,
        cause=failure.error_code.replace("\0", ""),
        # PostgreSQL takes no NUL, and a worker's message may be any bytes it met.
        message=failure.error_message.replace("\0", ""),
    )


def _without_names(result: schemas.TrainResult | schemas.RenderResult) -> dict[str, Any]:
    return result.model_dump(exclude={"attempt", "fence", "style_id", "generation_id"})


def _answer(told: WorkerAnswer) -> Response:
    """Answer a report. A rejected result is an error, yet its failed attempt is committed."""
    metrics.WORKER_REPORTS.labels("rejected" if told.rejected else told.reason or "applied").inc()
    if told.rejected is not None:
        return error_answer(ResultRejected(reason=told.rejected))
    shown = asdict(told)
    del shown["rejected"]
    if told.reason is None:
        del shown["reason"]
    return envelope.success(shown)
