"""Count views of the pages of styles by day; a view that cannot be counted at once is left out."""

from datetime import date, timedelta

from sqlalchemy import ColumnElement, delete, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import market
from webapp.domain.models.style_view import StyleView
from webapp.domain.pieces import is_among

KEPT_DAYS = 400  # so that a day can be compared with that of the year before


def count(session: Session, *, style_id: int, day: date) -> None:
    """Count one view.

    All views of a style on a day are one row, which is locked from here to the commit: let nothing
    else happen in this transaction.
    """
    row = insert(StyleView).values(style_id=style_id, day=day, views=1)
    same = [StyleView.style_id, StyleView.day]
    session.execute(
        row.on_conflict_do_update(index_elements=same, set_={"views": StyleView.views + 1})
    )


def purge(session: Session, *, limit: int) -> int:
    """Delete at most `limit` rows of days that are no longer kept; return how many."""
    # Where a row is stored; it does not change while the row is locked.
    row: ColumnElement[str] = literal_column("ctid")
    old = (
        select(row)
        .select_from(StyleView)
        .where(StyleView.day < market.today() - timedelta(days=KEPT_DAYS))
        .order_by(StyleView.day)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    deleted = session.execute(delete(StyleView).where(is_among(row, old)).returning(StyleView.day))
    return len(deleted.all())
