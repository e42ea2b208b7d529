"""CSRF: a token derived from the sign-in, in a cookie scripts may read, asked back as a header.

Another site can make a browser send the session cookie, but can neither read the token's cookie
nor set our header. Bound to the sign-in, so a token planted from elsewhere is worth nothing.
"""

import hmac
import secrets

from flask import Response, current_app, request

from webapp.domain.errors import CsrfFailed

COOKIE = "csrftoken"
HEADER = "X-CSRFToken"
FIELD = "csrf_token"  # of our own plain forms, which can set no header
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def token_for(sign_in_id: str | None) -> str:
    """Return the token of a sign-in; a visitor without one gets a token of chance."""
    if sign_in_id is None:
        return request.cookies.get(COOKIE) or secrets.token_hex(32)
    key = str(current_app.secret_key).encode()
    return hmac.new(key, b"csrf:" + sign_in_id.encode(), "sha256").hexdigest()


def check(sign_in_id: str) -> None:
    """Raise CsrfFailed on an unsafe request that does not carry the token of its sign-in."""
    if request.method in SAFE_METHODS:
        return
    given = request.headers.get(HEADER, "")
    if not given and request.mimetype in FORMS:
        given = request.form.get(FIELD, "")
    if not hmac.compare_digest(given.encode(), token_for(sign_in_id).encode()):
        raise CsrfFailed


def set_cookie(response: Response, token: str) -> None:
    """Set the readable cookie, unless the browser has it already."""
    if request.cookies.get(COOKIE) != token:
        response.set_cookie(
            COOKIE,
            token,
            max_age=current_app.permanent_session_lifetime,
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            samesite="Lax",
        )
