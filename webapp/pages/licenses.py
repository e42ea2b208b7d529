"""/l: the public certificate of a picture; the terms of licences; the licences a user holds."""

from datetime import UTC, datetime

import segno
from flask import Blueprint, render_template
from markupsafe import Markup

from webapp.domain.errors import NotFound
from webapp.domain.models.style import LicenseType
from webapp.domain.queries import licenses as license_queries
from webapp.domain.services.licenses import certificate_url
from webapp.extensions import app_settings, db, storage
from webapp.http import bodies
from webapp.http.access import public, signed_in, user
from webapp.pages import terms
from webapp.pages.fragments import is_fragment
from webapp.schemas.fields import PageQuery

blueprint = Blueprint("licenses", __name__)
QR_SCALE = 3
# A quarter of the code may be unreadable: on paper it is folded, stamped and copied.
QR_CORRECTION = "q"


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
        qr_code=qr_code(address),
        now=datetime.now(UTC),
    )


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


def qr_code(address: str) -> Markup:
    """Return the QR code of an address as an SVG element, dark on white in every theme."""
    code = segno.make(address, error=QR_CORRECTION, micro=False)
    svg = code.svg_inline(scale=QR_SCALE, light="#fff", svgclass=None, lineclass=None)
    return Markup(svg)  # noqa: S704 - of segno, which draws modules and no text
