"""/l: the public certificate of a picture, also as PDF; licences and their terms; a user's own."""

from datetime import UTC, datetime

from flask import Blueprint, Response, render_template
from markupsafe import Markup
from pyhanko.sign.signers import SimpleSigner

from webapp.domain import pdf_signature
from webapp.domain.errors import NotFound
from webapp.domain.models.style import LicenseType
from webapp.domain.queries import licenses as license_queries
from webapp.domain.queries.licenses import PublicCertificate
from webapp.domain.services.licenses import TERMS_VERSION, certificate_url
from webapp.domain.signing_chain import ChainUnusable
from webapp.extensions import app_settings, db, storage, unit_of_work
from webapp.http import bodies
from webapp.http.access import own_transactions, public, signed_in, user
from webapp.pages import certificate_pdf, terms
from webapp.pages.fragments import is_fragment
from webapp.pages.sitemap import absolute
from webapp.schemas.fields import PageQuery

blueprint = Blueprint("licenses", __name__)


@blueprint.get("/l/<public_id>")
@public
def show(public_id: str) -> str:
    """Show one certificate."""
    certificate = license_queries.certificate(db.session(), storage(), public_id=public_id)
    address = certificate_url(app_settings().public_base_url, public_id)
    return render_template(
        "licenses/show.html",
        certificate=certificate,
        address=address,
        qr_code=_qr_code(address),
        has_pdf=_has_pdf(),
        now=datetime.now(UTC),
    )


@blueprint.get("/l/<public_id>.pdf")
@own_transactions
@public
def pdf(public_id: str) -> Response:
    """Return one certificate as a signed PDF; not found where nothing can sign."""
    try:
        signer = pdf_signature.signer_of(app_settings())
    except ChainUnusable as error:
        raise NotFound(resource="certificate_file") from error
    with unit_of_work() as session:
        certificate = license_queries.certificate(session, storage(), public_id=public_id)
        preview_key = license_queries.preview_key(session, public_id=public_id)
    signed = signed_pdf(certificate, preview_key, signer)
    response = Response(signed, mimetype="application/pdf")
    response.headers.set(
        "Content-Disposition", "attachment", filename=f"certificate-{public_id}.pdf"
    )
    return response


def signed_pdf(
    certificate: PublicCertificate, preview_key: str | None, signer: SimpleSigner
) -> bytes:
    """Return a certificate as a signed PDF, in the language of the request."""
    address = terms.address(certificate.license_type, certificate.terms_version)
    content = certificate_pdf.Content(
        certificate=certificate,
        address=certificate_url(app_settings().public_base_url, certificate.public_id),
        terms_address=absolute(address),
        preview=storage().get(preview_key) if preview_key else None,
        read_at=datetime.now(UTC),
    )
    return pdf_signature.sign(certificate_pdf.draw(content), signer)


@blueprint.get("/licenses")
@public
def show_all() -> str:
    """Explain the licences in their current version."""
    return _overview(TERMS_VERSION)


@blueprint.get("/licenses/<version>")
@public
def show_all_of(version: str) -> str:
    """Explain the licences in one version, also an earlier one."""
    if version not in terms.VERSIONS:
        raise NotFound(resource="license_terms")
    return _overview(version)


@blueprint.get("/licenses/terms/<license_type>/<version>")
@public
def show_terms(license_type: str, version: str) -> str:
    """Show the terms of one licence in one version."""
    texts = terms.VERSIONS.get(version, {})
    if license_type not in texts:
        raise NotFound(resource="license_terms")
    others = {kind: texts[kind] for kind in LicenseType if kind != license_type}
    return render_template(
        "licenses/terms.html",
        license_type=license_type,
        version=version,
        license_words=texts[license_type],
        others=others,
    )


@blueprint.get("/me/licenses")
@signed_in
def held() -> str:
    """List the licences of the user, newest first; for htmx, only the next ones."""
    page = license_queries.held(
        db.session(), storage(), licensee_id=user().id, page=bodies.page(bodies.query(PageQuery))
    )
    name = "held_rows" if is_fragment() else "held"
    return render_template(f"licenses/{name}.html", page=page)


def _overview(version: str) -> str:
    texts = terms.VERSIONS[version]
    return render_template(
        "licenses/index.html",
        version=version,
        current=TERMS_VERSION,
        versions=sorted(terms.VERSIONS, reverse=True),
        texts=texts,
        sold=[kind for kind in LicenseType if kind in texts],
        others=[kind for kind in texts if kind not in {*LicenseType}],
    )


def _has_pdf() -> bool:
    try:
        pdf_signature.signer_of(app_settings())
    except ChainUnusable:
        return False
    return True


def _qr_code(address: str) -> Markup:
    """Return the QR code of an address as an SVG element, dark on white in every theme."""
    code = certificate_pdf.qr_code(address)
    svg = code.svg_inline(omitsize=True, light="#fff", svgclass=None, lineclass=None)
    return Markup(svg)  # noqa: S704 - of segno, which draws modules and no text
