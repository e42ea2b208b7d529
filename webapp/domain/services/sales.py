"""Notifications of what artists sold on a day, one for each style."""

from datetime import date

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.domain import market
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Transfer, TransferKind
from webapp.domain.models.notification import NotificationType
from webapp.domain.models.style import Style
from webapp.domain.services import notifications

SOLD, REFUNDED = TransferKind.PAYOUT, TransferKind.REVERSAL


def notify(session: Session, day: date) -> int:
    """Notify each artist of the images sold and refunded on a date of the market; return how many.

    One notification for each style and date, with the numbers of images and tokens: a second call
    adds none. Artists whose account is closed are left out.
    """
    first, next_first = market.bounds(day)
    rows = session.execute(
        select(
            Generation.style_id,
            Style.artist_id,
            _images(SOLD).label("sold"),
            _tokens(SOLD).label("earned"),
            _images(REFUNDED).label("refunded"),
            _tokens(REFUNDED).label("returned"),
        )
        .select_from(Transfer)
        .join(Generation, Generation.id == Transfer.generation_id)
        .join(Style, Style.id == Generation.style_id)
        .join(User, User.id == Style.artist_id)
        .where(
            Transfer.kind.in_((SOLD, REFUNDED)),
            Transfer.created_at >= first,
            Transfer.created_at < next_first,
            User.is_active,
        )
        .group_by(Generation.style_id, Style.artist_id)
    )
    made = [
        notifications.notify(
            session,
            row.artist_id,
            NotificationType.STYLE_SALES,
            target_type="style",
            target_id=row.style_id,
            event=f"{row.style_id}:{day}",
            details={
                "day": str(day),
                "sold": row.sold,
                "earned": int(row.earned),
                "refunded": row.refunded,
                "returned": int(row.returned),
            },
        )
        for row in rows
    ]
    return sum(each is not None for each in made)


def _images(kind: TransferKind) -> ColumnElement[int]:
    return func.count().filter(Transfer.kind == kind)


def _tokens(kind: TransferKind) -> ColumnElement[int]:
    return func.coalesce(func.sum(Transfer.amount).filter(Transfer.kind == kind), 0)
