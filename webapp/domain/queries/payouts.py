"""Read payout requests: an artist's own, and those that administrators decide."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, literal, select
from sqlalchemy.orm import Session

from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.ledger import Account, AccountKind
from webapp.domain.models.payment import Product, Purchase, PurchaseStatus
from webapp.domain.models.payout import PayoutRequest, PayoutStatus
from webapp.domain.models.style import Style
from webapp.domain.queries.answers import extended
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.services import ledger


@dataclass(frozen=True, slots=True)
class PayoutView:
    """A payout request, as its artist sees it; amounts in tokens and KRW."""

    id: int
    amount_tokens: int
    amount_krw: int
    status: PayoutStatus
    paid_krw: int | None
    reference: str | None
    note: str
    created_at: datetime
    ended_at: datetime | None
    returned_at: datetime | None
    return_note: str | None


@dataclass(frozen=True, slots=True)
class PaidArtist:
    """The artist of a payout request; `email` is verified by the identity provider.

    A deleted artist has placeholders as names, and no e-mail address.
    """

    id: int
    username: str
    artist_name: str
    email: str
    is_active: bool
    is_deleted: bool
    earned_token_balance: int


@dataclass(frozen=True, slots=True)
class DecidedPayout(PayoutView):
    """A payout request, as administrators see it."""

    artist: PaidArtist


@dataclass(frozen=True, slots=True)
class Sources:
    """Where an artist's tokens came from: sales to others that were not refunded, in tokens.

    `unpaid` of them came from `unpaid_buyers` buyers who never paid for tokens, so from bonuses,
    from operators, or from what these buyers earned themselves.
    """

    sold: int = 0
    unpaid: int = 0
    unpaid_buyers: int = 0


def own(session: Session, *, user_id: int, page: PageRequest) -> Page[PayoutView]:
    """List an artist's payout requests, newest first."""
    keyset = Keyset(_COLUMNS, {"list": "payouts", "user_id": user_id})
    statement = select(*PayoutRequest.__table__.columns).where(PayoutRequest.user_id == user_id)
    return keyset.page(session.execute(keyset.apply(statement, page)).all(), page, _view)


def one(session: Session, *, payout_id: int) -> PayoutView:
    """Return one request as its artist sees it."""
    statement = select(*PayoutRequest.__table__.columns).where(PayoutRequest.id == payout_id)
    return _view(session.execute(statement).one())


def may_be_returned(session: Session, user_id: int) -> bool:
    """Tell whether an artist was paid: the bank may still return the money."""
    paid = (PayoutRequest.user_id == user_id) & (PayoutRequest.status == PayoutStatus.SETTLED)
    return bool(session.scalar(select(exists().where(paid))))


def queue(
    session: Session, *, status: PayoutStatus | None, page: PageRequest
) -> Page[DecidedPayout]:
    """List the requests of all artists, oldest first."""
    keyset = Keyset(_COLUMNS, {"list": "all payouts", "status": status}, descending=False)
    chosen: list[ColumnElement[bool]] = [] if status is None else [PayoutRequest.status == status]
    ids = keyset.apply(select(PayoutRequest.id).where(*chosen), page)
    rows = session.execute(keyset.look_up(_with_artists(), ids)).all()
    return keyset.page(rows, page, _decided)


def decided(session: Session, *, payout_id: int) -> DecidedPayout:
    """Return one request as administrators see it."""
    return _decided(session.execute(_with_artists().where(PayoutRequest.id == payout_id)).one())


def sources(session: Session, artist_ids: Collection[int]) -> dict[int, Sources]:
    """Return where the tokens of artists came from; artists who sold nothing to others are absent.

    A purchase whose money went back does not count as paid.
    """
    buyer = (
        select(
            Style.artist_id, Generation.user_id, func.sum(Generation.price_tokens).label("tokens")
        )
        .join(Style, Style.id == Generation.style_id)
        .where(
            Style.artist_id.in_(artist_ids),
            # In the words of the index ix_generations_sold.
            Generation.status == GenerationStatus.COMPLETED,
            Generation.price_tokens > 0,
            Generation.user_id != Style.artist_id,
            ~ledger.is_reversed(),
        )
        .group_by(Style.artist_id, Generation.user_id)
        .subquery()
    )
    # With a limit it is looked up for each buyer; without, all purchases would be read.
    paid = (
        select(literal(1))
        .where(
            Purchase.user_id == buyer.c.user_id,
            Purchase.status == PurchaseStatus.PAID,
            Purchase.product == Product.TOKENS,
        )
        .limit(1)
        .scalar_subquery()
    )
    known = select(buyer, paid.is_(None).label("is_unpaid")).subquery()
    rows = session.execute(
        select(
            known.c.artist_id,
            func.sum(known.c.tokens).label("sold"),
            func.coalesce(func.sum(known.c.tokens).filter(known.c.is_unpaid), 0).label("unpaid"),
            func.count().filter(known.c.is_unpaid).label("unpaid_buyers"),
        ).group_by(known.c.artist_id)
    )
    return {
        row.artist_id: Sources(int(row.sold), int(row.unpaid), row.unpaid_buyers) for row in rows
    }


_COLUMNS = [(PayoutRequest.created_at, "created_at", datetime), (PayoutRequest.id, "id", int)]


def _with_artists() -> AnySelect:
    return (
        select(
            *PayoutRequest.__table__.columns,
            User.username,
            User.email,
            User.is_active,
            User.deleted_at,
            func.coalesce(Artist.artist_name, User.username).label("artist_name"),
            func.coalesce(Account.balance, 0).label("balance"),
        )
        .join(User, User.id == PayoutRequest.user_id)
        .outerjoin(Artist, Artist.user_id == PayoutRequest.user_id)
        .outerjoin(
            Account,
            (Account.owner_id == PayoutRequest.user_id) & (Account.kind == AccountKind.EARNED),
        )
    )


def _view(row: AnyRow) -> PayoutView:
    return PayoutView(
        id=row.id,
        amount_tokens=row.amount_tokens,
        amount_krw=row.amount_krw,
        status=row.status,
        paid_krw=row.paid_krw,
        reference=row.reference,
        note=row.note,
        created_at=row.created_at,
        ended_at=row.ended_at,
        returned_at=row.returned_at,
        return_note=row.return_note,
    )


def _decided(row: AnyRow) -> DecidedPayout:
    artist = PaidArtist(
        id=row.user_id,
        username=row.username,
        artist_name=row.artist_name,
        email=row.email,
        is_active=row.is_active,
        is_deleted=row.deleted_at is not None,
        earned_token_balance=row.balance,
    )
    return extended(DecidedPayout, _view(row), artist=artist)
