"""The numbers in the header of every page of a user: spendable tokens, unread notifications.

One statement reads both, and first marks as read what the page shows.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.models.notification import Notification
from webapp.domain.services import ledger, notifications
from webapp.domain.services.notifications import Subject


@dataclass(frozen=True, slots=True)
class PageHeader:
    """Spendable tokens and unread notifications, of which at most `most_unread` are counted."""

    balance: int
    unread: int


def read(session: Session, user_id: int, *seen: Subject, most_unread: int) -> PageHeader:
    """Mark as read what a user was told of the `seen` subjects; return the numbers after that."""
    unread = notifications.unread(user_id)
    if seen:
        # Both parts of a statement see the rows as they were before it.
        marked = notifications.marking(user_id, *seen).cte("marked")
        unread = unread.where(Notification.id.not_in(select(marked.c.id)))
    count = select(func.count()).select_from(unread.limit(most_unread).subquery())
    row = session.execute(
        select(
            func.coalesce(ledger.spendable_balance(user_id).scalar_subquery(), 0).label("balance"),
            count.scalar_subquery().label("unread"),
        )
    ).one()
    return PageHeader(row.balance, row.unread)
