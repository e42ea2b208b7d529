"""What programs of buyers and artists are told of pictures, in the commit that changes them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.generation import Generation
from webapp.domain.models.outgoing_webhook import WebhookEvent
from webapp.domain.models.style import Style
from webapp.domain.services import outgoing_webhooks
from webapp.domain.services.outgoing_webhooks import Data


def tell_completed(session: Session, generation: Generation) -> None:
    """Tell the buyer that a picture is ready."""
    data: Data = {"license_id": generation.license_public_id, "is_try_out": generation.is_try_out}
    _tell_buyer(session, generation, WebhookEvent.GENERATION_COMPLETED, data)


def tell_failed(session: Session, generation: Generation) -> None:
    """Tell the buyer that a picture failed; its tokens are back."""
    data: Data = {
        "cause": generation.failure_cause,
        "refunded_tokens": 0 if generation.is_try_out else generation.price_tokens,
        "is_try_out": generation.is_try_out,
    }
    _tell_buyer(session, generation, WebhookEvent.GENERATION_FAILED, data)


def tell_refunded(session: Session, generation: Generation) -> None:
    """Tell buyer and artist that an administrator has returned the price of a picture."""
    artist_id = session.scalar(select(Style.artist_id).where(Style.id == generation.style_id))
    data = _ids(generation) | {"refunded_tokens": generation.price_tokens}
    for user_id in sorted({generation.user_id, artist_id or generation.user_id}):
        outgoing_webhooks.tell(session, user_id, WebhookEvent.GENERATION_REFUNDED, data)


def tell_sold(session: Session, generation: Generation, style: Style) -> None:
    """Tell the artist that a picture was sold, and nothing of who bought it."""
    if not generation.is_try_out:
        outgoing_webhooks.tell(
            session,
            style.artist_id,
            WebhookEvent.GENERATION_SOLD,
            _ids(generation)
            | {
                "license_id": generation.license_public_id,
                "earned_tokens": generation.price_tokens,
            },
        )


def _tell_buyer(session: Session, generation: Generation, event: WebhookEvent, data: Data) -> None:
    outgoing_webhooks.tell(session, generation.user_id, event, _ids(generation) | data)


def _ids(generation: Generation) -> Data:
    return {"generation_id": generation.id, "style_id": generation.style_id}
