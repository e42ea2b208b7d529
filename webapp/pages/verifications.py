"""/verify: whose picture is this, and may it be used? Nothing of an upload is kept."""

from http import HTTPStatus

from flask import Blueprint, Response, make_response, render_template

from webapp.domain.errors import (
    DomainError,
    RateLimitExceeded,
    ServiceUnavailable,
    ValidationFailed,
)
from webapp.domain.image_errors import ImageRefused
from webapp.domain.queries import verifications as queries
from webapp.domain.queries.verifications import DeepSearchState, ShownReport
from webapp.domain.services.verifications import Verification
from webapp.extensions import db
from webapp.http.access import own_transactions, public
from webapp.http.errors import message
from webapp.http.verifications import takes_picture, verified
from webapp.pages import verification_words, words
from webapp.pages.fragments import is_fragment

blueprint = Blueprint("verifications", __name__)


@blueprint.get("/verify")
@public
def show() -> str:
    """Show the form for a picture."""
    return _page("show")


@blueprint.post("/verify")
@takes_picture
@own_transactions
@public
def verify() -> str | Response:
    """Show the certificates of a picture; for htmx, only the report."""
    try:
        verification = verified()
    except (ImageRefused, ValidationFailed, ServiceUnavailable, RateLimitExceeded) as error:
        return _refused(error)
    return _page("report" if is_fragment() else "show", _known(verification), verification.search)


@blueprint.get("/verify/<search_id>")
@public
def search(search_id: str) -> str | tuple[str, int]:
    """Show what a deep search found; for htmx its outcome, nothing while it is not finished."""
    found = queries.deep_search(db.session(), search_id)
    if found.is_open and is_fragment():
        return "", HTTPStatus.NO_CONTENT
    return _page("outcome" if is_fragment() else "show", found.report, found)


def _known(verification: Verification) -> ShownReport:
    """Return all that is known: the same file sent again may find its deep search at its end."""
    deep = verification.search.report if verification.search else None
    return verification if deep is None else verification.followed_by(deep)


def _page(
    name: str,
    report: ShownReport | None = None,
    search: DeepSearchState | None = None,
    *,
    problem: str = "",
) -> str:
    return render_template(
        f"verifications/{name}.html",
        report=report,
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
