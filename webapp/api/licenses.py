"""/licenses: the certificate of an image, open to everyone."""

from flask import Blueprint, Response

from webapp.domain.errors import NotFound
from webapp.domain.queries import licenses as license_queries
from webapp.extensions import db, storage
from webapp.http import envelope
from webapp.http.access import public
from webapp.http.operations import operation
from webapp.schemas.licenses import CertificateView

blueprint = Blueprint("licenses", __name__)


@blueprint.get("/licenses/<public_id>")
@public
@operation(gives=CertificateView, errors=(NotFound,), links={"style_id": "/style/id"})
def read(public_id: str) -> Response:
    """Show one certificate."""
    certificate = license_queries.certificate(db.session(), storage(), public_id=public_id)
    return envelope.success(certificate)
