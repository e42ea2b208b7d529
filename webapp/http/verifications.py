"""Verify the picture of a form, for the API and for the page."""

from collections.abc import Callable

from flask import g

from webapp.domain.services import verifications
from webapp.domain.services.recognition import PictureRegistry
from webapp.domain.services.verifications import VERIFIED_IMAGE, Verification
from webapp.extensions import cache, examiner, storage, unit_of_work
from webapp.http import bodies, buckets, metrics, rate_limits
from webapp.http.endpoints import View

FORM_BYTES = VERIFIED_IMAGE.max_bytes + (1 << 20)  # a file that is too large gets its own error


def takes_picture(view: View) -> View:
    """Limit a view that verifies, and let it accept a picture of 20 MB; stands above its guard."""
    accepts: Callable[[View], View] = bodies.accepts(FORM_BYTES, from_anyone=True)
    return rate_limits.limited(buckets.VERIFICATIONS)(accepts(view))


def verified() -> Verification:
    """Verify the picture of this request's form; raises as `verifications.verify` does.

    Raises ValidationFailed without one, and RateLimitExceeded for too many deep searches.
    """
    verification = verifications.verify(
        PictureRegistry(unit_of_work, storage(), examiner()),
        cache(),
        bodies.picture_to_verify(),
        admit_search=rate_limits.count_deep_search,
        request_id=g.request_id,
    )
    metrics.VERIFICATIONS.labels(verification.method).inc()
    return verification
