"""Issues the certificate of a licence in the transaction that delivers the image."""

from sqlalchemy.orm import Session

from webapp.domain import market
from webapp.domain.models.generation import Generation, Order
from webapp.domain.models.license import Certificate, IssuedLicense
from webapp.domain.models.style import Style

TERMS_VERSION = "2026-11"


def issue(session: Session, generation: Generation, style: Style, perceptual_hash: str) -> None:
    """Insert the certificate of a generation that has just become completed."""
    order = session.get_one(Order, generation.order_id)
    session.add(
        Certificate(
            public_id=generation.license_public_id,
            generation_id=generation.id,
            artist_id=style.artist_id,
            style_id=style.id,
            licensee_id=generation.user_id,
            license_type=ordered(order, style),
            terms_version=TERMS_VERSION,
            valid_from=market.today(),
            valid_to=style.valid_to,
            image_sha256=generation.image_sha256,
            width=generation.width,
            height=generation.height,
            perceptual_hash=perceptual_hash,
            adapter_sha256=generation.adapter_sha256,
            base_model=style.base_model,
        )
    )


def ordered(order: Order, style: Style) -> IssuedLicense:
    """Return the licence of an order of a style."""
    return order.license_type or IssuedLicense(style.license_type)


def certificate_url(public_base_url: str, public_id: str) -> str:
    """Return the public URL of a certificate, as written into every image."""
    return f"{public_base_url}/l/{public_id}"
