"""/verify: whose picture is this, and may it be used? Nothing of an upload is kept."""

from flask import Blueprint, render_template

from webapp.domain.errors import DomainError, ImageRefused, ValidationFailed
from webapp.domain.services import verifications
from webapp.domain.services.verifications import VERIFIED_IMAGE, Verification
from webapp.extensions import unit_of_work
from webapp.http import bodies, buckets, rate_limits
from webapp.http.access import own_transactions, public
from webapp.pages import verification_words
from webapp.pages.fragments import is_fragment

blueprint = Blueprint("verifications", __name__)
FORM_BYTES = VERIFIED_IMAGE.max_bytes + (1 << 20)  # a file that is too large gets its own error


@blueprint.get("/verify")
@public
def show() -> str:
    """Show the form for a picture."""
    return _page()


@blueprint.post("/verify")
@rate_limits.limited(buckets.VERIFICATIONS)
@bodies.accepts(FORM_BYTES, from_anyone=True)
@own_transactions
@public
def verify() -> str | tuple[str, int]:
    """Show the certificates of a picture; for htmx, only the report."""
    try:
        report = verifications.verify(unit_of_work, bodies.picture_to_verify())
    except (ImageRefused, ValidationFailed) as error:
        return _page(problem=_problem(error)), error.status
    return _page(report)


def _page(report: Verification | None = None, *, problem: str = "") -> str:
    return render_template(
        f"verifications/{'report' if is_fragment() else 'show'}.html",
        report=report,
        problem=problem,
        texts=verification_words,
    )


def _problem(error: DomainError) -> str:
    """Return why a file is refused; a form without one file has no code of its own."""
    return str(verification_words.BAD_FILES.get(error.code, verification_words.NO_FILE))
