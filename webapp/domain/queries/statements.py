"""Read the statement of an artist's earned tokens over a period: it adds up to the ledger."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import (
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Account, Transfer, TransferKind
from webapp.domain.models.payout import PayoutRequest
from webapp.domain.models.style import Style
from webapp.domain.queries import earnings, postings
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest


@dataclass(frozen=True)
class Side:
    """The transfers on one side of an artist's accounts, with the sign of their tokens."""

    account_id: postings.Side
    kinds: tuple[TransferKind, ...]
    sign: int


CREDITED = Side(Transfer.credit_account_id, earnings.ADDED_TO_EARNED, 1)
# A settlement leaves the payout account: it is listed with the money, and takes no earned tokens.
DEBITED = Side(
    Transfer.debit_account_id,
    (*earnings.TAKEN_FROM_EARNED, TransferKind.PAYOUT_SETTLEMENT),
    -1,
)


@dataclass(frozen=True, slots=True)
class Period:
    """Whose earned tokens, and when: it begins with `since` and ends before `until`."""

    user_id: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Total:
    """How many lines a kind has, and their tokens: below zero where they were taken."""

    count: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Statement:
    """The earned tokens of a period: balances and totals."""

    period: Period
    opening: int
    closing: int
    totals: dict[TransferKind, Total]


@dataclass(frozen=True, slots=True)
class Line:
    """One transfer of a statement.

    `tokens` is below zero where they were taken, and zero for a settlement, which has `paid_krw`
    and `reference`; so has its reversal, where `paid_krw` is below zero. `public_id` is that of the
    picture's certificate.
    """

    id: int
    created_at: datetime
    kind: TransferKind
    style: str | None
    public_id: str | None
    tokens: int
    balance: int | None
    paid_krw: int | None
    reference: str | None


def summary(session: Session, period: Period) -> Statement:
    """Return the balances and the totals of a period."""
    opening, closing = earnings.balances_before(
        session, period.user_id, [period.since, period.until]
    )
    totals = session.execute(union_all(*(_totals(side, period) for side in (CREDITED, DEBITED))))
    return Statement(
        period=period,
        opening=opening,
        closing=closing,
        totals={TransferKind(row.kind): Total(row.lines, int(row.tokens)) for row in totals},
    )


def lines(session: Session, period: Period, page: PageRequest) -> Page[Line]:
    """List the lines of a period, oldest first."""
    keyset = Keyset(
        [(Transfer.created_at, "created_at", datetime), (Transfer.id, "id", int)],
        {"list": "statement", **asdict(period)},
        descending=False,
    )
    sides = (
        postings.on_side(
            side.account_id,
            user_id=period.user_id,
            kinds=side.kinds,
            conditions=postings.within(period.since, period.until),
            keyset=keyset,
            page=page,
        )
        for side in (CREDITED, DEBITED)
    )
    first = union_all(*sides).subquery("first")
    selected = keyset.on(first.c).apply(select(first), page).subquery("selected")
    rows = session.execute(
        select(
            Transfer.id,
            Transfer.created_at,
            Transfer.kind,
            Transfer.amount,
            Transfer.credit_balance_after,
            Transfer.debit_balance_after,
            Style.name.label("style"),
            Generation.license_public_id.label("public_id"),
            PayoutRequest.paid_krw,
            PayoutRequest.reference,
        )
        .select_from(selected)
        .join(Transfer, Transfer.id == selected.c.id)
        .outerjoin(Generation, Generation.id == Transfer.generation_id)
        .outerjoin(Style, Style.id == Generation.style_id)
        .outerjoin(
            PayoutRequest,
            and_(
                PayoutRequest.user_id == period.user_id,
                Transfer.kind.in_((TransferKind.PAYOUT_SETTLEMENT, TransferKind.PAYOUT_REVERSAL)),
                Transfer.idempotency_key.in_(
                    literal(prefix) + cast(PayoutRequest.id, Text)
                    for prefix in ("payout_outcome:", "payout_reversal:")
                ),
            ),
        )
        .order_by(selected.c.created_at, selected.c.id)
    ).all()
    return keyset.page(rows, page, _line)


def _totals(side: Side, period: Period) -> AnySelect:
    tokens = case((Transfer.kind == TransferKind.PAYOUT_SETTLEMENT, 0), else_=Transfer.amount)
    return (
        select(
            Transfer.kind,
            func.count().label("lines"),
            (func.sum(tokens) * side.sign).label("tokens"),
        )
        .join(Account, Account.id == side.account_id)
        .where(
            Account.owner_id == period.user_id,
            Transfer.kind.in_(side.kinds),
            *postings.within(period.since, period.until),
        )
        .group_by(Transfer.kind)
    )


def _line(row: AnyRow) -> Line:
    is_credit = row.kind in CREDITED.kinds
    is_settlement = row.kind == TransferKind.PAYOUT_SETTLEMENT
    tokens = row.amount if is_credit else -row.amount
    balance = row.credit_balance_after if is_credit else row.debit_balance_after
    return Line(
        id=row.id,
        created_at=row.created_at,
        kind=TransferKind(row.kind),
        style=row.style,
        public_id=row.public_id,
        tokens=0 if is_settlement else tokens,
        balance=None if is_settlement else balance,
        paid_krw=-row.paid_krw if row.kind == TransferKind.PAYOUT_REVERSAL else row.paid_krw,
        reference=row.reference,
    )
