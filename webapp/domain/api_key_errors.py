"""The errors of API keys; see `errors` for their base class."""

from http import HTTPStatus

from webapp.domain.errors import DomainError


class ApiKeyInvalid(DomainError):
    """No key has this secret: it is wrong, or the key was revoked."""

    code = "API_KEY_INVALID"
    status = HTTPStatus.UNAUTHORIZED


class ApiKeyExpired(DomainError):
    code = "API_KEY_EXPIRED"
    status = HTTPStatus.UNAUTHORIZED


class ApiKeyScopeMissing(DomainError):
    """`scope` is the one that the endpoint needs, `scopes` are those of the key."""

    code = "API_KEY_SCOPE_MISSING"
    status = HTTPStatus.FORBIDDEN


class ApiKeyNotAllowed(DomainError):
    """The endpoint or page is not for programs, whatever scopes the key has."""

    code = "API_KEY_NOT_ALLOWED"
    status = HTTPStatus.FORBIDDEN


class ApiKeyLimitReached(DomainError):
    """`limit` is the number of API keys that a person may have, expired ones too."""

    code = "API_KEY_LIMIT_REACHED"
    status = HTTPStatus.CONFLICT
