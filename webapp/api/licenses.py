"""/licenses: the certificate of an image, open to everyone."""

from flask import Blueprint, Response

from webapp.api import envelope
from webapp.api.access import public
from webapp.domain.services import license_views
from webapp.extensions import db, storage

blueprint = Blueprint("licenses", __name__)


@blueprint.get("/licenses/<public_id>")
@public
def read(public_id: str) -> Response:
    """Show one certificate."""
    found = license_views.certificate(db.session(), storage(), public_id=public_id)
    return envelope.success(found)
