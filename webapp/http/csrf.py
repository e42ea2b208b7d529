"""CSRF: a token derived from the sign-in, in a cookie scripts may read, asked back as a header.

Another site can make a browser send the session cookie, but can neither read the token's cookie
nor set our header. Bound to the sign-in, so a token planted from elsewhere is worth nothing.
"""

import hmac
import secrets

from flask import Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from webapp.domain.errors import CsrfFailed

COOKIE = "csrftoken"
HEADER = "X-CSRFToken"
FIELD = "csrf_token"  # of our own plain forms, which can set no header
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
LONGEST_FORM = 8 << 20  # bytes; what a plain form of ours may be
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def token_for(sign_in_id: str | None) -> str:
    """Return the token of a sign-in; a visitor without one gets a token of chance."""
    if sign_in_id is None:
        return request.cookies.get(COOKIE) or secrets.token_hex(32)
    key = str(current_app.secret_key).encode()
    return hmac.new(key, b"csrf:" + sign_in_id.encode(), "sha256").hexdigest()


def check(sign_in_id: str) -> None:
    """Raise CsrfFailed on an unsafe request that does not carry the token of its sign-in."""
    if not is_checked_by_header(sign_in_id):
        check_field(sign_in_id)


def is_checked_by_header(sign_in_id: str) -> bool:
    """Tell whether the header settles it, without the body; False leaves it to a form's field.

    Raises CsrfFailed for another token, and for none where no form comes.
    """
    if request.method in SAFE_METHODS:
        return True
    given = request.headers.get(HEADER, "")
    if not given and request.mimetype in FORMS:
        return False
    _compare(given, sign_in_id)
    return True


def check_field(sign_in_id: str) -> None:
    """Read a form for its token. Raises CsrfFailed, also for a form larger than the usual 8 MB.

    Larger ones are sent by scripts, which set the header: a body of a gigabyte is not written to
    the disk only to be refused.
    """
    most = request.max_content_length
    request.max_content_length = LONGEST_FORM if most is None else min(most, LONGEST_FORM)
    try:
        given = request.form.get(FIELD, "")
    except RequestEntityTooLarge:
        raise CsrfFailed from None
    _compare(given, sign_in_id)


def _compare(given: str, sign_in_id: str) -> None:
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
