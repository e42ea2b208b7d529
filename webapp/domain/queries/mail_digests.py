"""Read how often a person gets a mail digest."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.mail_digest import DigestFrequency, MailDigestSetting


def frequency(session: Session, user_id: int) -> DigestFrequency:
    """Return how often a person gets a digest; off, until one is chosen."""
    chosen = session.scalar(
        select(MailDigestSetting.frequency).where(MailDigestSetting.user_id == user_id)
    )
    return DigestFrequency(chosen or DigestFrequency.OFF)
