"""Sign-in through Google by Flask-Dance: the only module that uses the library.

Flask-Dance stores its OAuth session and PKCE parameters on the blueprint, where two threads would
overwrite each other's; here they are stored in `g`. The access token is used once, for the
identity of the user, and not stored.
"""

import hashlib
import os
from urllib.parse import urlencode

import structlog
from flask import current_app, g, redirect, request, session
from flask_dance.consumer import OAuth2ConsumerBlueprint, oauth_authorized
from flask_dance.consumer.requests import OAuth2Session
from flask_dance.consumer.storage import NullStorage
from itsdangerous import BadSignature, URLSafeTimedSerializer
from oauthlib.oauth2 import MismatchingStateError, OAuth2Error
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from webapp.domain.errors import AccountInactive, DomainError
from webapp.domain.services import accounts
from webapp.domain.services.accounts import AddressNotVerified, GoogleIdentity
from webapp.domain.settings import Settings
from webapp.extensions import db
from webapp.http import buckets, rate_limits, secret_keys, tour_cookie
from webapp.http.access import public, start_session
from webapp.http.operations import operation
from webapp.schemas.accounts import GoogleAnswer, LoginQuery

NAME = "google"
STATE, VERIFIER = f"{NAME}_oauth_state", f"{NAME}_oauth_code_verifier"
STATE_SECONDS = 600
COOKIE = "sign_in_"
TIMEOUT_SECONDS = 5
SCOPES = [
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
]
CALLBACK = "/api/v1/auth/google/callback"
USERINFO = "/oauth2/v3/userinfo"


class CanonicalSession(OAuth2Session):
    """A session whose redirect address is the one registered with Google, whatever Host says."""

    canonical_redirect_uri = ""

    @property
    def redirect_uri(self) -> str:
        """Return the registered address."""
        return self.canonical_redirect_uri

    @redirect_uri.setter
    def redirect_uri(self, _value: str | None) -> None:
        """Ignore the address that Flask-Dance derives from the request."""


class GoogleBlueprint(OAuth2ConsumerBlueprint):
    """Flask-Dance's blueprint with our checks around its two views; thread-safe."""

    @property
    def session(self) -> OAuth2Session:
        """Return this request's session with the provider."""
        if "google_session" not in g:
            g.google_session = self.session_class(
                client_id=self._client_id, scope=self.scope, blueprint=self, base_url=self.base_url
            )
        return g.google_session

    def teardown_session(self, exception: BaseException | None = None) -> None:
        """Do nothing: the session ends with its request."""

    @property
    def authorization_url_params(self) -> dict[str, str]:
        """Return this request's parameters for the provider's page."""
        parameters: dict[str, str] = g.setdefault("google_authorization_params", {})
        return parameters

    @authorization_url_params.setter
    def authorization_url_params(self, _value: dict[str, str]) -> None:
        """Ignore parameters that all requests would share."""

    @property
    def token_url_params(self) -> dict[str, str | int]:
        """Return this request's parameters for the token call."""
        parameters: dict[str, str | int] = g.setdefault(
            "google_token_params", {"timeout": TIMEOUT_SECONDS}
        )
        return parameters

    @token_url_params.setter
    def token_url_params(self, _value: dict[str, str | int]) -> None:
        """Ignore parameters that all requests would share."""

    @rate_limits.limited(buckets.LOGIN)
    @public
    @operation(status=302, query=LoginQuery)
    def login(self) -> Response:
        """Redirect to Google; the state is bound to this browser for ten minutes.

        Each attempt has its own cookie, so that two tabs can sign in at the same time.
        """
        if hint := request.args.get("login_hint"):
            self.authorization_url_params["login_hint"] = hint[:255]
        answer: Response = super().login()
        state, verifier = session.pop(STATE), session.pop(VERIFIER)
        target = local_path(request.args.get("next", "/"))
        answer.set_cookie(
            _cookie_of(state),
            _signer().dumps([state, verifier, target]),
            max_age=STATE_SECONDS,
            path=CALLBACK,
            httponly=True,
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            samesite="Lax",
        )
        return answer

    @rate_limits.limited(buckets.SIGN_INS)
    @public
    @operation(status=302, query=GoogleAnswer)
    def authorized(self) -> Response:
        """Handle the redirect from Google: sign in, or show the sign-in page with a reason."""
        answer = self._complete()
        answer.delete_cookie(_cookie_of(request.args.get("state", "")), path=CALLBACK)
        return answer

    def _complete(self) -> Response:
        attempt = _attempt()
        refusal = _refusal(attempt)
        if attempt is None or refusal is not None:
            return _to_login(refusal or "invalid_state")
        # Flask-Dance reads state and verifier from the session and removes them.
        session[STATE], session[VERIFIER], g.sign_in_next = attempt
        try:
            answer: Response = super().authorized()
        except MismatchingStateError:
            return _to_login("invalid_state")
        except RequestException:
            return _to_login("network_error")
        except AccountInactive:
            return _to_login("account_inactive")
        except (OAuth2Error, DomainError, SQLAlchemyError, ValueError, KeyError) as error:
            db.session.rollback()
            structlog.get_logger().exception("sign_in_failed", error=type(error).__name__)
            return _to_login("server_error")
        return answer


def make_blueprint(settings: Settings) -> GoogleBlueprint:
    """Return the sign-in blueprint, pointed at Google or at the sandbox."""
    sandbox = settings.google_base_url
    # Google returns other names of the scopes than were requested; oauthlib calls that an error.
    os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"  # noqa: S105 - a switch, not a secret
    if sandbox and sandbox.startswith("http://"):
        os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    blueprint = GoogleBlueprint(
        NAME,
        __name__,
        client_id=settings.google_client_id,
        client_secret=settings.google_client_secret,
        scope=SCOPES,
        base_url=sandbox or "https://www.googleapis.com",
        authorization_url=f"{sandbox or 'https://accounts.google.com'}/o/oauth2/auth",
        token_url=f"{sandbox or 'https://accounts.google.com'}/o/oauth2/token",
        login_url="/auth/google/login",
        authorized_url="/auth/google/callback",
        session_class=type(
            "RegisteredSession",
            (CanonicalSession,),
            {"canonical_redirect_uri": settings.public_base_url.rstrip("/") + CALLBACK},
        ),
        storage=NullStorage(),
        use_pkce=True,
    )
    oauth_authorized.connect(finish, sender=blueprint)
    return blueprint


def finish(blueprint: GoogleBlueprint, token: object) -> Response:  # noqa: ARG001 - the signal's shape
    """Read the identity of the user from Google, start the session, and redirect to `next`."""
    answer = blueprint.session.get(USERINFO, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    claims = answer.json()
    identity = GoogleIdentity(
        sub=str(claims["sub"]),
        email=str(claims["email"]) if claims.get("email_verified") is True else None,
        name=str(claims.get("name", "")),
    )
    try:
        sign_in = accounts.sign_in(db.session(), identity)
    except AddressNotVerified:
        return _to_login("address_not_verified")
    start_session(sign_in.id)
    g.sign_in_id = sign_in.id
    led_on = redirect(g.sign_in_next)
    if sign_in.is_first:
        tour_cookie.begin(led_on, sign_in.user_id)
    return led_on


def _signer() -> URLSafeTimedSerializer:
    return secret_keys.serializer("sign-in attempt")


def _cookie_of(state: str) -> str:
    return f"{COOKIE}{hashlib.sha256(state.encode()).hexdigest()[:16]}"


def _attempt() -> tuple[str, str, str] | None:
    """Return state, PKCE verifier and target of the attempt of this callback, if it is valid."""
    state = request.args.get("state", "")
    cookie = request.cookies.get(_cookie_of(state), "")
    try:
        signed_state, verifier, target = _signer().loads(cookie, max_age=STATE_SECONDS)
    except (BadSignature, ValueError):
        return None
    return (signed_state, verifier, target) if signed_state == state else None


def _refusal(attempt: tuple[str, str, str] | None) -> str | None:
    """Return why this callback is refused before Google is called."""
    if "error" in request.args:
        return "access_denied" if request.args["error"] == "access_denied" else "server_error"
    if not request.args.get("code"):
        has_begun = any(name.startswith(COOKIE) for name in request.cookies)
        return "no_code" if has_begun else "invalid_state"
    return None if attempt else "invalid_state"


def _to_login(error: str) -> Response:
    for name in (STATE, VERIFIER):
        session.pop(name, None)
    return redirect(f"/login?{urlencode({'error': error})}")


def local_path(target: str) -> str:
    """Return the path if it is one of this site, else the front page."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\"))
    # Browsers read a backslash as a slash, and ignore tabs and line ends.
    is_plain = target.isprintable() and "\\" not in target
    return target if is_local and is_plain else "/"
