"""A real mail server in front of a list, and people with something to read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ssl import SSLContext

from sqlalchemy import select, update

from tests import making
from webapp.domain import jobs
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.mail_digest import DigestFrequency, MailDigest, MailDigestSetting
from webapp.domain.models.notification import Notification
from webapp.domain.services import follows, mail_digest_settings, mail_digests
from webapp.sandbox.smtp import Letter, SmtpServer

SENDER = "Style License <no-reply@styles.example>"


@dataclass
class Post:
    """A running mail server and what it took; `answers` may be changed while it runs."""

    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    answers: dict[str, str | None] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(each.content, policy=default) for each in self.letters]


@contextmanager
def post_office(
    *,
    port: int = 0,
    tls: SSLContext | None = None,
    is_tls_implicit: bool = False,
    users: Mapping[str, str] | None = None,
) -> Iterator[Post]:
    post = Post()
    server = SmtpServer(post.letters.append, post.answers, tls, is_tls_implicit, users or {})
    with server.running(port=port) as post.port:
        yield post


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a mail."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and html is not None  # noqa: PT018
    return (
        text.get_content().replace("\r\n", "\n"),
        html.get_content().replace("\r\n", "\n"),
    )


def reader(session, *, frequency=DigestFrequency.DAILY, language="en", **columns):
    """Somebody who wants digests from an hour ago on."""
    person = making.user(session, **columns)
    mail_digest_settings.choose(
        session, user=person, frequency=frequency, language=language, is_offered=True
    )
    session.execute(
        update(MailDigestSetting)
        .where(MailDigestSetting.user_id == person.id)
        .values(covered_until=jobs.NOW - timedelta(hours=1))
    )
    return person


def follow(session, person, **columns):
    """Let somebody new follow a person, some minutes ago; return who follows."""
    follower = making.user(session, **columns)
    follows.follow(session, user=follower, followed_id=person.id)
    session.execute(
        update(Notification)
        .where(Notification.recipient_id == person.id, Notification.actor_id == follower.id)
        .values(created_at=jobs.NOW - timedelta(minutes=2))
    )
    return follower


def due(session, person) -> int:
    """Let the digest of a person be due now, and queue it; return the id of its job."""
    session.execute(
        update(MailDigestSetting)
        .where(MailDigestSetting.user_id == person.id)
        .values(due_at=jobs.NOW - timedelta(seconds=1))
    )
    mail_digests.queue_due(session, limit=10)
    digest = session.scalars(
        select(MailDigest).where(MailDigest.user_id == person.id).order_by(MailDigest.id.desc())
    ).first()
    return session.scalars(
        select(Job.id).where(Job.kind == JobKind.MAIL_DIGEST, Job.ref == digest.id)
    ).one()


def setting_of(session, person) -> MailDigestSetting:
    return session.get_one(MailDigestSetting, person.id, populate_existing=True)
