"""/admin: the moderation queue – what was reported, and what is hidden."""

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.models.report import ReportTarget
from webapp.domain.queries import attention
from webapp.domain.queries import cases as case_queries
from webapp.domain.services import cases as services
from webapp.domain.services.cases import Verdict
from webapp.extensions import db, storage
from webapp.http import bodies
from webapp.http.access import admin, user
from webapp.pages.admin import acts, answers
from webapp.schemas.admin import Reason
from webapp.schemas.fields import Body, PageQuery

blueprint = Blueprint("cases", __name__)


class QueueQuery(PageQuery):
    """GET /admin."""

    target_type: ReportTarget | None = None


class VerdictForm(Body):
    """How a case ends, and why."""

    act: Verdict
    reason: Reason


@blueprint.get("")
@admin
def queue() -> str:
    """Show what was reported, the one that waits longest first."""
    asked = answers.asked(QueueQuery)
    page = case_queries.open_cases(
        db.session(), storage(), target_type=asked.target_type, page=bodies.page(asked)
    )
    return render_template(
        "admin/cases.html",
        page=page,
        target_type=asked.target_type,
        waiting=attention.wanted(db.session()),
        verdicts=lambda case: acts.verdicts(case, user().id),
    )


@blueprint.get("/flagged")
@admin
def flagged() -> str:
    """Show what administrators have hidden."""
    page = case_queries.flagged(db.session(), storage(), page=bodies.page(answers.asked(PageQuery)))
    return render_template("admin/flagged.html", page=page)


@blueprint.post("/cases/<target_type>/<id:target_id>")
@admin
def decide(target_type: str, target_id: int) -> Response:
    """End a case: hide, close the account too, or dismiss."""

    def act() -> str:
        form = answers.given(VerdictForm)
        services.decide(
            db.session(),
            admin=user(),
            target_type=_target(target_type),
            target_id=target_id,
            verdict=form.act,
            reason=form.reason,
        )
        return form.act

    return answers.answer(act)


def _target(named: str) -> ReportTarget:
    try:
        return ReportTarget(named)
    except ValueError:
        raise answers.unknown_act() from None
