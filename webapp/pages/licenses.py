"""/l: the public certificate of a picture."""

from flask import Blueprint, render_template

from webapp.domain.queries import licenses as license_queries
from webapp.domain.services.licenses import certificate_url
from webapp.extensions import app_settings, db, storage
from webapp.http.access import public

blueprint = Blueprint("licenses", __name__)


@blueprint.get("/l/<public_id>")
@public
def show(public_id: str) -> str:
    """Show one certificate."""
    certificate = license_queries.certificate(db.session(), storage(), public_id=public_id)
    address = certificate_url(app_settings().public_base_url, public_id)
    return render_template("licenses/show.html", certificate=certificate, address=address)
