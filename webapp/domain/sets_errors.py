"""The errors that only Sets has; see `errors` for their base class."""

from http import HTTPStatus

from webapp.domain.errors import DomainError


class AuthRequired(DomainError):
    """The request has neither a bearer token of Sets nor a signed-in session."""

    code = "AUTH_REQUIRED"
    status = HTTPStatus.UNAUTHORIZED


class TokenExpired(DomainError):
    code = "TOKEN_EXPIRED"
    status = HTTPStatus.UNAUTHORIZED


class TokenInvalid(DomainError):
    code = "TOKEN_INVALID"
    status = HTTPStatus.UNAUTHORIZED


class CreditsExhausted(DomainError):
    code = "CREDITS_EXHAUSTED"
    status = HTTPStatus.PAYMENT_REQUIRED


class RuleSlotFull(DomainError):
    code = "RULE_SLOT_FULL"
    status = HTTPStatus.FORBIDDEN


class PlanRequired(DomainError):
    code = "PLAN_REQUIRED"
    status = HTTPStatus.FORBIDDEN


class JobNotFound(DomainError):
    code = "JOB_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class RuleNotFound(DomainError):
    code = "RULE_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class SourceJobUnavailable(DomainError):
    code = "SOURCE_JOB_UNAVAILABLE"
    status = HTTPStatus.CONFLICT


class AlreadyAdopted(DomainError):
    """Another person has already adopted the anonymous account."""

    code = "ALREADY_ADOPTED"
    status = HTTPStatus.CONFLICT


class RestylePrivate(DomainError):
    """An image painted for a photo of Sets cannot be made public: it contains the photo."""

    code = "RESTYLE_PRIVATE"
    status = HTTPStatus.CONFLICT


class JobNotFinished(DomainError):
    code = "JOB_NOT_FINISHED"
    status = HTTPStatus.CONFLICT


class ConcurrencyLimit(DomainError):
    code = "CONCURRENCY_LIMIT"
    status = HTTPStatus.TOO_MANY_REQUESTS
