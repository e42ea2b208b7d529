"""The cookie of the tour, with the id of the account that it is for.

An account is created once, and the browser that creates it gets the cookie. So a person sees the
tour once, whatever other browsers they sign in with later, without a column that every page reads.
The id keeps it from the next person who signs in with the same browser.
"""

from flask import current_app, request, session
from werkzeug.wrappers import Response

from webapp.domain.services.accounts import SIGN_IN_LIFETIME

COOKIE = "tour"
WELCOME = "welcome"  # in the session, until the first page


def is_under_way(user_id: int) -> bool:
    """Return whether the tour of this user has begun in this browser and has not ended."""
    return request.cookies.get(COOKIE) == str(user_id)


def begin(response: Response, user_id: int) -> None:
    """Begin the tour of a new account."""
    response.set_cookie(
        COOKIE,
        str(user_id),
        max_age=int(SIGN_IN_LIFETIME.total_seconds()),
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        samesite="Lax",
    )
    session[WELCOME] = True


def take_welcome() -> bool:
    """Return whether this is the first page of a new account; true once."""
    # Taken only if it is there: every change of the session sends its cookie again.
    return WELCOME in session and bool(session.pop(WELCOME))


def end(response: Response) -> None:
    """End the tour in this browser."""
    response.delete_cookie(COOKIE)
