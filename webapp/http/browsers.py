"""Browsers that opened the sign-in page, each known by a signed cookie: many share one address.

The cookie names nobody. It lets the people of one household or school sign in at the same time,
each within a limit of their own.
"""

import secrets

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

COOKIE = "browser"
LIFETIME_SECONDS = 3600


def known() -> str | None:
    """Return the id of the browser that asks, or None for one that we have not named lately."""
    try:
        found: str = _signer().loads(request.cookies.get(COOKIE, ""), max_age=LIFETIME_SECONDS)
    except BadSignature:
        return None
    return found


def name(response: Response) -> None:
    """Give the browser that asks an id, for an hour; one that has an id keeps it."""
    if known() is not None:
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
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="browser")
