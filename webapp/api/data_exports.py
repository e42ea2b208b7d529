"""/users/me/data-export: a copy of everything that one gave to the site or got from it."""

from flask import Blueprint, Response, g

from webapp.domain.errors import NotFound
from webapp.domain.queries import data_exports as export_queries
from webapp.domain.services import data_exports
from webapp.extensions import db, storage
from webapp.http import envelope, headers
from webapp.http.access import signed_in, user
from webapp.http.operations import operation
from webapp.schemas.data_exports import DataExportView

blueprint = Blueprint("data_exports", __name__)


@blueprint.post("/users/me/data-export")
@signed_in
@operation(gives=DataExportView, status=202)
def order() -> Response:
    """Order a copy of one's data, one a day; while one is being made, this is it."""
    data_exports.request(db.session(), user_id=user().id, request_id=g.request_id)
    return envelope.success(export_queries.newest(db.session(), user().id), 202)


@blueprint.get("/users/me/data-export")
@signed_in
@operation(gives=DataExportView, errors=(NotFound,))
def read() -> Response:
    """Show the newest copy of one's data."""
    newest = export_queries.newest(db.session(), user().id)
    if newest is None:
        raise NotFound(resource="data_export")
    return envelope.success(newest)


@blueprint.get("/users/me/data-export/file")
@signed_in
@operation(status=302, errors=(NotFound,))
def download() -> Response:
    """Redirect to the zip of the newest finished copy."""
    url = export_queries.file_url(db.session(), storage(), user_id=user().id)
    return headers.redirect_to_file(url)
