"""Other names of the worker's reports: the id is in the path, the attempt may be left out."""

from collections.abc import Callable
from typing import Any

import orjson
from flask import Blueprint, Response
from pydantic import BaseModel, JsonValue

from webapp.api import webhooks
from webapp.domain.errors import (
    FieldProblem,
    GenerationNotFound,
    ResultRejected,
    StyleNotFound,
    ValidationFailed,
)
from webapp.domain.models.job import JobKind
from webapp.domain.services import worker_protocol
from webapp.extensions import unit_of_work
from webapp.http import bodies
from webapp.http.access import RENDERER, TRAINER, internal, own_transactions
from webapp.http.operations import operation
from webapp.schemas import webhooks as schemas

blueprint = Blueprint("webhook_aliases", __name__)
BAD_TRAINING = (StyleNotFound, ResultRejected)
BAD_RENDERING = (GenerationNotFound, ResultRejected)
Report = tuple[Any, Callable[[Any], Response]]
TRAINING: dict[str, Report] = {
    "training": (schemas.TrainProgress, webhooks.take_training_progress),
    "completed": (schemas.TrainResult, webhooks.take_training_result),
    "failed": (schemas.TrainFailure, webhooks.take_training_failure),
}
RENDERING: dict[str, Report] = {
    "processing": (schemas.RenderProgress, webhooks.take_render_progress),
    "completed": (schemas.RenderResult, webhooks.take_render_result),
    "failed": (schemas.RenderFailure, webhooks.take_render_failure),
}


@blueprint.patch("/models/<id:style_id>/status")
@own_transactions
@internal(TRAINER)
@operation(gives=schemas.ReportTaken, errors=BAD_TRAINING, body=schemas.TrainingStatusReport)
def training_status(style_id: int) -> Response:
    """Take the report that `status` names."""
    return _take_training(style_id, bodies.json_object())


@own_transactions
@internal(TRAINER)
@operation(gives=schemas.ReportTaken, errors=BAD_TRAINING, body=schemas.TrainingProgressReport)
def training_progress(style_id: int) -> Response:
    """Store the progress of a training; also PATCH /styles/:id with the internal token."""
    return _take_training(style_id, bodies.json_object() | {"status": "training"})


@blueprint.patch("/images/<id:generation_id>/status")
@own_transactions
@internal(RENDERER)
@operation(gives=schemas.ReportTaken, errors=BAD_RENDERING, body=schemas.RenderingStatusReport)
def render_status(generation_id: int) -> Response:
    """Take the report that `status` names."""
    return _take_rendering(generation_id, bodies.json_object())


@own_transactions
@internal(RENDERER)
@operation(gives=schemas.ReportTaken, errors=BAD_RENDERING, body=schemas.RenderingProgressReport)
def render_progress(generation_id: int) -> Response:
    """Store the progress of a rendering; also PATCH /generations/:id with the internal token."""
    return _take_rendering(generation_id, bodies.json_object() | {"status": "processing"})


def _take_training(style_id: int, body: dict[str, JsonValue]) -> Response:
    def attempt() -> int:
        with unit_of_work() as session:
            run_id = worker_protocol.style_run(session, style_id)
            return worker_protocol.current_attempt(session, JobKind.TRAINING, run_id)

    return _take(TRAINING, body | {"style_id": style_id}, attempt)


def _take_rendering(generation_id: int, body: dict[str, JsonValue]) -> Response:
    def attempt() -> int:
        with unit_of_work() as session:
            return worker_protocol.current_attempt(session, JobKind.GENERATION, generation_id)

    return _take(RENDERING, body | {"generation_id": generation_id}, attempt)


def _take(
    reports: dict[str, Report], body: dict[str, JsonValue], current_attempt: Callable[[], int]
) -> Response:
    """Check the body before any row is read: the order of checks in docs/api.md."""
    status = body.get("status")
    if not isinstance(status, str) or status not in reports:
        raise ValidationFailed(
            fields={"status": [FieldProblem("One of %(choices)s.", choices=", ".join(reports))]}
        )
    model, take = reports[status]
    if body.get("attempt") is not None or body.get("fence") is not None:
        return take(_read(model, body))
    report = _read(model, body | {"attempt": 1})
    return take(report.model_copy(update={"attempt": current_attempt()}))


def _read(model: type[BaseModel], body: dict[str, JsonValue]) -> Any:
    return model.model_validate_json(orjson.dumps(body), strict=True)
