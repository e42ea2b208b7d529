"""The record of a view: one frozen dataclass that its decorators fill.

Guards, rate limits and the OpenAPI document read it. A decorator that wraps a view copies its
record; a decorator above the guard changes the record of the guard.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import UnionType
from typing import Any

from flask import current_app, request
from pydantic import BaseModel

from webapp.domain.errors import DomainError
from webapp.domain.models.api_key import Scope
from webapp.http.buckets import Bucket

JSON, EVENTS = "application/json", "text/event-stream"

View = Callable[..., Any]
Model = type[BaseModel]


class Access(StrEnum):
    """The access rules."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"
    ARTIST = "artist"
    ADMIN = "admin"
    INTERNAL = "internal"
    SETS = "Sets account"


@dataclass(frozen=True)
class File:
    """A file of a form; `many` is the smallest and the largest number of them."""

    description: str
    many: tuple[int, int] | None = None
    required: bool = True


@dataclass(frozen=True)
class Idempotency:
    """A POST that clients may repeat with its Idempotency-Key.

    Attributes:
        route: under which the keys of a caller are stored, the same for all names of the route.
        location: address of what was created, with the names of fields of the answer in braces.

    """

    route: str
    location: str


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What the OpenAPI document shows of a view, besides its guard and its routes."""

    gives: Any
    statuses: tuple[int, ...]
    errors: tuple[type[DomainError], ...]
    query: Model | None
    body: Model | UnionType | None
    form: Model | None
    files: dict[str, File] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    idempotency: Idempotency | None = None
    media: str = JSON


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One view.

    Attributes:
        access: its guard; None for a view that has none, which a test refuses.
        scope: what an API key needs to call it; None for a view that refuses keys.
        operation: its parameters and its answer; None for pages.
        bucket: a rate limit of its own.
        sources: the workers that may call it.
        has_own_transactions: it opens its own short transactions around slow steps.
        is_uncounted: its calls are never counted in the rate limits.
        is_for_provider: the networks of the payment provider call it uncounted.
        max_bytes: of a body that is no form; None is the usual limit.
        max_form_bytes: of a form with files; None is the usual limit.
        is_large_form_public: anybody may send a form of more than 8 MB, not only artists.
        worker_view: the view for workers that call the same path.

    """

    access: Access | None = None
    scope: Scope | None = None
    operation: Operation | None = None
    bucket: Bucket | None = None
    sources: tuple[str, ...] = ()
    has_own_transactions: bool = False
    is_uncounted: bool = False
    is_for_provider: bool = False
    max_bytes: int | None = None
    max_form_bytes: int | None = None
    is_large_form_public: bool = False
    worker_view: View | None = None


UNKNOWN = Endpoint()


def endpoint_of(view: View | None) -> Endpoint:
    """Return the record of a view; an empty one for a view without decorators of ours."""
    endpoint: Endpoint = getattr(view, "endpoint", UNKNOWN)
    return endpoint


def current_endpoint() -> Endpoint:
    """Return the record of the view of this request; an empty one where no route matches."""
    return endpoint_of(current_app.view_functions.get(request.endpoint or ""))


def record(view: View, **facts: Any) -> View:
    """Change fields of the Endpoint of a view, and return the view. Raises TypeError for others."""
    view.endpoint = replace(endpoint_of(view), **facts)  # type: ignore[attr-defined]
    return view
