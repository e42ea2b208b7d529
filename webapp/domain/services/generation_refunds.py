"""Refund the price of a delivered image, once, by an administrator."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    AlreadyRefunded,
    GenerationNotFound,
    GenerationStillProcessing,
    TryOutFree,
)
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.ledger import Transfer, TransferKind
from webapp.domain.models.notification import NotificationType
from webapp.domain.services import audit, earnings, generation_events, notifications

REFUND_KINDS = (TransferKind.REFUND, TransferKind.REVERSAL)


@dataclass(frozen=True)
class GenerationRefund:
    """The refunded amount and the id of its transfer."""

    transaction_id: int
    amount_tokens: int


def refund_generation(
    session: Session, *, admin_id: int, generation_id: int, reason: str
) -> GenerationRefund:
    """Refund the price of a delivered image to its buyer, out of the artist's earnings.

    The buyer is notified.

    Raises GenerationNotFound, GenerationStillProcessing for an unfinished image (its end pays or
    refunds it), AlreadyRefunded, and TryOutFree.
    """
    image = session.get(Generation, generation_id, with_for_update=True, populate_existing=True)
    if image is None:
        raise GenerationNotFound(id=generation_id)
    earlier_id = session.scalar(
        select(Transfer.id).where(
            Transfer.generation_id == generation_id, Transfer.kind.in_(REFUND_KINDS)
        )
    )
    if earlier_id is not None:
        raise AlreadyRefunded(transaction_id=earlier_id)
    if image.is_try_out:
        raise TryOutFree
    if image.status != GenerationStatus.COMPLETED:
        raise GenerationStillProcessing(generation_ids=[generation_id])
    transfer_id = earnings.reverse(session, image)
    audit.record(
        session,
        admin_id=admin_id,
        object_type="generation",
        object_id=generation_id,
        before={"refunded": False},
        after={"refunded": True, "transaction_id": transfer_id},
        reason=reason,
    )
    notifications.notify_if_active(
        session,
        image.user_id,
        NotificationType.REFUND,
        target_type="generation",
        target_id=image.id,
        details={"amount": image.price_tokens},
    )
    generation_events.tell_refunded(session, image)
    return GenerationRefund(transfer_id, image.price_tokens)
