"""Ids of browsers that opened the sign-in page, in a signed cookie.

The id is random. It separates the sign-in limits of browsers that share one address, such as those
of a household or a school.
"""

import secrets

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from webapp.http import secret_keys

COOKIE = "browser"
LIFETIME_SECONDS = 3600


def current() -> str | None:
    """Return the id of this browser, or None without a valid cookie."""
    try:
        browser_id: str = _signer().loads(request.cookies.get(COOKIE, ""), max_age=LIFETIME_SECONDS)
    except BadSignature:
        return None
    return browser_id


def name(response: Response) -> None:
    """Set the cookie, for an hour, unless the browser has a valid one."""
    if current() is not None:
        return
    response.set_cookie(
        COOKIE,
        str(_signer().dumps(secrets.token_hex(8))),
        max_age=LIFETIME_SECONDS,
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        samesite="Lax",
    )


def _signer() -> URLSafeTimedSerializer:
    return secret_keys.serializer("browser")
