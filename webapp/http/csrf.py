"""CSRF: a token derived from the sign-in, in a cookie that scripts read and send as a header.

Another site can make a browser send the session cookie, but can neither read the token's cookie
nor set our header. The token is bound to the sign-in, so one of another sign-in is not accepted.
"""

import hmac
import secrets

from flask import Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from webapp.domain.errors import CsrfFailed
from webapp.extensions import app_settings
from webapp.http import secret_keys

COOKIE = "csrftoken"
HEADER = "X-CSRFToken"
FIELD = "csrf_token"  # of plain forms, which cannot set a header
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
LONGEST_FORM = 8 << 20  # bytes of a plain form
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def token_for(sign_in_id: str | None) -> str:
    """Return the token of a sign-in; a visitor without one gets a random token."""
    if sign_in_id is None:
        return request.cookies.get(COOKIE) or secrets.token_hex(32)
    return _token(app_settings().secret_key, sign_in_id)


def check(sign_in_id: str) -> None:
    """Raise CsrfFailed on an unsafe request that does not carry the token of its sign-in."""
    if not is_checked_by_header(sign_in_id):
        check_field(sign_in_id)


def is_checked_by_header(sign_in_id: str) -> bool:
    """Tell whether the header was enough; False means that a form's field has to be checked.

    Raises CsrfFailed for a wrong token, and for a missing one if the body is no form.
    """
    if request.method in SAFE_METHODS:
        return True
    token = request.headers.get(HEADER, "")
    if not token and request.mimetype in FORMS:
        return False
    _compare(token, sign_in_id)
    return True


def check_field(sign_in_id: str) -> None:
    """Check the field of a form. Raises CsrfFailed, also for a form larger than the usual 8 MB.

    Larger forms are sent by scripts, which set the header, so a body of a gigabyte is refused
    before it is written to disk.
    """
    limit = request.max_content_length
    request.max_content_length = LONGEST_FORM if limit is None else min(limit, LONGEST_FORM)
    try:
        token = request.form.get(FIELD, "")
    except RequestEntityTooLarge:
        raise CsrfFailed from None
    _compare(token, sign_in_id)


def _compare(token: str, sign_in_id: str) -> None:
    # A page that was opened before the key changed still sends the token of the former key.
    expected = [_token(key, sign_in_id) for key in app_settings().secret_keys]
    if not secret_keys.is_one_of(token, expected):
        raise CsrfFailed


def _token(key: str, sign_in_id: str) -> str:
    return hmac.new(key.encode(), b"csrf:" + sign_in_id.encode(), "sha256").hexdigest()


def set_cookie(response: Response, token: str) -> None:
    """Set the cookie that scripts read, unless the browser has it already."""
    if request.cookies.get(COOKIE) != token:
        response.set_cookie(
            COOKIE,
            token,
            max_age=current_app.permanent_session_lifetime,
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            samesite="Lax",
        )
