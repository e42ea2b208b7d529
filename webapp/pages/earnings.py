"""What an artist earned, for the wallet: by style and by month, with payouts and statements."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from webapp.domain.queries import (
    earnings as earning_queries,
    payouts as payout_queries,
    styles as style_queries,
)
from webapp.domain.queries.pagination import MAX_LIMIT, PageRequest
from webapp.domain.queries.payouts import PayoutView
from webapp.domain.queries.styles import OwnStyleCard
from webapp.domain.services import payouts
from webapp.extensions import db, storage
from webapp.http.access import user
from webapp.pages import clock, statements

STYLES_SHOWN = MAX_LIMIT
MONTHS_EARNED = 12
PAYOUTS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Earnings:
    """An artist's earnings: styles, most tokens first, and tokens by month, oldest first.

    Payout requests and the months of statements are listed newest first; `payable` are the earned
    tokens that can be paid out.
    """

    styles: list[OwnStyleCard]
    months: list[tuple[datetime, int]]
    sold: int
    payouts: list[PayoutView]
    payable: int
    statements: list[date]


def own_earnings() -> Earnings | None:
    """Return the earnings of the signed-in artist by style and by month; None for others."""
    artist = user().artist
    if artist is None:
        return None
    styles = style_queries.own(
        db.session(), storage(), artist_id=user().id, page=PageRequest(limit=STYLES_SHOWN)
    ).results
    first = clock.month_of(datetime.now(UTC))
    edges = [clock.month_after(first)]
    for _ in range(MONTHS_EARNED):
        edges.append(first)
        first = clock.month_before(first)
    edges.reverse()
    amounts = earning_queries.between(db.session(), user().id, edges)
    return Earnings(
        styles=sorted(styles, key=lambda style: -style.total_earned_tokens),
        months=list(zip(edges, amounts, strict=False)),
        sold=sum(style.usage_count for style in styles),
        payouts=payout_queries.own(
            db.session(), user_id=user().id, page=PageRequest(limit=PAYOUTS_SHOWN)
        ).results,
        payable=payouts.payable(db.session(), user().id),
        statements=statements.months_since(artist.created_at),
    )
