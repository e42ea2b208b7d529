"""Health: does the process answer, and what it needs; only the database and its schema decide."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import redis
import structlog
from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST

from webapp.domain import readiness
from webapp.domain.db import DatabaseUnavailable
from webapp.domain.errors import CallbackUnauthorized
from webapp.domain.readiness import SchemaMismatch
from webapp.extensions import app_settings, db, storage
from webapp.http import draining, envelope, metrics, rate_limits, secret_keys
from webapp.http.access import is_loopback, public
from webapp.http.operations import operation
from webapp.schemas.health import Health

VERSION = "0.1.0"
TIMEOUT_SECONDS = 0.5
DATABASE_UP = b"""\
# HELP database_up Whether the database answered, so that the platform could be measured.
# TYPE database_up gauge
database_up %d
"""
DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}

probes = Blueprint("probes", __name__)
health = Blueprint("health", __name__)
log = structlog.get_logger()


@dataclass(frozen=True)
class Check:
    """Whether one thing that the service needs is available."""

    ok: bool
    latency_ms: float


@probes.get("/healthz")
@rate_limits.exempt
@public
def healthz() -> Response:
    """Tell that the process answers."""
    return jsonify(status="ok")


@probes.get("/readyz")
@rate_limits.exempt
@public
def readyz() -> tuple[Response, int]:
    """Tell what is available. The site takes orders without broker, cache and storage."""
    if draining.has_begun():
        return jsonify(status="draining", checks={}), 503
    checks = {
        "db": _checked(_check_schema),
        "broker": _checked(lambda: _reach(app_settings().broker_url)),
        "redis": _checked(_ask_redis),
        "storage": _checked(lambda: storage().check()),
    }
    is_ready = checks["db"].ok
    return jsonify(status="ok" if is_ready else "down", checks=checks), 200 if is_ready else 503


@probes.get("/readyz/process")
@rate_limits.exempt
@public
def readyz_process() -> tuple[Response, int]:
    """Tell a proxy whether to send requests to this process rather than to another one.

    What all processes lack alike does not decide: without the database each of them answers
    requests with its own 503.
    """
    if draining.has_begun():
        return jsonify(status="draining"), 503
    return (jsonify(status="ok"), 200) if _knows_schema() else (jsonify(status="schema"), 503)


@probes.get("/metrics")
@rate_limits.exempt
@public
def read_metrics() -> Response:
    """Give Prometheus its text: on this machine, or to the bearer of the token for it."""
    if not (is_loopback() or _knows_metrics_token()):
        raise CallbackUnauthorized
    text = metrics.requests_text()
    try:
        text += metrics.platform_text(db.session())
        is_available = 1
    except DatabaseUnavailable:
        db.session.rollback()
        is_available = 0
    text += DATABASE_UP % is_available
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _knows_metrics_token() -> bool:
    token = app_settings().metrics_token
    return token is not None and secret_keys.is_bearer_of([token])


@health.get("/health")
@rate_limits.exempt
@public
@operation(gives=Health)
def read_health() -> Response:
    """Tell clients that the service is up; a database that is away becomes 503."""
    readiness.check_connection(db.session())
    return envelope.success(
        {
            "status": "ok",
            "database": "connected",
            "service": "style-license",
            "version": VERSION,
        }
    )


def _check_schema() -> None:
    try:
        readiness.check_schema(db.session())
    except SchemaMismatch as mismatch:
        _log_mismatch(str(mismatch))
        raise


@lru_cache(maxsize=8)
def _log_mismatch(reason: str) -> None:
    """Log it once: a proxy asks every second."""
    log.error("schema mismatch", reason=reason)


def _knows_schema() -> bool:
    try:
        _check_schema()
    except SchemaMismatch:
        return False
    except Exception:  # noqa: BLE001 - the database cannot be asked: no other process knows more
        return True
    return True


def _checked(check: Callable[[], object]) -> Check:
    started_at = time.perf_counter()
    try:
        check()
    except Exception:  # noqa: BLE001 - whatever it is, it is not there, and no text may leak
        is_available = False
    else:
        is_available = True
    return Check(ok=is_available, latency_ms=round((time.perf_counter() - started_at) * 1000, 1))


def _ask_redis() -> None:
    url = app_settings().redis_url
    with redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    ) as client:
        client.ping()


def _reach(url: str) -> None:
    """Open and close a TCP connection: the web process never uses the broker."""
    parts = urlsplit(url)
    address = (parts.hostname or "localhost", parts.port or DEFAULT_PORTS.get(parts.scheme, 5672))
    with socket.create_connection(address, timeout=TIMEOUT_SECONDS):
        pass
