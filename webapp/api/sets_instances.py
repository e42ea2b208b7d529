"""/sets/jobs/:id/instances (also /jobs/…): what is in the photos, chosen and clicked."""

from dataclasses import asdict

from flask import Blueprint, Response

from webapp.domain.errors import AlreadyCanceled, InvalidTransition, NotFound
from webapp.domain.gateways.editor import Point
from webapp.domain.queries import sets_instances as queries
from webapp.domain.queries.sets_instances import InstanceFilter
from webapp.domain.services import sets_carrying, sets_instances
from webapp.domain.services.sets_instances import Clicked, InstanceChange
from webapp.domain.sets_errors import JobNotFound
from webapp.extensions import db, editor, storage, unit_of_work
from webapp.http import bodies, envelope
from webapp.http.access import current_sets_account, own_transactions, sets_account
from webapp.http.operations import operation
from webapp.schemas.fields import Listed
from webapp.schemas.sets_instances import (
    CarriedInstances,
    CarryBody,
    Click,
    InstanceAnswer,
    InstanceChanges,
    InstanceQuery,
    Updated,
)

blueprint = Blueprint("sets_instances", __name__)
WRONG_STATE = (NotFound, InvalidTransition, AlreadyCanceled, JobNotFound)


@blueprint.get("/sets/jobs/<job_id>/instances")
@blueprint.get("/jobs/<job_id>/instances")
@sets_account
@operation(
    gives=Listed[InstanceAnswer],
    errors=(JobNotFound,),
    links={"instance_id": "/results/0/instance_id"},
)
def list_instances(job_id: str, query: InstanceQuery) -> Response:
    """List what was found or clicked in the photos of a job."""
    page = queries.of_job(
        db.session(),
        storage(),
        account_id=current_sets_account().id,
        job_id=job_id,
        filters=InstanceFilter(query.idx, query.concept, query.state),
        page=bodies.page(query),
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.patch("/sets/jobs/<job_id>/instances")
@blueprint.patch("/jobs/<job_id>/instances")
@sets_account
@operation(gives=Updated, errors=WRONG_STATE)
def change(job_id: str, body: InstanceChanges) -> Response:
    """Include, lock or exclude instances, or give them rules of their own."""
    changes = [
        InstanceChange(
            instance_id=each.instance_id,
            state=each.state,
            has_rule="rule" in each.model_fields_set,
            rule=each.rule.plain() if each.rule else None,
        )
        for each in body.changes
    ]
    count = sets_instances.change(db.session(), editor(), current_sets_account(), job_id, changes)
    return envelope.success({"updated_count": count})


@blueprint.post("/sets/jobs/<job_id>/instances")
@blueprint.post("/jobs/<job_id>/instances")
@own_transactions
@sets_account
@operation(gives=InstanceAnswer, errors=WRONG_STATE)
def click(job_id: str, body: Click) -> Response:
    """Turn points on a photo into the mask of a new instance, or of one that is there."""
    account_id = current_sets_account().id
    instance_id = sets_instances.click(
        unit_of_work,
        storage(),
        editor(),
        account_id=account_id,
        job_id=job_id,
        clicked=Clicked(
            idx=body.idx,
            concept=body.concept,
            points=tuple(Point(each.x, each.y, each.include) for each in body.points),
            prompt=body.prompt,
            instance_id=body.instance_id,
        ),
    )
    return envelope.success(asdict(queries.one(db.session(), storage(), instance_id)))


@blueprint.post("/sets/jobs/<job_id>/instances/<instance_id>/carry")
@blueprint.post("/jobs/<job_id>/instances/<instance_id>/carry")
@own_transactions
@sets_account
@operation(gives=CarriedInstances, errors=WRONG_STATE)
def carry(job_id: str, instance_id: str, body: CarryBody) -> Response:
    """Propose the mask of an instance on other photos of its group; a person includes it or not."""
    account_id = current_sets_account().id
    instance_ids = sets_carrying.carry(
        unit_of_work,
        storage(),
        editor(),
        account_id=account_id,
        job_id=job_id,
        instance_id=instance_id,
        items=body.items,
    )
    views = [asdict(queries.one(db.session(), storage(), each)) for each in instance_ids]
    return envelope.success({"results": views})


@blueprint.delete("/sets/jobs/<job_id>/instances/<instance_id>")
@blueprint.delete("/jobs/<job_id>/instances/<instance_id>")
@sets_account
@operation(status=204, errors=WRONG_STATE)
def remove(job_id: str, instance_id: str) -> Response:
    """Remove an instance that was clicked."""
    sets_instances.remove(db.session(), current_sets_account(), job_id, instance_id)
    return envelope.no_content()
