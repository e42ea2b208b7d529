"""/verify: whose picture is this, and may it be used? Nothing of an upload is kept."""

from dataclasses import asdict

from flask import Blueprint, Response

from webapp.domain.errors import (
    ImageCorrupt,
    ImageResolutionTooLow,
    ImageSizeExceeded,
    ImageTooLargePixels,
    InvalidImageFormat,
)
from webapp.domain.services import verifications
from webapp.domain.services.licenses import certificate_url
from webapp.domain.services.verifications import VERIFIED_IMAGE, Verification
from webapp.extensions import app_settings, unit_of_work
from webapp.http import bodies, buckets, envelope, rate_limits
from webapp.http.access import own_transactions, public
from webapp.http.operations import File, operation
from webapp.schemas.verifications import VerificationForm, VerificationView

blueprint = Blueprint("verifications", __name__)
FORM_BYTES = VERIFIED_IMAGE.max_bytes + (1 << 20)  # a file that is too large gets its own error
BAD_IMAGE = (
    InvalidImageFormat,
    ImageSizeExceeded,
    ImageResolutionTooLow,
    ImageTooLargePixels,
    ImageCorrupt,
)


@blueprint.post("/verify")
@rate_limits.limited(buckets.VERIFICATIONS)
@bodies.accepts(FORM_BYTES, from_anyone=True)
@own_transactions
@public
@operation(
    gives=VerificationView,
    errors=BAD_IMAGE,
    files={"image": File("A JPG, PNG or WebP of up to 20 MB and 50 megapixels.")},
)
def verify(form: VerificationForm) -> Response:
    """Find the certificates of a picture."""
    del form  # it has no field but the file
    found = verifications.verify(unit_of_work, bodies.picture_to_verify())
    return envelope.success(_report(found) | {"deep": None})


def _report(found: Verification) -> dict[str, object]:
    base_url = app_settings().public_base_url
    return {
        "matches": [
            {"license_url": certificate_url(base_url, match.public_id), **asdict(match)}
            for match in found.matches
        ],
        "checked": found.checked,
        "notes": found.notes,
    }
