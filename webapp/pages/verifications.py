"""/verify: whose picture is this, and may it be used? Nothing of an upload is kept."""

from flask import Blueprint, Response, g, make_response, render_template

from webapp.domain.errors import (
    DomainError,
    ImageRefused,
    RateLimitExceeded,
    ServiceUnavailable,
    ValidationFailed,
)
from webapp.domain.queries import verifications as queries
from webapp.domain.queries.verifications import DeepSearchState, Match, Report
from webapp.domain.services import verifications
from webapp.domain.services.recognition import Registry
from webapp.domain.services.verifications import VERIFIED_IMAGE
from webapp.extensions import cache, db, examiner, storage, unit_of_work
from webapp.http import bodies, buckets, metrics, rate_limits
from webapp.http.access import own_transactions, public
from webapp.http.errors import message
from webapp.pages import verification_words, words
from webapp.pages.fragments import is_fragment

blueprint = Blueprint("verifications", __name__)
FORM_BYTES = VERIFIED_IMAGE.max_bytes + (1 << 20)  # a file that is too large gets its own error
NO_MATCHES: list[Match] = []


@blueprint.get("/verify")
@public
def show() -> str:
    """Show the form for a picture."""
    return _page("show")


@blueprint.post("/verify")
@rate_limits.limited(buckets.VERIFICATIONS)
@bodies.accepts(FORM_BYTES, from_anyone=True)
@own_transactions
@public
def verify() -> str | Response:
    """Show the certificates of a picture, and queue a search where there are none."""
    try:
        found = verifications.verify(
            Registry(unit_of_work, storage(), examiner()),
            cache(),
            bodies.picture_to_verify(),
            admit_search=rate_limits.count_deep_search,
            request_id=g.request_id,
        )
    except (ImageRefused, ValidationFailed, ServiceUnavailable, RateLimitExceeded) as error:
        return _refused(error)
    metrics.VERIFICATIONS.labels(found.report.method).inc()
    name = "report" if is_fragment() else "show"
    return _page(name, report=found.report, matches=found.matches, search=found.search)


@blueprint.get("/verify/<search_id>")
@public
def read(search_id: str) -> str:
    """Show a deep search, which is there for ten minutes; for htmx, only its outcome."""
    search = queries.deep_search(db.session(), search_id)
    name = "outcome" if is_fragment() else "show"
    return _page(name, report=search.report, matches=search.matches, search=search)


def _page(
    name: str,
    *,
    report: Report | None = None,
    matches: list[Match] = NO_MATCHES,
    search: DeepSearchState | None = None,
    problem: str = "",
) -> str:
    return render_template(
        f"verifications/{name}.html",
        report=report,
        matches=matches,
        search=search,
        problem=problem,
        texts=verification_words,
    )


def _refused(error: DomainError) -> Response:
    """Show why a picture was not examined, beside the form."""
    wait = error.details.get("retry_after")
    name = "report" if is_fragment() else "show"
    response = make_response(_page(name, problem=_problem(error)), error.status)
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    return response


def _problem(error: DomainError) -> str:
    if isinstance(error, RateLimitExceeded):
        return message(error)
    if isinstance(error, ServiceUnavailable):
        return verification_words.busy(words.duration(error.details.get("retry_after")))
    # A form without one file has no code of its own.
    return str(verification_words.BAD_FILES.get(error.code, verification_words.NO_FILE))
