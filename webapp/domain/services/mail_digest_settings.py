"""Who gets a mail digest, how often, and the signed links that switch it off.

A link contains the person's id and a signature of it with the secret of the row. It never expires:
it works from old mails, too. It ends when the account has another address, and when the digest is
switched on again: the row gets a new secret then.
"""

import hmac
import secrets
from datetime import datetime

from sqlalchemy import case, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import jobs, market
from webapp.domain.errors import FieldProblem, NotFound, ValidationFailed
from webapp.domain.models.account import User
from webapp.domain.models.mail_digest import DigestFrequency, MailDigestSetting
from webapp.domain.models.notification import NotificationType
from webapp.domain.services import accounts, notifications

MORNING = 8  # o'clock
MONDAY = 0
MOST_REFUSALS = 3  # in a row


def choose(
    session: Session,
    *,
    user: User,
    frequency: DigestFrequency,
    language: str,
    is_offered: bool,
) -> None:
    """Store how often a person wants a digest; the same choice again changes no time.

    `language` is that of the request. The first digest begins with what happens from now on.
    Raises ValidationFailed for a digest of a site that sends no mails.
    """
    if not is_offered and frequency != DigestFrequency.OFF:
        problem = FieldProblem("This site sends no mails.")
        raise ValidationFailed(fields={"mail_digest": [problem]})
    accounts.lock_active(session, user.id)
    if frequency == DigestFrequency.OFF:
        _switch_off(session, user.id)
        return
    now = session.scalars(select(jobs.NOW)).one()
    inserted = insert(MailDigestSetting).values(
        user_id=user.id,
        frequency=frequency,
        language=language,
        email=user.email,
        secret=secrets.token_urlsafe(32),
        due_at=next_due(frequency, now),
        covered_until=now,
    )
    is_off = MailDigestSetting.frequency == DigestFrequency.OFF
    session.execute(
        inserted.on_conflict_do_update(
            index_elements=[MailDigestSetting.user_id],
            set_={
                "frequency": inserted.excluded.frequency,
                "language": inserted.excluded.language,
                "refusals": 0,
                "due_at": inserted.excluded.due_at,
                # Switched on again, it begins anew: what happened meanwhile was not asked for.
                **{
                    name: case((is_off, inserted.excluded[name]), else_=column)
                    for name, column in {
                        "covered_until": MailDigestSetting.covered_until,
                        "email": MailDigestSetting.email,
                        "secret": MailDigestSetting.secret,
                    }.items()
                },
                "updated_at": now,
            },
            where=MailDigestSetting.frequency != inserted.excluded.frequency,
        )
    )


def next_due(frequency: DigestFrequency, now: datetime) -> datetime:
    """Return the next morning in the market's time zone, for a weekly digest that of a Monday."""
    weekday = MONDAY if frequency == DigestFrequency.WEEKLY else None
    return market.next_hour(now, MORNING, weekday=weekday)


def of_address(session: Session, user: User) -> MailDigestSetting | None:
    """Return and lock a person's setting; another address of the account begins anew."""
    setting = session.get(MailDigestSetting, user.id, with_for_update=True, populate_existing=True)
    if setting is not None and setting.email != user.email:
        setting.email, setting.secret, setting.refusals = user.email, secrets.token_urlsafe(32), 0
        session.flush()
    return setting


def signature(setting: MailDigestSetting) -> str:
    """Return what signs the link of a person: 64 hexadecimal digits."""
    text = f"unsubscribe:{setting.user_id}"
    return hmac.new(setting.secret.encode(), text.encode(), "sha256").hexdigest()


def check_link(session: Session, user_id: int, link_signature: str) -> MailDigestSetting:
    """Return the setting of a link. Raises NotFound for a link that was never valid, or ended."""
    setting = session.get(MailDigestSetting, user_id)
    if setting is None or not link_signature.isascii():
        raise NotFound(resource="mail_digest")
    if not hmac.compare_digest(signature(setting), link_signature):
        raise NotFound(resource="mail_digest")
    return setting


def unsubscribe(session: Session, user_id: int, link_signature: str) -> None:
    """Switch the digest of a link off; idempotent. Raises NotFound as `check_link`."""
    check_link(session, user_id, link_signature)
    _switch_off(session, user_id)


def count_refusal(session: Session, *, digest_id: int, user_id: int, email: str) -> bool:
    """Count that the mail server refused an address; return whether the digest is off from now on.

    The last of MOST_REFUSALS in a row switches it off and leaves a notification.
    """
    refusals = session.scalar(
        update(MailDigestSetting)
        .where(MailDigestSetting.user_id == user_id, MailDigestSetting.email == email)
        .values(refusals=MailDigestSetting.refusals + 1)
        .returning(MailDigestSetting.refusals)
    )
    if refusals is None or refusals < MOST_REFUSALS or not _switch_off(session, user_id):
        return False
    notifications.notify(
        session,
        user_id,
        NotificationType.MAIL_DIGEST_STOPPED,
        target_type="mail_digest",
        target_id=digest_id,
    )
    return True


def _switch_off(session: Session, user_id: int) -> bool:
    """Switch a digest off; return whether it was on."""
    switched_id = session.scalar(
        update(MailDigestSetting)
        .where(
            MailDigestSetting.user_id == user_id,
            MailDigestSetting.frequency != DigestFrequency.OFF,
        )
        .values(frequency=DigestFrequency.OFF, due_at=None, updated_at=jobs.NOW)
        .returning(MailDigestSetting.user_id)
    )
    return switched_id is not None
