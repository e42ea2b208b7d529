"""/report: report a style, picture, comment, user, tag or collection."""

from flask import Blueprint, render_template, request
from flask_babel import LazyString, gettext, lazy_gettext as _
from pydantic import ValidationError

from webapp.domain.errors import DuplicateReport, Unauthorized, ValidationFailed
from webapp.domain.models.report import ReportReason, ReportTarget
from webapp.domain.services import reports
from webapp.extensions import db
from webapp.http import bodies
from webapp.http.access import public, signed_in, user, viewer
from webapp.pages import problems
from webapp.pages.fragments import is_fragment
from webapp.pages.problems import Problems
from webapp.schemas.fields import Body, Id
from webapp.schemas.reports import ReportRequest

blueprint = Blueprint("reports", __name__)
MAX_CHARACTERS = 1000
CONTINUE = "continue"  # the button of visitors, who are led to sign-in by it
REASONS: dict[str, LazyString] = {
    ReportReason.COPYRIGHT: _("It copies somebody else's artwork"),
    ReportReason.SEXUAL: _("It is sexual"),
    ReportReason.HATE: _("It is hateful or violent"),
    ReportReason.SPAM: _("It is spam"),
    ReportReason.IMPERSONATION: _("It impersonates somebody"),
    ReportReason.OTHER: _("Other"),
}
TARGETS: dict[str, tuple[LazyString, str]] = {
    ReportTarget.STYLE: (_("Report this style"), "/styles/{}"),
    ReportTarget.GENERATION: (_("Report this picture"), "/g/{}"),
    ReportTarget.COMMENT: (_("Report this comment"), "/comments/{}"),
    ReportTarget.USER: (_("Report this user"), "/users/{}"),
    ReportTarget.TAG: (_("Report this tag"), "/"),
    ReportTarget.COLLECTION: (_("Report this collection"), "/collections/{}"),
}


class Reported(Body):
    """The subject of a report."""

    target_type: ReportTarget
    target_id: Id


@blueprint.get("/report")
@public
def show() -> str:
    """Show the report form; to visitors its reasons, which lead to sign-in and back to the form."""
    target = bodies.query(Reported)
    reports.check(db.session(), viewer(), target.target_type, target.target_id)
    if viewer().user_id is None and CONTINUE in request.args:
        raise Unauthorized
    return _form(target)


@blueprint.post("/report")
@signed_in
def report() -> str | tuple[str, int]:
    """Save a report, once per user and subject."""
    target = bodies.form_body(Reported)
    try:
        fields = bodies.form_body(ReportRequest)
    except ValidationError as error:
        usual = {
            "reason": gettext("Please choose a reason."),
            "text": gettext("At most %(most)d characters.", most=MAX_CHARACTERS),
        }
        names = {str(problem["loc"][0]) for problem in error.errors()}
        texts = {name: problems.text_of(error, name, usual.get(name, "")) for name in names}
        return _form(target, texts), ValidationFailed.status
    try:
        reports.report(db.session(), user=user(), **fields.model_dump())
    except DuplicateReport as error:
        return _form(target, message=gettext(error.code)), error.status
    text = gettext(
        "Thank you. A moderator will look at it, and we will notify you of the decision."
    )
    return _form(target, message=text)


def _form(target: Reported, texts: Problems | None = None, message: str = "") -> str:
    title, path = TARGETS[target.target_type]
    in_dialog = is_fragment()
    return render_template(
        "reports/form.html" if in_dialog else "reports/show.html",
        level=2 if in_dialog else 1,
        target=target,
        title=title,
        back=path.format(target.target_id),
        reasons=REASONS,
        form=request.args if request.method == "GET" else request.form,
        is_visitor=viewer().user_id is None,
        go_on=CONTINUE,
        problems=texts or {},
        message=message,
    )
