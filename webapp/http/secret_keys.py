"""What the site signs with its secret key, and the bearer tokens of requests.

The current key signs, its fallbacks are accepted too. Sessions are signed by Flask, from the same
two settings.
"""

import hmac
from collections.abc import Iterable

from flask import request
from itsdangerous import URLSafeTimedSerializer

from webapp.extensions import app_settings


def serializer(salt: str) -> URLSafeTimedSerializer:
    """Return the serializer of signed cookies of one purpose."""
    # itsdangerous signs with the last key of a list.
    return URLSafeTimedSerializer([*reversed(app_settings().secret_keys)], salt=salt)


def bearer() -> str | None:
    """Return the token of the Authorization header, None without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_bearer_of(tokens: Iterable[str]) -> bool:
    """Tell whether the request has one of these tokens in its header."""
    expected = (f"Bearer {token}" for token in tokens)
    return is_one_of(request.headers.get("Authorization", ""), expected)


def is_one_of(text: str, expected: Iterable[str]) -> bool:
    """Tell whether a text is one of some secrets, in a time that does not depend on which."""
    matches = [hmac.compare_digest(text.encode(), each.encode()) for each in expected]
    return any(matches)
