"""Who can sign in at the local twin of Google, and what its codes and tokens grant."""

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_GRANTS = 10_000  # codes and tokens; the oldest are deleted


class Person(NamedTuple):
    """An account that can sign in."""

    email: str
    name: str

    @property
    def subject(self) -> str:
        """Google's permanent id: 21 digits, the same for one e-mail address."""
        digest = hashlib.sha256(self.email.lower().encode()).digest()
        return f"1{int.from_bytes(digest[:8], 'big') % 10**20:020d}"


PEOPLE = (
    Person("mina.artist@example.com", "Mina Park"),
    Person("theo.artist@example.com", "Theo Lindqvist"),
    Person("noor.artist@example.com", "Noor Haddad"),
    Person("sora.artist@example.com", "Sora Yun"),
    Person("jun.buyer@example.com", "Jun Seo"),
    Person("ada.buyer@example.com", "Ada Okafor"),
    Person("hana.buyer@example.com", "Hana Kim"),
    Person("luca.buyer@example.com", "Luca Moretti"),
    Person("admin@example.com", "Site Admin"),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code or token grants, until `expires_at` of the monotonic clock, in seconds."""

    person: Person
    scope: str
    expires_at: float
    redirect_uri: str = ""
    challenge: str = ""


@dataclass(slots=True)
class Grants:
    """Issued codes or tokens; thread-safe."""

    lifetime: float
    _grants: dict[str, Grant] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(
        self, prefix: str, person: Person, scope: str, redirect_uri: str = "", challenge: str = ""
    ) -> str:
        """Return a new code or token."""
        secret = prefix + secrets.token_urlsafe(32)
        expires_at = time.monotonic() + self.lifetime
        with self._lock:
            self._grants[secret] = Grant(person, scope, expires_at, redirect_uri, challenge)
            while len(self._grants) > MAX_GRANTS:
                del self._grants[next(iter(self._grants))]
        return secret

    def look(self, secret: str) -> Grant | None:
        """Return the grant of a code or token; None if it is unknown or expired."""
        with self._lock:
            return _alive(self._grants.get(secret))

    def take(self, secret: str) -> Grant | None:
        """Return the grant of a code or token, once."""
        with self._lock:
            return _alive(self._grants.pop(secret, None))


def _alive(grant: Grant | None) -> Grant | None:
    return grant if grant and time.monotonic() < grant.expires_at else None
