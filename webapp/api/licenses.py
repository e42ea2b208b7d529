"""/licenses: the certificate of an image, and which are revoked; open to everyone."""

from flask import Blueprint, Response

from webapp.domain.errors import NotFound
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import licenses as license_queries, revocations
from webapp.extensions import db, storage
from webapp.http import bodies, envelope
from webapp.http.access import allows_keys, public
from webapp.http.operations import operation
from webapp.schemas.fields import Listed, PageQuery
from webapp.schemas.licenses import CertificateView, RevocationView

blueprint = Blueprint("licenses", __name__)
CACHE_SECONDS = 60  # for so long a copy may not show a revocation


@blueprint.get("/licenses/revoked")
@allows_keys(Scope.READ)
@public
@operation(gives=Listed[RevocationView])
def list_revoked(query: PageQuery) -> Response:
    """List the revoked certificates, the newest revocations first."""
    page = revocations.revoked(db.session(), bodies.page(query))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/licenses/<public_id>")
@allows_keys(Scope.READ)
@public
@operation(
    gives=CertificateView,
    errors=(NotFound,),
    links={"style_id": "/style/id"},
)
def read(public_id: str) -> Response:
    """Show one certificate; a copy may be kept for a minute."""
    certificate = license_queries.certificate(db.session(), storage(), public_id=public_id)
    return envelope.cacheable(certificate, seconds=CACHE_SECONDS)
