"""Preview the effects of a refund for an administrator."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    AlreadyRefunded,
    DomainError,
    GenerationNotFound,
    GenerationStillProcessing,
    InsufficientTokens,
    PaymentFailed,
    TryOutFree,
)
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.ledger import Account, AccountKind, Transfer
from webapp.domain.models.payment import Product, Purchase, PurchaseStatus
from webapp.domain.models.style import Style
from webapp.domain.queries.answers import StyleName
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import earnings, purchase_delivery, purchases
from webapp.domain.services.earnings import ReversalShares
from webapp.domain.services.generation_refunds import REFUND_KINDS
from webapp.domain.sets_errors import CreditsExhausted


@dataclass(frozen=True, slots=True)
class RefundedBuyer:
    """The buyer of a picture or a purchase; `balance` in tokens, or credits of Sets."""

    id: int
    username: str
    balance: int


@dataclass(frozen=True, slots=True)
class ChargedArtist:
    """The artist of a picture, with the earned tokens, and who would pay the refund."""

    id: int
    artist_name: str
    balance: int
    shares: ReversalShares


@dataclass(frozen=True, slots=True)
class GenerationRefundPreview:
    """A picture with its buyer and artist; `refusal` is the error that a refund would raise."""

    generation_id: int
    thumbnail_url: str | None
    width: int
    height: int
    prompt_tags: list[str]
    completed_at: datetime | None
    style: StyleName
    amount_tokens: int
    buyer: RefundedBuyer
    artist: ChargedArtist
    refusal: type[DomainError] | None


@dataclass(frozen=True, slots=True)
class PurchaseRefundPreview:
    """A purchase with its buyer; `refusal` is the error that a refund would raise.

    `amount` and the buyer's balance are tokens or credits, whichever were bought.
    """

    purchase: Purchase
    amount: int
    buyer: RefundedBuyer
    refusal: type[DomainError] | None


def of_generation(
    session: Session, storage: Storage, *, generation_id: int
) -> GenerationRefundPreview:
    """Preview the refund of a picture. Raises GenerationNotFound."""
    row = session.execute(
        select(
            Generation.id,
            Generation.status,
            Generation.price_tokens,
            Generation.thumbnail_key,
            Generation.width,
            Generation.height,
            Generation.prompt_tags,
            Generation.completed_at,
            Generation.user_id,
            User.username,
            Style.id.label("style_id"),
            Style.name.label("style_name"),
            Artist.user_id.label("artist_id"),
            Artist.artist_name,
            _balance(Generation.user_id, AccountKind.SPENDABLE).label("buyer_balance"),
            _balance(Style.artist_id, AccountKind.EARNED).label("artist_balance"),
            _balance(Style.artist_id, AccountKind.SPENDABLE).label("artist_spendable"),
            select(Transfer.id)
            .where(Transfer.generation_id == generation_id, Transfer.kind.in_(REFUND_KINDS))
            .limit(1)
            .scalar_subquery()
            .label("reversal_id"),
        )
        .join(User, User.id == Generation.user_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
        .where(Generation.id == generation_id)
    ).one_or_none()
    if row is None:
        raise GenerationNotFound(id=generation_id)
    return GenerationRefundPreview(
        generation_id=row.id,
        thumbnail_url=signed_url(storage, row.thumbnail_key),
        width=row.width,
        height=row.height,
        prompt_tags=row.prompt_tags,
        completed_at=row.completed_at,
        style=StyleName(row.style_id, row.style_name),
        amount_tokens=row.price_tokens,
        buyer=RefundedBuyer(row.user_id, row.username, row.buyer_balance or 0),
        artist=_charged(row),
        refusal=_refusal_of_generation(row),
    )


def of_purchase(session: Session, *, order_id: str) -> PurchaseRefundPreview:
    """Preview the refund of a purchase. Raises NotFound."""
    purchase = purchases.find(session, order_id)
    row = session.execute(select(User.id, User.username).where(User.id == purchase.user_id)).one()
    balance = purchase_delivery.spendable(session, purchase)
    return PurchaseRefundPreview(
        purchase=purchase,
        amount=purchase_delivery.amount(purchase),
        buyer=RefundedBuyer(row.id, row.username, balance),
        refusal=_refusal_of_purchase(purchase, balance),
    )


def _balance(owner_id: Any, kind: AccountKind) -> Any:
    return (
        select(Account.balance)
        .where(Account.owner_id == owner_id, Account.kind == kind)
        .scalar_subquery()
    )


def _charged(row: AnyRow) -> ChargedArtist:
    earned, spendable = row.artist_balance or 0, row.artist_spendable or 0
    shares = earnings.reversal_shares(row.price_tokens, earned=earned, spendable=spendable)
    return ChargedArtist(row.artist_id, row.artist_name, earned, shares)


def _refusal_of_generation(row: AnyRow) -> type[DomainError] | None:
    if row.reversal_id is not None:
        return AlreadyRefunded
    if row.status != GenerationStatus.COMPLETED:
        return GenerationStillProcessing
    if row.price_tokens == 0:
        return TryOutFree
    return None


def _refusal_of_purchase(purchase: Purchase, balance: int) -> type[DomainError] | None:
    if purchase.status == PurchaseStatus.REFUNDED:
        return AlreadyRefunded
    if purchase.status != PurchaseStatus.PAID:
        return PaymentFailed
    if balance >= purchase_delivery.amount(purchase):
        return None
    return InsufficientTokens if purchase.product == Product.TOKENS else CreditsExhausted
