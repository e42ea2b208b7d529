"""/admin/work: jobs that are stuck, the depth of the queues, and who was heard of when."""

from datetime import UTC, datetime

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.services import heartbeats, operations, stuck_jobs
from webapp.extensions import db
from webapp.http.access import admin, user
from webapp.pages.admin import answers
from webapp.pages.admin.answers import ActForm

blueprint = Blueprint("work", __name__)


@blueprint.get("/work")
@admin
def index() -> str:
    """Show work as the job table and the heartbeats tell it; the broker is not asked."""
    session = db.session()
    return render_template(
        "admin/work.html",
        stuck=stuck_jobs.stuck(session),
        dead=stuck_jobs.dead(session),
        queues=operations.queues(session),
        heard=heartbeats.latest(session),
        now=datetime.now(UTC),
    )


@blueprint.post("/work/<id:job_id>")
@admin
def ring(job_id: int) -> Response:
    """Ring a waiting job now."""

    def act() -> str:
        form = answers.given(ActForm)
        stuck_jobs.publish_now(db.session(), admin=user(), job_id=job_id, reason=form.reason)
        return "rung"

    return answers.answer(act)
