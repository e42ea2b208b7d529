"""API keys of requests: `Authorization: Bearer sl_…` (docs/programs.md).

A key counts where the view names a scope (`access.allows_keys`), whatever cookies come with it.
Everywhere else a request with a key is refused, except where nobody asks who calls: signed URLs of
files, probes, static files.
"""

from flask import g
from flask_login import current_user

from webapp.domain.api_key_errors import ApiKeyNotAllowed, ApiKeyScopeMissing
from webapp.domain.db import transaction
from webapp.domain.services import api_keys
from webapp.extensions import db
from webapp.http import rate_limits, secret_keys
from webapp.http.endpoints import Access, current_endpoint


def sent() -> str | None:
    """Return the API key of this request, None without one."""
    token = secret_keys.bearer()
    return token if token is not None and token.startswith(api_keys.PREFIX) else None


def current_id() -> int | None:
    """Return the id of the key that this request follows, None if it follows none."""
    if sent() is None or not current_user.is_authenticated:
        return None
    key_id: int = current_user.key.id
    return key_id


def check() -> None:
    """Refuse the key of this request where it may not be used; record that it is used.

    Raises ApiKeyNotAllowed, what `api_keys.authenticate` raises, RateLimitExceeded, and
    ApiKeyScopeMissing.
    """
    endpoint = current_endpoint()
    if sent() is None or endpoint.is_uncounted or endpoint.access is Access.INTERNAL:
        return
    rate_limits.enforce()
    if endpoint.scope is None:
        raise ApiKeyNotAllowed
    if not current_user.is_authenticated:
        raise g.sign_in_error
    key = current_user.key
    if endpoint.scope not in key.scopes:
        raise ApiKeyScopeMissing(scope=endpoint.scope, scopes=key.scopes)
    if api_keys.is_new_day(key):
        with transaction(db.session()) as session:
            api_keys.record_use(session, key.id)
