"""/admin: the moderation queue, and hidden items."""

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.models.report import ReportTarget
from webapp.domain.queries import attention, audit as audit_queries, cases as case_queries
from webapp.domain.services import cases as services
from webapp.domain.services.cases import Verdict
from webapp.extensions import db, storage
from webapp.http import bodies
from webapp.http.access import admin, user
from webapp.pages.admin import actions, forms
from webapp.schemas.admin import Reason
from webapp.schemas.fields import Body, PageQuery

blueprint = Blueprint("cases", __name__)


class QueueQuery(PageQuery):
    """GET /admin."""

    target_type: ReportTarget | None = None


class VerdictForm(Body):
    """The verdict on a case, and its reason."""

    action: Verdict
    reason: Reason


@blueprint.get("")
@admin
def queue() -> str:
    """Show open cases, oldest first."""
    query = forms.query(QueueQuery)
    page = case_queries.open_cases(
        db.session(), storage(), target_type=query.target_type, page=bodies.page(query)
    )
    return render_template(
        "admin/cases.html",
        page=page,
        target_type=query.target_type,
        attention=attention.counts(db.session()),
        verdicts=lambda case: actions.verdicts(case, user().id),
    )


@blueprint.get("/flagged")
@admin
def flagged() -> str:
    """Show hidden items."""
    page = case_queries.flagged(db.session(), storage(), page=bodies.page(forms.query(PageQuery)))
    hidings = audit_queries.hidings(
        db.session(), [(each.target_type, each.target_id) for each in page.results]
    )
    return render_template("admin/flagged.html", page=page, hidings=hidings)


@blueprint.post("/cases/<target_type>/<id:target_id>")
@admin
def decide(target_type: str, target_id: int) -> Response:
    """Decide a case: hide, close the account, or dismiss."""

    def action() -> str:
        form = forms.form(VerdictForm)
        services.decide(
            db.session(),
            admin=user(),
            target_type=_target(target_type),
            target_id=target_id,
            verdict=form.action,
            reason=form.reason,
        )
        return form.action

    return forms.respond(action, _count)


def _count() -> str:
    count = attention.counts(db.session()).cases
    return render_template("admin/case_count.html", count=count, is_news=True)


def _target(name: str) -> ReportTarget:
    try:
        return ReportTarget(name)
    except ValueError:
        raise forms.unknown_action() from None
