"""Who may call a view: seven guards, one per route (docs/api.md, Authentication).

A guard first refuses an API key that may not be used here (`api_keys`). Then it checks
authentication, rate limit, CSRF header and role. The CSRF field of a form comes last, because the
form has to be read for it. Then the view runs in the one transaction of the request, or opens
several short ones itself (`own_transactions`). A route without a guard fails a test.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from flask import Flask, Response, g, request, session
from flask_login import UserMixin, current_user

from webapp.domain import sets_tokens
from webapp.domain.api_key_errors import ApiKeyExpired, ApiKeyInvalid
from webapp.domain.db import transaction
from webapp.domain.errors import (
    AccountInactive,
    ArtistOnly,
    CallbackUnauthorized,
    Forbidden,
    SessionExpired,
    Unauthorized,
)
from webapp.domain.models.account import Artist, Role, User
from webapp.domain.models.api_key import ApiKey, Scope
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.queries.viewing import ANYBODY, Viewer
from webapp.domain.services import accounts, api_keys as key_services, sets_accounts
from webapp.domain.sets_errors import AuthRequired, TokenExpired, TokenInvalid
from webapp.domain.sets_tokens import Claims
from webapp.extensions import app_settings, db, login_manager
from webapp.http import api_keys, csrf, rate_limits, secret_keys, temporary_space
from webapp.http.endpoints import Access, View, current_endpoint, endpoint_of, record

SIGN_IN = "sign_in"
TRAINER, RENDERER, SETS = "training-server", "inference-server", "sets-worker"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class SignedIn(UserMixin):
    """The user of this request, by a session or an API key, for Flask-Login and the templates."""

    user: User
    sign_in_id: str | None = None
    key: ApiKey | None = None


def user() -> User:
    """Return the signed-in user; only for guarded views."""
    signed_in_user: User = current_user.user
    return signed_in_user


def current_artist() -> Artist:
    """Return the signed-in artist; only for views guarded by `artist`."""
    artist_of_user: Artist = current_user.user.artist
    return artist_of_user


def viewer() -> Viewer:
    """Return the viewer: a user, an administrator, or an anonymous visitor.

    With an API key an administrator is a user like others.
    """
    if not current_user.is_authenticated:
        return ANYBODY
    return Viewer.of(user()) if current_user.key is None else Viewer(user().id)


def start_session(sign_in_id: str) -> None:
    """Replace the session of this browser by a new one, without any value of the old one."""
    session.clear()
    session.permanent = True
    session[SIGN_IN] = sign_in_id


def public(view: View) -> View:
    """Allow every caller; an expired session counts as none."""
    return _guarded(Access.PUBLIC, rate_limits.enforce)(view)


def payment_provider(view: View) -> View:
    """Allow the payment provider: callers from its networks, or every caller if none is set.

    Calls from these networks are not counted in the rate limits.
    """
    return record(_guarded(Access.PUBLIC, _check_provider)(view), is_for_provider=True)


def signed_in(view: View) -> View:
    """Allow signed-in users."""
    return _guarded(Access.SIGNED_IN, _check_signed_in)(view)


def artist(view: View) -> View:
    """Allow signed-in artists."""
    return _guarded(Access.ARTIST, _check_artist)(view)


def admin(view: View) -> View:
    """Allow signed-in administrators."""
    return _guarded(Access.ADMIN, _check_admin)(view)


def sets_account(view: View) -> View:
    """Allow Sets accounts: by bearer token, else by the session of a user.

    A bearer token has precedence over a session and needs no CSRF token. The Sets account of a
    user is created on first use.
    """
    return _guarded(Access.SETS, _check_sets_account)(view)


def current_sets_account() -> SetsAccount:
    """Return the Sets account of this request; only for views guarded by `sets_account`."""
    account: SetsAccount = g.sets_account
    return account


def internal(*sources: str) -> Callable[[View], View]:
    """Allow our own workers, by token, source and (if a list is set) address."""
    guard = _guarded(Access.INTERNAL, lambda: _check_internal(sources))
    return lambda view: record(guard(view), sources=sources)


def allows_keys(scope: Scope) -> Callable[[View], View]:
    """Allow API keys with a scope as well; place it above the guard. Other views refuse keys."""
    return lambda view: record(view, scope=scope)


def own_transactions(view: View) -> View:
    """Let a view open its own short transactions around slow steps; place it above the guard."""
    return record(view, has_own_transactions=True)


def or_worker(worker_view: View) -> Callable[[View], View]:
    """Dispatch a call with a bearer token to the worker's view of the same path."""

    def decorate(view: View) -> View:
        @wraps(view)
        def dispatched(*args: Any, **kwargs: Any) -> Any:
            return (worker_view if _is_worker_call() else view)(*args, **kwargs)

        return record(dispatched, worker_view=worker_view)

    return decorate


def _is_worker_call() -> bool:
    is_key = api_keys.sent() is not None
    return request.headers.get("Authorization", "").startswith("Bearer ") and not is_key


def _guarded(access: Access, check: Callable[[], None]) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            api_keys.check()
            check()
            _reserve_space()
            endpoint = endpoint_of(guarded)
            if endpoint.has_own_transactions or endpoint.max_form_bytes is not None:
                # A slow step must not hold a connection; the session opens a new one when needed.
                db.session.rollback()
            if endpoint.has_own_transactions:
                return view(*args, **kwargs)
            with transaction(db.session()):
                return view(*args, **kwargs)

        return record(guarded, access=access)

    return decorate


def _check_signed_in() -> None:
    _check_person(lambda: None)


def _check_artist() -> None:
    _check_person(_check_is_artist)


def _check_admin() -> None:
    _check_person(_check_is_admin)


def _check_person(check_role: Callable[[], None]) -> None:
    """Check what the headers decide, then the CSRF field, for which the form has to be read."""
    if not current_user.is_authenticated:
        raise g.get("sign_in_error") or Unauthorized()
    rate_limits.enforce()
    by_key = current_user.key is not None  # which no other site can make a browser send
    is_checked = by_key or csrf.is_checked_by_header(current_user.sign_in_id)
    check_role()
    if not is_checked:
        csrf.check_field(current_user.sign_in_id)


def _check_is_artist() -> None:
    if user().artist is None:
        raise ArtistOnly(role=user().role)


def _check_is_admin() -> None:
    if user().role != Role.ADMIN:
        raise Forbidden(required_role=Role.ADMIN.value)


def _check_sets_account() -> None:
    """Authenticate the Sets account; a request that writes locks it until its end."""
    token = secret_keys.bearer()
    if token is not None:
        claims = sets_claims(token)
        rate_limits.enforce()
        account = sets_accounts.of_token(db.session(), claims)
    else:
        _check_session_of_sets()
        account = _own_sets_account(user())
    if request.method not in csrf.SAFE_METHODS:
        account = sets_accounts.lock_active(db.session(), account.id)
    sets_accounts.record_use(db.session(), account, datetime.now(UTC))
    g.sets_account = account


def sets_claims(token: str) -> Claims:
    """Return the claims of a Sets token. Raises TokenExpired and TokenInvalid."""
    return sets_tokens.read(app_settings().secret_keys, token)


def _check_session_of_sets() -> None:
    if not current_user.is_authenticated:
        error = g.get("sign_in_error")
        raise error if isinstance(error, AccountInactive) else AuthRequired()
    rate_limits.enforce()
    csrf.check(current_user.sign_in_id)


def _own_sets_account(owner: User) -> SetsAccount:
    account = sets_accounts.find_of_user(db.session(), owner.id)
    if account is None:
        # Committed at once: a view with its own transactions starts without one.
        with transaction(db.session()) as opening:
            account = sets_accounts.of_user(opening, owner)
    return account


def _reserve_space() -> None:
    """Reserve disk space for a large form, which only artists may send to most views."""
    limit = request.max_content_length
    if request.mimetype not in csrf.FORMS or limit is None or limit <= csrf.LONGEST_FORM:
        return
    size = request.content_length
    is_artist = current_user.is_authenticated and user().artist is not None
    if not is_artist and not current_endpoint().is_large_form_public:
        request.max_content_length = csrf.LONGEST_FORM
    elif size is None or size > csrf.LONGEST_FORM:
        owner = user().id if is_artist else rate_limits.client_network()
        temporary_space.reserve(owner, min(limit, size or limit))


def _check_internal(sources: tuple[str, ...]) -> None:
    is_valid = secret_keys.is_bearer_of(app_settings().internal_api_tokens)
    if not is_valid or request.headers.get("X-Request-Source") not in sources:
        raise CallbackUnauthorized
    _check_network(app_settings().internal_networks)


def _check_provider() -> None:
    _check_network(app_settings().toss_networks)
    rate_limits.enforce()


def _check_network(networks: Sequence[Network]) -> None:
    if networks and not _is_from(networks):
        raise CallbackUnauthorized


def load_sign_in(_request: Any) -> SignedIn | None:
    """Return the user of the API key or else of the cookie, or store the reason for the guard."""
    secret = api_keys.sent()
    if secret is not None:
        return _of_key(secret)
    sign_in_id = session.get(SIGN_IN)
    if not isinstance(sign_in_id, str):
        return None
    try:
        account = accounts.signed_in_user(db.session(), sign_in_id)
    except (SessionExpired, AccountInactive) as error:
        g.sign_in_error = error
        return None
    g.sign_in_id = sign_in_id
    g.user_language = account.language
    return SignedIn(user=account, sign_in_id=sign_in_id)


def _of_key(secret: str) -> SignedIn | None:
    if current_endpoint().scope is None:
        return None  # the guard refuses it
    try:
        key, account = key_services.authenticate(db.session(), secret)
    except (ApiKeyInvalid, ApiKeyExpired, AccountInactive) as error:
        g.sign_in_error = error
        return None
    g.user_language = account.language
    return SignedIn(user=account, key=key)


def is_loopback() -> bool:
    """Tell whether the request comes from this machine."""
    address = _client_ip()
    return address is not None and address.is_loopback


def _is_from(networks: Sequence[Network]) -> bool:
    address = _client_ip()
    # A dual-stack socket shows IPv4 callers as mapped IPv6 addresses.
    unmapped = getattr(address, "ipv4_mapped", None) or address
    return unmapped is not None and any(unmapped in network for network in networks)


def _client_ip() -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(rate_limits.client_address())
    except ValueError:
        return None  # a socket without addresses


def _count_request() -> None:
    """Identify the caller and count the request, unless it is of a worker, a probe or a file."""
    endpoint = current_endpoint()
    access = endpoint.access or Access.PUBLIC
    if access is Access.INTERNAL or request.endpoint == "static" or endpoint.is_uncounted:
        return
    if endpoint.worker_view is not None and _is_worker_call():
        return
    if endpoint.is_for_provider and _is_from(app_settings().toss_networks):
        return
    has_token = access is Access.SETS and secret_keys.bearer() is not None
    rate_limits.count_request(
        endpoint.bucket, _caller_key(access), has_token=has_token, key_id=api_keys.current_id()
    )
    if request.routing_exception is not None or request.method == "OPTIONS":
        rate_limits.enforce()  # such a request reaches no guard


def _caller_key(access: Access) -> str | None:
    """Return the key that a request is counted by; None for a visitor: counted by address."""
    token = secret_keys.bearer() if access is Access.SETS else None
    if token is not None:
        try:
            return f"sets:{sets_claims(token).public_id}"
        except (TokenExpired, TokenInvalid):
            return None  # the guard refuses it
    return str(user().id) if current_user.is_authenticated else None


def register(app: Flask) -> None:
    """Attach sign-in, the counting of requests, and the CSRF cookie of signed-in browsers."""
    login_manager.init_app(app)
    login_manager.request_loader(load_sign_in)
    app.before_request(_count_request)

    @app.after_request
    def refresh_csrf_cookie(response: Response) -> Response:
        if "sign_in_id" in g:
            csrf.set_cookie(response, csrf.token_for(g.sign_in_id))
        return response
