"""/verify: whose picture is this, and may it be used? Nothing of an upload is kept."""

from dataclasses import asdict

from flask import Blueprint, Response

from webapp.domain.errors import NotFound
from webapp.domain.image_errors import (
    ImageCorrupt,
    ImageResolutionTooLow,
    ImageSizeExceeded,
    ImageTooLargePixels,
    InvalidImageFormat,
)
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import verifications as queries
from webapp.domain.queries.verifications import DeepSearchState, ShownReport
from webapp.domain.services.licenses import certificate_url
from webapp.extensions import app_settings, db
from webapp.http import envelope
from webapp.http.access import allows_keys, own_transactions, public
from webapp.http.operations import File, operation
from webapp.http.verifications import takes_picture, verified
from webapp.schemas.verifications import DeepSearchView, VerificationForm, VerificationView

blueprint = Blueprint("verifications", __name__)
BAD_IMAGE = (
    InvalidImageFormat,
    ImageSizeExceeded,
    ImageResolutionTooLow,
    ImageTooLargePixels,
    ImageCorrupt,
)


@blueprint.post("/verify")
@takes_picture
@own_transactions
@allows_keys(Scope.READ)
@public
@operation(
    gives=VerificationView,
    errors=BAD_IMAGE,
    files={"image": File("A JPG, PNG or WebP of up to 20 MB and 50 megapixels.")},
)
def verify(form: VerificationForm) -> Response:
    """Find the certificates of a picture; where there are none, queue a search of its parts."""
    del form  # it has no field but the file
    verification = verified()
    deep = _search(verification.search) if verification.search else None
    return envelope.success(_report(verification) | {"deep": deep})


@blueprint.get("/verify/<search_id>")
@allows_keys(Scope.READ)
@public
@operation(gives=DeepSearchView, errors=(NotFound,))
def read(search_id: str) -> Response:
    """Show a deep search; its answer is there for ten minutes."""
    return envelope.success(_search(queries.deep_search(db.session(), search_id)))


def _search(search: DeepSearchState) -> dict[str, object]:
    return {
        "id": search.id,
        "status": search.status,
        "failure": search.failure,
        "report": _report(search.report) if search.report else None,
    }


def _report(report: ShownReport) -> dict[str, object]:
    base_url = app_settings().public_base_url
    return {
        "matches": [
            {"license_url": certificate_url(base_url, match.public_id), **asdict(match)}
            for match in report.matches
        ],
        "checked": report.checked,
        "notes": report.notes,
    }
