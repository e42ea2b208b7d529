"""What the site signs with its secret key: the current key signs, its fallbacks are accepted too.

Sessions are signed by Flask, from the same two settings.
"""

import hmac
from collections.abc import Iterable

from flask import current_app
from itsdangerous import URLSafeTimedSerializer


def accepted() -> tuple[str, ...]:
    """Return the secret keys of the running app, the current one first."""
    return (str(current_app.secret_key), *current_app.config["SECRET_KEY_FALLBACKS"])


def serializer(salt: str) -> URLSafeTimedSerializer:
    """Return the serializer of signed cookies of one purpose."""
    # itsdangerous signs with the last key of a list.
    return URLSafeTimedSerializer([*reversed(accepted())], salt=salt)


def is_one_of(text: str, expected: Iterable[str]) -> bool:
    """Tell whether a text is one of some secrets, in a time that does not depend on which."""
    matches = [hmac.compare_digest(text.encode(), each.encode()) for each in expected]
    return any(matches)
