"""The routes of the API, with their guards, parameters and errors."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus

from flask import Flask
from werkzeug.routing import Rule

from webapp.domain import api_key_errors, errors, sets_errors
from webapp.domain.errors import DomainError
from webapp.http import csrf
from webapp.http.endpoints import JSON, Access, Endpoint, Operation, endpoint_of

PREFIX = "/api/v1"
CANONICAL = "api_v1."
OF_SETS = ("api_v1.sets_", "api.sets_")  # prefixes of the endpoints of Sets
PARAMETER = re.compile(r"<(?:(?P<converter>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")

EVERYWHERE = (errors.MethodNotAllowed, errors.InternalError, errors.ServiceUnavailable)
OF_SESSIONS = (errors.Unauthorized, errors.SessionExpired, errors.AccountInactive)
OF_ACCESS: dict[Access, tuple[type[DomainError], ...]] = {
    Access.PUBLIC: (),
    Access.SIGNED_IN: OF_SESSIONS,
    Access.ARTIST: (*OF_SESSIONS, errors.ArtistOnly),
    Access.ADMIN: (*OF_SESSIONS, errors.Forbidden),
    Access.INTERNAL: (errors.CallbackUnauthorized,),
    Access.SETS: (
        sets_errors.AuthRequired,
        sets_errors.TokenExpired,
        sets_errors.TokenInvalid,
        errors.AccountInactive,
    ),
}
OF_KEYS = (
    api_key_errors.ApiKeyInvalid,
    api_key_errors.ApiKeyExpired,
    errors.AccountInactive,
    api_key_errors.ApiKeyScopeMissing,
)
OF_PERSONS = frozenset({Access.SIGNED_IN, Access.ARTIST, Access.ADMIN, Access.SETS})
OF_BODIES = (errors.InvalidRequest, errors.PayloadTooLarge, errors.ValidationFailed)


def is_short_name(endpoint: str, path: str) -> bool:
    """Tell whether a path of Sets is the short one, whose clients expect 400 for invalid fields.

    `path` is that of the route, with or without the prefix of the API.
    """
    return endpoint.startswith(OF_SETS) and "/sets/" not in path


def status_of(error: type[DomainError], *, is_short: bool) -> HTTPStatus:
    """Return the status of an error on a route; `is_short` is the result of `is_short_name`."""
    is_validation = issubclass(error, errors.ValidationFailed)
    return HTTPStatus.BAD_REQUEST if is_short and is_validation else error.status


@dataclass(frozen=True)
class Route:
    """One method of one path, with the record of its view."""

    path: str
    method: str
    path_parameters: dict[str, str | None]  # converters by name
    endpoint: Endpoint
    documentation: str
    name: str
    canonical: str

    @property
    def operation(self) -> Operation:
        """Return the operation of the view, joined with that of the worker's view of the path."""
        own = _operation_of(self.endpoint)
        if self.endpoint.worker_view is None:
            return own
        worker = _operation_of(endpoint_of(self.endpoint.worker_view))
        return replace(
            own,
            gives=own.gives | worker.gives,
            body=own.body | worker.body if own.body and worker.body else own.body or worker.body,
            errors=(*own.errors, *worker.errors, errors.CallbackUnauthorized),
        )

    @property
    def access(self) -> Access:
        """Return who may call."""
        return self.endpoint.access or Access.PUBLIC

    @property
    def is_alias(self) -> bool:
        """Tell whether this is another name of a route."""
        return self.canonical != f"{self.method} {self.path}"

    def status_of(self, error: type[DomainError]) -> HTTPStatus:
        """Return the status of an error on this route."""
        return status_of(error, is_short=is_short_name(f"{CANONICAL}{self.name}", self.path))

    @property
    def id(self) -> str:
        """Return the operation id; that of an alias contains its path."""
        words = re.sub(r"\W+", "_", f"{self.method}{self.path}").strip("_").lower()
        return f"{self.name}.{words}" if self.is_alias else self.name

    @property
    def is_counted(self) -> bool:
        """Tell whether calls count in the rate limits."""
        return self.access is not Access.INTERNAL and not self.endpoint.is_uncounted

    @property
    def is_tagged(self) -> bool:
        """Tell whether answers have an ETag: those of GET with an envelope."""
        has_data = self.operation.gives is not None and self.operation.media == JSON
        return self.method == "GET" and has_data

    @property
    def is_unsafe(self) -> bool:
        """Tell whether the method needs a CSRF token."""
        return self.method not in csrf.SAFE_METHODS


def described(app: Flask) -> Iterator[Route]:
    """Yield every route with an operation."""
    last: dict[str, Rule] = {}
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(CANONICAL)]
    for rule in rules:
        last[rule.endpoint] = rule  # decorators run bottom up: the topmost route comes last
    for rule in rules:
        view = app.view_functions[rule.endpoint]
        endpoint = endpoint_of(view)
        if endpoint.operation is None:
            continue
        for method in _methods(rule):
            top = last[rule.endpoint]
            yield Route(
                path=_path(rule),
                method=method,
                path_parameters={
                    parameter["name"]: parameter["converter"]
                    for parameter in PARAMETER.finditer(rule.rule)
                },
                endpoint=endpoint,
                documentation=inspect.getdoc(view) or "",
                name=rule.endpoint.removeprefix(CANONICAL),
                canonical=f"{_methods(top)[0]} {_path(top)}",
            )


def _operation_of(endpoint: Endpoint) -> Operation:
    if endpoint.operation is None:
        raise ValueError("The view has no operation.")
    return endpoint.operation


def _methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def _path(rule: Rule) -> str:
    return PARAMETER.sub(r"{\g<name>}", rule.rule.removeprefix(PREFIX))


def errors_of(route: Route) -> Iterator[type[DomainError]]:
    """Yield the errors of a route: its own, and those of its guard and its parameters."""
    operation = route.operation
    yield from EVERYWHERE
    if route.is_counted:
        yield errors.RateLimitExceeded
        yield from OF_KEYS if route.endpoint.scope else (api_key_errors.ApiKeyNotAllowed,)
    yield from OF_ACCESS[route.access]
    if route.access in OF_PERSONS and route.is_unsafe:
        yield errors.CsrfFailed
    if route.path_parameters:
        yield errors.NotFound  # the path matches no route, such as letters for a number
    if operation.query is not None or operation.idempotency is not None:
        yield errors.ValidationFailed
    if operation.body is not None or operation.form is not None:
        yield from OF_BODIES
    yield from operation.errors
