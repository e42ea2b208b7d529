"""/admin/log: the audit log of administrators."""

from typing import Annotated

from flask import Blueprint, render_template
from pydantic import Field

from webapp.domain.queries import audit as audit_queries, moderation as moderation_queries
from webapp.domain.queries.audit import AuditFilter
from webapp.extensions import db
from webapp.http import bodies
from webapp.http.access import admin
from webapp.pages.admin import forms
from webapp.schemas.fields import PageQuery, SeenText

blueprint = Blueprint("log", __name__)


class LogQuery(PageQuery):
    """GET /admin/log."""

    object_type: Annotated[SeenText, Field(max_length=20)] | None = None
    object_id: Annotated[SeenText, Field(max_length=40)] | None = None
    admin: forms.Person | None = None


@blueprint.get("/log")
@admin
def index() -> str:
    """Show the audit log, newest first."""
    query = forms.query(LogQuery)
    session = db.session()
    person = moderation_queries.user_named(session, query.admin) if query.admin else None
    filters = AuditFilter(
        object_type=query.object_type,
        object_id=query.object_id,
        admin_id=forms.sought_id(person, query.admin),
    )
    page = audit_queries.changes(session, filters=filters, page=bodies.page(query))
    return render_template("admin/log.html", page=page, query=query)
