"""Mail: an SMTP server, or its local sandbox at SMTP_URL, with the same protocol.

A mail server has taken a mail once it has answered the end of its text. If that answer does not
come, nobody knows, and the mail must not be sent again (MailOutcomeUnknown). Before that moment it
has not been taken, and may be tried again.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime, parseaddr
from typing import NoReturn, Protocol

from webapp.domain.mail_settings import MailServer, Tls, mail_server
from webapp.domain.settings import Settings

SECONDS = 10  # for each answer of the server
PERMANENT, OK, FORWARDED = 500, 250, 251
MOST_REASON = 200


class MailNotSent(Exception):
    """The mail was not taken; the text is the server's answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason[:MOST_REASON])


class MailDelayed(MailNotSent):
    """The server is not reachable or takes nothing now: try again later."""


class MailRejected(MailNotSent):
    """The server will never take this mail."""


class RecipientRefused(MailNotSent):
    """The server says that it will never take a mail for this address."""


class MailOutcomeUnknown(Exception):
    """The connection was lost while the mail was handed over: it may have been taken."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one address, with the link that ends mails of its kind without a sign-in."""

    message_id: str
    recipient: str
    subject: str
    text: str
    html: str
    language: str
    unsubscribe_url: str


class Mailer(Protocol):
    """Sends mails."""

    def send(self, mail: Mail) -> None:
        """Hand a mail over to the server, within some minutes.

        Raises MailDelayed, MailRejected, RecipientRefused and MailOutcomeUnknown.
        """


class _OneLine(UnstructuredHeader, BaseHeader):
    """A header that is never folded: a folded URL would be encoded, and no program finds it."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_headers = HeaderRegistry()
_headers.map_to_type("list-unsubscribe", _OneLine)
POLICY = SMTP.clone(header_factory=_headers)


def message(mail: Mail, *, sender: str) -> EmailMessage:
    """Return a mail as it is sent, with a text and an HTML part.

    Raises MailRejected for a header with a line break.
    """
    made = EmailMessage(policy=POLICY)
    try:
        made["From"] = sender
        made["To"] = mail.recipient
        made["Subject"] = mail.subject
        made["Date"] = format_datetime(datetime.now(UTC))
        made["Message-ID"] = f"<{mail.message_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
        made["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        # One click of a mail program is enough: RFC 8058.
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        made["Auto-Submitted"] = "auto-generated"
    except ValueError as error:
        raise MailRejected(str(error)) from error
    made.set_content(mail.text, cte="quoted-printable")
    made.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    made["Content-Language"] = mail.language  # to set the content removes it
    return made


class SmtpMailer:
    """Sends each mail over a connection of its own."""

    def __init__(
        self,
        server: MailServer,
        *,
        sender: str,
        seconds: float = SECONDS,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._server, self._sender, self._seconds = server, sender, seconds
        self._context = context or ssl.create_default_context()

    def send(self, mail: Mail) -> None:
        """Hand a mail over; see Mailer."""
        content = message(mail, sender=self._sender).as_bytes()
        with _delays(), closing(self._connection()) as smtp:
            self._log_in(smtp)
            self._address(smtp, mail.recipient)
            try:
                code, answer = smtp.data(content)
            except smtplib.SMTPDataError as error:  # it does not want the text
                _refuse(error.smtp_code, error.smtp_error, MailRejected)
            except (OSError, smtplib.SMTPException) as error:
                raise MailOutcomeUnknown(str(error)) from error
            if code != OK:
                _refuse(code, answer, MailRejected)
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()

    def _connection(self) -> smtplib.SMTP:
        server = self._server
        if server.tls is Tls.IMPLICIT:
            return smtplib.SMTP_SSL(
                server.host, server.port, timeout=self._seconds, context=self._context
            )
        return smtplib.SMTP(server.host, server.port, timeout=self._seconds)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        if self._server.tls is Tls.STARTTLS:
            smtp.starttls(context=self._context)  # raises without the extension: nothing is sent
        smtp.ehlo_or_helo_if_needed()
        if self._server.user:
            smtp.login(self._server.user, self._server.password)

    def _address(self, smtp: smtplib.SMTP, recipient: str) -> None:
        """Name sender and recipient."""
        if not recipient.isascii() or not recipient.isprintable() or " " in recipient:
            raise RecipientRefused("The address is not one that can be written to.")
        code, answer = smtp.mail(parseaddr(self._sender)[1])
        if code != OK:
            # Not the recipient's fault; whoever runs this site can mend it, so try again.
            raise MailDelayed(_text(code, answer))
        code, answer = smtp.rcpt(recipient)
        if code not in {OK, FORWARDED}:
            _refuse(code, answer, RecipientRefused)


@contextmanager
def _delays() -> Iterator[None]:
    """Take every other problem for one that passes: the server, its certificate, our password."""
    try:
        yield
    except (OSError, smtplib.SMTPException) as error:
        raise MailDelayed(f"{type(error).__name__}: {error}") from error


def _refuse(code: int, answer: bytes | str, permanent: type[MailNotSent]) -> NoReturn:
    raise (permanent if code >= PERMANENT else MailDelayed)(_text(code, answer))


def _text(code: int, answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(text.split())}"


def configured_mailer(settings: Settings) -> Mailer | None:
    """Return the mailer of the settings, or None where this process sends no mail."""
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    return SmtpMailer(mail_server(settings.smtp_url), sender=settings.mail_from)
