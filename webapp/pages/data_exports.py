"""/me/data-export: order and download a copy of one's own data."""

from flask import Blueprint, Response, g, redirect, url_for

from webapp.domain.errors import RateLimitExceeded
from webapp.domain.queries import data_exports as export_queries
from webapp.domain.services import data_exports
from webapp.extensions import db, storage
from webapp.http import headers
from webapp.http.access import signed_in, user
from webapp.pages import me, problems

blueprint = Blueprint("data_exports", __name__, url_prefix="/me/data-export")


@blueprint.post("")
@signed_in
def order() -> me.Answer:
    """Order a copy from a plain form."""
    try:
        data_exports.request(db.session(), user_id=user().id, request_id=g.request_id)
    except RateLimitExceeded as error:
        return me.page_of_settings(*problems.by_field(error, "data"), form="data")
    return redirect(url_for("pages.me.settings", _anchor="data-title"), 303)


@blueprint.get("/file")
@signed_in
def download() -> Response:
    """Redirect to the zip of the newest finished copy."""
    url = export_queries.file_url(db.session(), storage(), user_id=user().id)
    return headers.redirect_to_file(url)
