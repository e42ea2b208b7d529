"""/admin/operations: stuck jobs, queue depths and heartbeats."""

from datetime import UTC, datetime

from flask import Blueprint, render_template
from werkzeug.wrappers import Response

from webapp.domain.services import heartbeats, operations, stuck_jobs
from webapp.extensions import db
from webapp.http.access import admin, user
from webapp.pages.admin import forms
from webapp.pages.admin.forms import ActionForm

blueprint = Blueprint("operations", __name__)


@blueprint.get("/operations")
@admin
def index() -> str:
    """Show jobs, queues and heartbeats from the database; the broker is not queried."""
    session = db.session()
    return render_template(
        "admin/operations.html",
        stuck=stuck_jobs.stuck(session),
        dead=stuck_jobs.dead(session),
        queues=operations.queues(session),
        LEDGER=heartbeats.LEDGER,
        heartbeats=heartbeats.latest(session),
        now=datetime.now(UTC),
    )


@blueprint.post("/operations/<id:job_id>")
@admin
def retry(job_id: int) -> Response:
    """Publish a waiting job now."""

    def action() -> str:
        form = forms.form(ActionForm)
        stuck_jobs.publish_now(db.session(), admin=user(), job_id=job_id, reason=form.reason)
        return "queued"

    return forms.respond(action)
