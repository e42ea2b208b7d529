"""/sets/jobs/:id/export: the finished photos of ended jobs as one archive."""

from datetime import timedelta

from flask import Blueprint, Response

from webapp.domain.models.sets_export import ExportStatus
from webapp.domain.services import sets_exports
from webapp.domain.services.sets_exports import ExportRequest
from webapp.domain.sets_errors import JobNotFinished, JobNotFound, PlanRequired
from webapp.extensions import db, storage
from webapp.http import envelope, headers
from webapp.http.access import current_sets_account, sets_account
from webapp.http.operations import operation
from webapp.schemas.sets_exports import ExportQuery, ExportWaits

blueprint = Blueprint("sets_exports", __name__)
URL_LIFETIME = timedelta(hours=1)
RETRY_AFTER_SECONDS = "2"


@blueprint.get("/jobs/<job_id>/export")
@blueprint.get("/sets/jobs/<job_id>/export")
@sets_account
@operation(gives=ExportWaits, status=(202, 302), errors=(JobNotFound, JobNotFinished, PlanRequired))
def export(job_id: str, query: ExportQuery) -> Response:
    """Send the browser to the archive, or say that it is being made: then ask again."""
    export_request = ExportRequest(query.template, tuple(query.jobs), query.language)
    export = sets_exports.request(db.session(), current_sets_account(), job_id, export_request)
    if export.status != ExportStatus.READY:
        again = {"Retry-After": RETRY_AFTER_SECONDS}
        return envelope.success({"status": export.status}, 202, again)
    url = storage().presigned_get(
        export.archive_key or "",
        expires_in=URL_LIFETIME,
        download_name=sets_exports.download_name(db.session(), export),
    )
    return headers.redirect_to_file(url)
