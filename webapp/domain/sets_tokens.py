"""Bearer tokens of anonymous Sets accounts: JWT, HS256, 30 days.

The signing key is derived from the site's secret, so no other signature of the site is valid here.
Plan and credits are not in the token; they are read from the account's row.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from webapp.domain.sets_errors import TokenExpired, TokenInvalid

LIFETIME = timedelta(days=30)
ALGORITHM = "HS256"
CLAIMS = ("sub", "version", "iat", "exp")
# The clocks of two web servers may differ.
LEEWAY = timedelta(seconds=10)
MAX_LENGTH = 2000  # characters; ours have about 250


@dataclass(frozen=True)
class Token:
    """A token as its owner receives it."""

    text: str
    expires_at: datetime


@dataclass(frozen=True)
class Claims:
    """The verified claims of a token: the account's public id and the version of its tokens."""

    public_id: str
    version: int


def issue(secret_key: str, *, public_id: str, version: int, now: datetime | None = None) -> Token:
    """Return a new token of an account."""
    issued = (now or datetime.now(UTC)).replace(microsecond=0)
    expires_at = issued + LIFETIME
    claims = {"sub": public_id, "version": version, "iat": issued, "exp": expires_at}
    return Token(jwt.encode(claims, _key(secret_key), algorithm=ALGORITHM), expires_at)


def read(secret_keys: Sequence[str], text: str) -> Claims:
    """Return the claims of a token that one of the keys has signed.

    Raises TokenExpired and TokenInvalid.
    """
    if len(text) > MAX_LENGTH:
        raise TokenInvalid
    for secret_key in secret_keys:
        try:
            claims = _decoded(secret_key, text)
        except jwt.InvalidSignatureError:
            continue  # the signature is checked before the claims
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError):  # ValueError: text that is not ASCII
            raise TokenInvalid from None
        version = claims["version"]
        if type(version) is not int:
            raise TokenInvalid
        return Claims(public_id=claims["sub"], version=version)
    raise TokenInvalid


def _decoded(secret_key: str, text: str) -> dict[str, Any]:
    return jwt.decode(
        text,
        _key(secret_key),
        algorithms=[ALGORITHM],
        leeway=LEEWAY,
        options={"require": list(CLAIMS)},
    )


def _key(secret_key: str) -> bytes:
    return hmac.digest(secret_key.encode(), b"sets-token", "sha256")
