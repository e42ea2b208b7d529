"""/reports: say that something should not be here."""

from flask import Blueprint, Response

from webapp.api import bodies, envelope
from webapp.api.access import signed_in, user
from webapp.domain.services import reports
from webapp.extensions import db
from webapp.schemas.reports import ReportRequest

blueprint = Blueprint("reports", __name__)


@blueprint.post("/reports")
@signed_in
def report() -> Response:
    """Report a style, image, comment, person or tag."""
    body = bodies.json_body(ReportRequest)
    made = reports.report(db.session(), user=user(), **body.model_dump())
    return envelope.created(
        {"id": made.id, "status": made.status, "created_at": made.created_at},
        f"/api/v1/admin/reports/{made.id}",
    )
