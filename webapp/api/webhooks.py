"""/webhooks: the worker protocol – claim, progress, complete, failed – for our own workers only."""

from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from tasks.messages import (
    MadeCheckpoint,
    RenderProgressBody,
    TrainProgressBody,
    UnusableWork,
)
from webapp.domain.errors import GenerationNotFound, NotFound, ResultRejected, StyleNotFound
from webapp.domain.gains import MeasuredGain
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.documents import Progress
from webapp.domain.models.job import JobKind
from webapp.domain.services import base_models, worker_protocol, worker_results
from webapp.domain.services.artworks import UnusableArtwork
from webapp.domain.services.sets_segmentations import ReportedMask
from webapp.domain.services.training import MeasuredLoss
from webapp.domain.services.worker_leases import WorkerAnswer
from webapp.domain.services.worker_protocol import TrainingUpdate
from webapp.domain.services.worker_results import (
    RenderedImage,
    ReportedCheckpoint,
    TrainedAdapter,
)
from webapp.extensions import app_settings, db, storage, unit_of_work
from webapp.http import envelope, metrics
from webapp.http.access import RENDERER, SETS, TRAINER, internal, own_transactions
from webapp.http.errors import answer as error_answer
from webapp.http.operations import operation
from webapp.schemas import webhooks as schemas

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")


@blueprint.post("/claim")
@internal(TRAINER, RENDERER, SETS)
@operation(
    gives=schemas.ClaimedJobs,
    links={
        "style_id": "/jobs/0/payload/style_id",
        "generation_id": "/jobs/0/payload/generation_id",
        "fence": "/jobs/0/fence",
    },
)
def claim(body: schemas.Claim) -> Response:
    """Lease due jobs to a worker."""
    jobs = worker_protocol.claim(
        db.session(),
        _storage_of_caller(),
        kinds=[JobKind(kind) for kind in body.kinds],
        limit=body.max,
        job_id=body.job_id,
        base_model=body.base_model,
        base_model_sha256=body.base_model_sha256,
        batch_of=body.batch_of,
    )
    return envelope.success({"jobs": jobs})


def _storage_of_caller() -> Storage:
    """Return storage with URLs that this worker can reach.

    A worker that uses the public address gets public URLs. One that uses an internal address gets
    internal URLs, because it may not reach the public ones: in a container, localhost is the
    container itself.
    """
    is_outside = request.host == urlsplit(app_settings().public_base_url).netloc
    return storage() if is_outside else storage().inside()


@blueprint.post("/base-models")
@internal(RENDERER)
@operation(status=204)
def note_base_model(body: schemas.LoadedBaseModel) -> Response:
    """Note which weights a renderer has loaded, before it claims anything."""
    base_models.record_loaded(db.session(), body.name, body.sha256)
    return envelope.no_content()


@blueprint.patch("/training/progress")
@own_transactions
@internal(TRAINER)
@operation(gives=schemas.ReportTaken, errors=(StyleNotFound, ResultRejected))
def training_progress(body: schemas.TrainProgress) -> Response:
    """Store the progress of a training."""
    return take_training_progress(body)


def take_training_progress(report: schemas.TrainProgress) -> Response:
    """Store the progress of a training, whichever way the report came."""
    answer = worker_protocol.progress(
        unit_of_work,
        storage(),
        JobKind.TRAINING,
        _run_of(report.style_id),
        _progress(report.progress),
        attempt=report.attempt,
        fence=report.fence,
        update=_update(report),
    )
    return _answer(answer)


@blueprint.post("/training/complete")
@own_transactions
@internal(TRAINER)
@operation(gives=schemas.ReportTaken, errors=(StyleNotFound, ResultRejected))
def training_complete(body: schemas.TrainResult) -> Response:
    """Take over a trained adapter."""
    return take_training_result(body)


def take_training_result(result: schemas.TrainResult) -> Response:
    """Take over a trained adapter, whichever way the report came."""
    answer = worker_results.complete_training(
        unit_of_work,
        storage(),
        _run_of(result.style_id),
        attempt=result.attempt,
        fence=result.fence,
        adapter=TrainedAdapter(
            key=result.model_path,
            sha256=result.adapter_sha256,
            base_model_sha256=result.base_model_sha256,
            metric=result.training_metric,
            sample_keys=result.sample_keys,
        ),
    )
    return _answer(answer)


@blueprint.post("/training/failed")
@own_transactions
@internal(TRAINER)
@operation(gives=schemas.ReportTaken, errors=(StyleNotFound,))
def training_failed(body: schemas.TrainFailure) -> Response:
    """Record a training attempt that failed."""
    return take_training_failure(body)


def take_training_failure(failure: schemas.TrainFailure) -> Response:
    """Record a training attempt that failed, whichever way the report came."""
    unusable = _unusable(failure.unusable_works)
    return _answer(_failed(JobKind.TRAINING, _run_of(failure.style_id), failure, unusable))


def _run_of(style_id: int) -> int:
    with unit_of_work() as session:
        return worker_protocol.style_run(session, style_id)


@blueprint.patch("/inference/progress")
@own_transactions
@internal(RENDERER)
@operation(gives=schemas.ReportTaken, errors=(GenerationNotFound,))
def inference_progress(body: schemas.RenderProgress) -> Response:
    """Store the progress of a rendering."""
    return take_render_progress(body)


def take_render_progress(report: schemas.RenderProgress) -> Response:
    """Store the progress of a rendering, whichever way the report came."""
    answer = worker_protocol.progress(
        unit_of_work,
        storage(),
        JobKind.GENERATION,
        report.generation_id,
        _progress(report.progress),
        attempt=report.attempt,
        fence=report.fence,
    )
    return _answer(answer)


@blueprint.post("/inference/complete")
@own_transactions
@internal(RENDERER)
@operation(gives=schemas.ReportTaken, errors=(GenerationNotFound, ResultRejected))
def inference_complete(body: schemas.RenderResult) -> Response:
    """Take over a raw image; the platform signs it itself."""
    return take_render_result(body)


def take_render_result(result: schemas.RenderResult) -> Response:
    """Take over a raw image, whichever way the report came."""
    answer = worker_results.complete_generation(
        unit_of_work,
        storage(),
        result.generation_id,
        attempt=result.attempt,
        fence=result.fence,
        image=RenderedImage(
            key=result.result_key,
            sha256=result.sha256,
            width=result.width,
            height=result.height,
            adapter_sha256=result.adapter_sha256,
        ),
    )
    return _answer(answer)


@blueprint.post("/inference/failed")
@own_transactions
@internal(RENDERER)
@operation(gives=schemas.ReportTaken, errors=(GenerationNotFound,))
def inference_failed(body: schemas.RenderFailure) -> Response:
    """Record a rendering attempt that failed."""
    return take_render_failure(body)


def take_render_failure(failure: schemas.RenderFailure) -> Response:
    """Record a rendering attempt that failed, whichever way the report came."""
    answer = _failed(JobKind.GENERATION, failure.generation_id, failure)
    if answer.applied and failure.error_code == base_models.CAUSE:
        base_models.record_outdated(unit_of_work, storage(), failure.generation_id)
    return _answer(answer)


@blueprint.patch("/segmentation/progress")
@internal(SETS)
@operation(gives=schemas.ReportTaken, errors=(NotFound,))
def segmentation_progress(body: schemas.SegmentProgress) -> Response:
    """Renew the lease of a segmentation."""
    run_id = body.segmentation_id
    answer = worker_protocol.renew_lease(
        db.session(), JobKind.SEGMENTATION, run_id, attempt=body.attempt, fence=body.fence
    )
    return _answer(answer)


@blueprint.post("/segmentation/complete")
@internal(SETS)
@operation(gives=schemas.ReportTaken, errors=(NotFound, ResultRejected))
def segmentation_complete(body: schemas.SegmentResult) -> Response:
    """Take over the masks that were found in a photo."""
    answer = worker_results.complete_segmentation(
        db.session(),
        body.segmentation_id,
        [ReportedMask(mask.concept, mask.mask_key, mask.score) for mask in body.masks],
        segmenter=body.segmenter,
        version=body.version,
        attempt=body.attempt,
        fence=body.fence,
    )
    return _answer(answer)


@blueprint.post("/segmentation/failed")
@own_transactions
@internal(SETS)
@operation(gives=schemas.ReportTaken, errors=(NotFound,))
def segmentation_failed(body: schemas.SegmentFailure) -> Response:
    """Record an attempt to segment a photo that failed."""
    return _answer(_failed(JobKind.SEGMENTATION, body.segmentation_id, body))


def _failed(
    kind: JobKind,
    ref: int,
    failure: schemas.TrainFailure | schemas.RenderFailure | schemas.SegmentFailure,
    unusable: Sequence[UnusableArtwork] = (),
) -> WorkerAnswer:
    with unit_of_work() as session:
        return worker_protocol.failed(
            session,
            kind,
            ref,
            attempt=failure.attempt,
            fence=failure.fence,
            cause=failure.error_code.replace("\0", ""),
            # PostgreSQL takes no NUL, and a worker's message may be any bytes it met.
            message=failure.error_message.replace("\0", ""),
            unusable=unusable,
        )


def _progress(body: TrainProgressBody | RenderProgressBody) -> Progress:
    """Return the progress as its column stores it, without what the worker did not send."""
    return cast("Progress", body.model_dump(exclude_unset=True))


def _update(report: schemas.TrainProgress) -> TrainingUpdate:
    return TrainingUpdate(
        losses=tuple(
            MeasuredLoss(each.step, each.loss, each.held_out_loss) for each in report.loss_points
        ),
        sample_keys=tuple(report.sample_keys),
        checkpoint_key=report.checkpoint_key,
        checkpoint=None if report.checkpoint is None else _checkpoint(report.checkpoint),
        unusable=_unusable(report.unusable_works),
        slice_ended=report.slice_ended,
    )


def _checkpoint(checkpoint: MadeCheckpoint) -> ReportedCheckpoint:
    gain = checkpoint.gain
    return ReportedCheckpoint(
        step=checkpoint.step,
        adapter_key=checkpoint.style_key,
        adapter_sha256=checkpoint.style_sha256,
        sample_keys=checkpoint.sample_keys,
        base_sample_keys=checkpoint.base_sample_keys,
        held_out_loss=checkpoint.held_out_loss,
        gain=None if gain is None else MeasuredGain(gain.palette, gain.texture, gain.edges),
    )


def _unusable(reported: Sequence[UnusableWork]) -> tuple[UnusableArtwork, ...]:
    return tuple(UnusableArtwork(each.name, each.code) for each in reported)


def _answer(answer: WorkerAnswer) -> Response:
    """Answer a report. A rejected result is an error, yet its failed attempt is committed."""
    metrics.WORKER_REPORTS.labels(
        "rejected" if answer.rejected else answer.reason or "applied"
    ).inc()
    if answer.rejected is not None:
        return error_answer(ResultRejected(reason=answer.rejected))
    body = {
        "applied": answer.applied,
        "status": answer.status,
        "cancel_requested": answer.cancel_requested,
    }
    return envelope.success(body if answer.reason is None else body | {"reason": answer.reason})
