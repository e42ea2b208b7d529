"""/verify: whose picture is this, and may it be used? Nothing of an upload is kept."""

from http import HTTPStatus

from flask import Blueprint, render_template

from webapp.domain.errors import DomainError, ImageRefused, ValidationFailed
from webapp.domain.queries import verifications as queries
from webapp.domain.queries.verifications import DeepSearchState, ShownReport
from webapp.domain.services.verifications import Verification
from webapp.extensions import db
from webapp.http.access import own_transactions, public
from webapp.http.verifications import takes_picture, verified
from webapp.pages import verification_words
from webapp.pages.fragments import is_fragment

blueprint = Blueprint("verifications", __name__)


@blueprint.get("/verify")
@public
def show() -> str:
    """Show the form for a picture."""
    return _page()


@blueprint.post("/verify")
@takes_picture
@own_transactions
@public
def verify() -> str | tuple[str, int]:
    """Show the certificates of a picture; for htmx, only the report."""
    try:
        verification = verified()
    except (ImageRefused, ValidationFailed) as error:
        return _page(problem=_problem(error)), error.status
    return _page(verification, verification.search)


@blueprint.get("/verify/<search_id>")
@public
def search(search_id: str) -> str | tuple[str, int]:
    """Show what a deep search found; for htmx, nothing while it is not finished."""
    found = queries.deep_search(db.session(), search_id)
    if found.is_open and is_fragment():
        return "", HTTPStatus.NO_CONTENT
    return _page(found.report, found)


def _page(
    report: Verification | ShownReport | None = None,
    search: DeepSearchState | None = None,
    *,
    problem: str = "",
) -> str:
    return render_template(
        f"verifications/{'report' if is_fragment() else 'show'}.html",
        report=report,
        search=search,
        problem=problem,
        texts=verification_words,
    )


def _problem(error: DomainError) -> str:
    """Return why a file is refused; a form without one file has no code of its own."""
    return str(verification_words.BAD_FILES.get(error.code, verification_words.NO_FILE))
