"""The HTTP answer of every error: the only module that maps errors to answers."""

import structlog
from flask import Flask, Response, current_app, request
from flask_babel import gettext
from pydantic import ValidationError
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    TimeoutError as PoolTimeoutError,
)
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from webapp.domain import errors
from webapp.domain.errors import DomainError
from webapp.domain.gateways.cache import CacheUnavailable
from webapp.domain.gateways.payments import PaymentsUnavailable
from webapp.domain.gateways.storage import StorageUnavailable
from webapp.http import envelope, field_errors, routes
from webapp.http.headers import logged_path

RETRY_AFTER_SECONDS = 5
FIRST_ERROR, SERVER_ERROR = 400, 500
UNAVAILABLE = (
    CacheUnavailable,
    OperationalError,
    InterfaceError,
    PoolTimeoutError,
    StorageUnavailable,
    PaymentsUnavailable,
)


def register(app: Flask) -> None:
    """Attach the handlers."""
    app.register_error_handler(DomainError, answer)
    app.register_error_handler(ValidationError, lambda error: answer(_from_pydantic(error)))
    app.register_error_handler(HTTPException, _from_werkzeug)
    for kind in UNAVAILABLE:
        app.register_error_handler(kind, unavailable)
    app.register_error_handler(Exception, unexpected)


def answer(error: DomainError) -> Response:
    """Return the answer of an error with a code; the message is in the caller's language."""
    details = envelope.plain(field_errors.translated(error.details))
    retry_after = details.get("retry_after")
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else None
    return envelope.failure(error.code, message(error), details, _status(error), headers)


def _status(error: DomainError) -> int:
    rule = request.url_rule
    is_short = rule is not None and routes.is_short_name(rule.endpoint, rule.rule)
    return routes.status_of(type(error), is_short=is_short)


def message(error: DomainError) -> str:
    """Return the message in the caller's language; of a rate limit, with its numbers."""
    numbers = error.details if isinstance(error, errors.RateLimitExceeded) else {}
    return gettext(error.code, **numbers)


def _from_pydantic(error: ValidationError) -> DomainError:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if any(problem["type"] == "json_invalid" for problem in problems):
        return errors.InvalidRequest(reason="The body is not JSON.")
    return errors.ValidationFailed(fields=field_errors.of_validation(error))


def _from_werkzeug(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < FIRST_ERROR:
        return error  # a redirect by the router
    translated = _translated(error)
    if isinstance(translated, errors.InternalError):
        structlog.get_logger().error("http_error", status=error.code, path=logged_path())
    response = answer(translated)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return response


def _translated(error: HTTPException) -> DomainError:
    status = error.code or SERVER_ERROR
    if status == errors.NotFound.status:
        return errors.NotFound(resource="route")
    if isinstance(error, MethodNotAllowed):
        return errors.MethodNotAllowed(allowed=sorted(error.valid_methods or ()))
    if isinstance(error, RequestEntityTooLarge):
        return errors.PayloadTooLarge(max_bytes=request.max_content_length or 0)
    if status < SERVER_ERROR:
        return errors.InvalidRequest(reason=error.name)
    return errors.InternalError()


def unavailable(error: Exception) -> Response:
    """Return the answer while the database or another service is unavailable."""
    structlog.get_logger().error("service_unavailable", error=type(error).__name__)
    return answer(errors.ServiceUnavailable(retry_after=RETRY_AFTER_SECONDS))


def unexpected(error: Exception) -> Response:
    """Return the answer of an unexpected error, or of a lost connection to the database."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return unavailable(error)
    if current_app.testing and current_app.config.get("RAISE_UNEXPECTED"):
        raise error
    structlog.get_logger().exception("unexpected_error", path=logged_path())
    return answer(errors.InternalError())
