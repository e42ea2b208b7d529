"""What a refund would do, and to whom, before an administrator asks for it."""

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
from webapp.domain.queries.pagination import AnyRow
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import purchase_delivery, purchases
from webapp.domain.services.generation_refunds import REFUND_KINDS
from webapp.domain.sets_errors import CreditsExhausted


def of_generation(session: Session, storage: Storage, *, generation_id: int) -> dict[str, Any]:
    """Return an image with who paid and who earned, and why it could not be refunded, if so.

    Raises GenerationNotFound.
    """
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
            _balance(Generation.user_id, AccountKind.SPENDABLE).label("buyer_has"),
            _balance(Style.artist_id, AccountKind.EARNED).label("artist_has"),
            select(Transfer.id)
            .where(Transfer.generation_id == generation_id, Transfer.kind.in_(REFUND_KINDS))
            .limit(1)
            .scalar_subquery()
            .label("taken_back"),
        )
        .join(User, User.id == Generation.user_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
        .where(Generation.id == generation_id)
    ).one_or_none()
    if row is None:
        raise GenerationNotFound(id=generation_id)
    return {
        "generation_id": row.id,
        "thumbnail_url": signed_url(storage, row.thumbnail_key),
        "width": row.width,
        "height": row.height,
        "prompt_tags": row.prompt_tags,
        "completed_at": row.completed_at,
        "style": {"id": row.style_id, "name": row.style_name},
        "amount_tokens": row.price_tokens,
        "buyer": {"id": row.user_id, "username": row.username, "tokens": row.buyer_has or 0},
        "artist": {
            "id": row.artist_id,
            "artist_name": row.artist_name,
            "tokens": row.artist_has or 0,
        },
        "refusal": _refusal_of_image(row),
    }


def of_purchase(session: Session, *, order_id: str) -> dict[str, Any]:
    """Return a purchase with who paid, and why it could not be refunded, if so. Raises NotFound."""
    found = purchases.find(session, order_id)
    row = session.execute(select(User.id, User.username).where(User.id == found.user_id)).one()
    has = purchase_delivery.spendable(session, found)
    return {
        "purchase": found,
        "amount": purchase_delivery.amount(found),
        "buyer": {"id": row.id, "username": row.username, "has": has},
        "refusal": _refusal_of_purchase(found, has),
    }


def _balance(owner_id: Any, kind: AccountKind) -> Any:
    return (
        select(Account.balance)
        .where(Account.owner_id == owner_id, Account.kind == kind)
        .scalar_subquery()
    )


def _refusal_of_image(row: AnyRow) -> type[DomainError] | None:
    if row.taken_back is not None:
        return AlreadyRefunded
    if row.status != GenerationStatus.COMPLETED:
        return GenerationStillProcessing
    if row.price_tokens == 0:
        return TryOutFree
    return InsufficientTokens if (row.artist_has or 0) < row.price_tokens else None


def _refusal_of_purchase(found: Purchase, has: int) -> type[DomainError] | None:
    if found.status == PurchaseStatus.REFUNDED:
        return AlreadyRefunded
    if found.status != PurchaseStatus.PAID:
        return PaymentFailed
    if has >= purchase_delivery.amount(found):
        return None
    return InsufficientTokens if found.product == Product.TOKENS else CreditsExhausted
