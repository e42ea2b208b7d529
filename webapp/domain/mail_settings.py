"""The mail server and the sender, as the settings name them."""

import ipaddress
import re
from dataclasses import dataclass
from email.utils import parseaddr
from enum import StrEnum
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+", re.ASCII)
PORTS = {"smtp": 587, "smtps": 465}


class Tls(StrEnum):
    """How the connection is encrypted: from the start, by STARTTLS, or not at all."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server that takes our mails; `user` is empty where it asks for none."""

    host: str
    port: int
    tls: Tls
    user: str
    password: str


def mail_server(url: str) -> MailServer:
    """Return the server of smtp://user:password@host:587 (STARTTLS) or smtps://…:465 (TLS).

    On this machine, and with `?tls=off`, the connection is not encrypted. Raises ValueError, whose
    text does not contain the password, also for a password that would be sent in the clear.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no address such as smtp://user:password@host:587") from None
    if parts.scheme not in PORTS or not host or parts.path not in {"", "/"}:
        raise ValueError("is no address such as smtp://user:password@host:587")
    tls = _tls(parts, host)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if tls is Tls.OFF and user and not _is_this_machine(host):
        raise ValueError("would send the password without encryption")
    return MailServer(host, port or PORTS[parts.scheme], tls, user, password)


def sender(text: str) -> str:
    """Return the sender as it stands in a mail. Raises ValueError if it is not one address."""
    _name, address = parseaddr(text)
    if not ADDRESS.fullmatch(address) or not text.isprintable():
        raise ValueError("is no sender such as Style License <no-reply@example.com>")
    return text


def _tls(parts: SplitResult, host: str) -> Tls:
    query = parse_qs(parts.query, keep_blank_values=True)
    if query not in ({}, {"tls": ["off"]}) or (query and parts.scheme == "smtps"):
        raise ValueError("has options that are not known: only smtp://…?tls=off is")
    if parts.scheme == "smtps":
        return Tls.IMPLICIT
    return Tls.OFF if query or _is_this_machine(host) else Tls.STARTTLS


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
