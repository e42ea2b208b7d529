"""/sets/jobs/:id/callback: results of GPUs outside the worker protocol."""

from flask import Blueprint, Response

from webapp.domain.errors import NotFound, ResultRejected
from webapp.domain.services import sets_callbacks
from webapp.domain.services.sets_callbacks import CallbackResult, Failure, Item
from webapp.domain.services.sets_segmentations import ReportedMask
from webapp.domain.sets_errors import JobNotFound
from webapp.extensions import editor, storage, unit_of_work
from webapp.http import envelope
from webapp.http.access import SETS, internal, own_transactions
from webapp.http.operations import operation
from webapp.schemas.sets_callbacks import Callback, CallbackTaken, ReportedError

blueprint = Blueprint("sets_callbacks", __name__)
UNKNOWN = "UNKNOWN"  # the code of a failure with a message and no code


@blueprint.post("/jobs/<job_id>/callback")
@blueprint.post("/sets/jobs/<job_id>/callback")
@own_transactions
@internal(SETS)
@operation(gives=CallbackTaken, errors=(JobNotFound, NotFound, ResultRejected))
def callback(job_id: str, body: Callback) -> Response:
    """Take the result of one photo; the same report twice counts once."""
    return _answer(_take(Item(job_id, body.idx, body.attempt), body))


def _take(item: Item, body: Callback) -> CallbackResult:
    if body.status == "failed":
        fail = (
            sets_callbacks.fail_edit if body.kind == "apply" else sets_callbacks.fail_segmentation
        )
        with unit_of_work() as session:
            return fail(session, item, _failure(body))
    if body.kind == "segment":
        masks = [ReportedMask(each.concept, each.mask_key, each.score) for each in body.instances]
        return sets_callbacks.complete_segmentation(unit_of_work, storage(), item, masks)
    return sets_callbacks.complete_edit(
        unit_of_work,
        storage(),
        editor(),
        item,
        output_key=body.output_key or "",
        preview_key=body.preview_key,
    )


def _failure(body: Callback) -> Failure:
    if isinstance(body.error, ReportedError):
        return Failure(body.error.code, body.error.message)
    return Failure(UNKNOWN, body.error or "")


def _answer(result: CallbackResult) -> Response:
    body = {
        "applied": result.applied,
        "status": result.status,
        "progress": {"done": result.done, "failed": result.failed, "total": result.total},
    }
    return envelope.success(body | ({"reason": result.reason} if result.reason else {}))
