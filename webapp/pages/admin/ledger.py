"""/admin/ledger: transfers of tokens, by user, kind, picture, payment and month."""

from datetime import UTC, datetime
from typing import Annotated

from flask import Blueprint, render_template
from pydantic import Field

from webapp.domain.models.ledger import TransferKind
from webapp.domain.queries import ledger as ledger_queries, moderation as moderation_queries
from webapp.domain.queries.ledger import LedgerFilter
from webapp.extensions import db
from webapp.http import bodies
from webapp.http.access import admin
from webapp.pages.admin import forms
from webapp.schemas.fields import PageQuery, SeenText

blueprint = Blueprint("ledger", __name__)
DECEMBER = 12
Month = Annotated[str, Field(pattern=r"^[12]\d{3}-(0[1-9]|1[0-2])$")]


class LedgerQuery(PageQuery):
    """GET /admin/ledger."""

    person: forms.Person | None = None
    kind: TransferKind | None = None
    generation_id: forms.Picture | None = None
    order_id: Annotated[SeenText, Field(max_length=64)] | None = None
    month: Month | None = None


@blueprint.get("/ledger")
@admin
def index() -> str:
    """Show transfers, newest first."""
    query = forms.query(LedgerQuery)
    session = db.session()
    since, until = _bounds(query.month)
    person = moderation_queries.user_named(session, query.person) if query.person else None
    filters = LedgerFilter(
        user_id=forms.sought_id(person, query.person),
        kind=query.kind,
        generation_id=forms.picture_number(query.generation_id),
        order_id=query.order_id,
        since=since,
        until=until,
    )
    page = ledger_queries.transfers(session, filters=filters, page=bodies.page(query))
    return render_template("admin/ledger.html", page=page, query=query, person=person)


def _bounds(month: str | None) -> tuple[datetime | None, datetime | None]:
    """Return the start of a month and of the next one, in UTC."""
    if month is None:
        return None, None
    year, number = (int(part) for part in month.split("-"))
    following = (year + 1, 1) if number == DECEMBER else (year, number + 1)
    return datetime(year, number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
