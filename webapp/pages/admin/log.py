"""/admin/log: what administrators changed, from what to what, and why."""

from typing import Annotated

from flask import Blueprint, render_template
from pydantic import Field

from webapp.domain.queries import moderation as moderation_queries
from webapp.domain.queries.moderation import AuditFilter
from webapp.extensions import db
from webapp.http import bodies
from webapp.http.access import admin
from webapp.pages.admin import answers
from webapp.schemas.fields import PageQuery, SeenText

blueprint = Blueprint("log", __name__)


class LogQuery(PageQuery):
    """GET /admin/log."""

    object_type: Annotated[SeenText, Field(max_length=20)] | None = None
    object_id: Annotated[SeenText, Field(max_length=40)] | None = None
    admin: Annotated[SeenText, Field(max_length=100)] | None = None


@blueprint.get("/log")
@admin
def index() -> str:
    """Show the audit log, newest first."""
    asked = answers.asked(LogQuery)
    session = db.session()
    person = asked.admin and moderation_queries.named(session, asked.admin)
    wanted = AuditFilter(
        object_type=asked.object_type,
        object_id=asked.object_id,
        admin_id=person["id"] if person else 0 if asked.admin else None,
    )
    page = moderation_queries.audit(session, wanted=wanted, page=bodies.page(asked))
    return render_template("admin/log.html", page=page, asked=asked)
