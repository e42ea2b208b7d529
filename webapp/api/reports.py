"""/reports: say that something should not be here."""

from flask import Blueprint, Response

from webapp.domain.errors import DuplicateReport, NotFound
from webapp.domain.services import reports
from webapp.extensions import db
from webapp.http import envelope
from webapp.http.access import signed_in, user
from webapp.http.operations import operation
from webapp.schemas.reports import Reported, ReportRequest

blueprint = Blueprint("reports", __name__)


@blueprint.post("/reports")
@signed_in
@operation(
    gives=Reported, status=201, errors=(DuplicateReport, NotFound), links={"report_id": "/id"}
)
def report(body: ReportRequest) -> Response:
    """Report a style, image, comment, person, tag or collection."""
    report = reports.report(db.session(), user=user(), **body.model_dump())
    return envelope.created(
        {"id": report.id, "status": report.status, "created_at": report.created_at},
        f"/api/v1/admin/reports/{report.id}",
    )
