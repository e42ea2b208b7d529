"""Metrics for Prometheus: requests of all processes of the site, and gauges of the platform.

Each request is also one log line, with its path but without its query.
"""

import os
import time
from collections.abc import Iterator

import structlog
from flask import Flask, Response, g, request
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from webapp.domain.services import operations
from webapp.domain.signing_chain import SigningChain
from webapp.http.headers import logged_path

REQUEST_SECONDS = Histogram(
    "http_request_seconds", "Time until an answer begins, by route.", ["route", "status"]
)
STREAMS = Gauge("sse_clients", "Event streams that are open now.", multiprocess_mode="livesum")
SIGNING_END = Gauge(
    "content_credentials_end_timestamp_seconds",
    "Until when the certificate may sign pictures.",
    multiprocess_mode="mostrecent",
)
WORKER_REPORTS = Counter(
    "worker_reports", "Reports of GPU workers, by what came of them.", ["answer"]
)
VERIFICATIONS = Counter(
    "verifications", "Verified pictures, by what proved a certificate at once.", ["method"]
)
UNSEEN = frozenset(
    {
        "probes.healthz",
        "probes.readyz",
        "probes.readyz_process",
        "probes.read_metrics",
        "static",
    }
)
log = structlog.get_logger()


def register(app: Flask) -> None:
    """Measure and log every request; paths without a route count as one."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        if "began" in g:
            seconds = time.perf_counter() - g.began
            REQUEST_SECONDS.labels(route, response.status_code).observe(seconds)
            if request.endpoint not in UNSEEN:
                log.info(
                    "request",
                    method=request.method,
                    path=logged_path(),
                    status=response.status_code,
                    seconds=round(seconds, 3),
                )
        return response


def show_signing_end(chain: SigningChain) -> None:
    """Show until when pictures can be signed; the chain is read once, when the site starts."""
    SIGNING_END.set(chain.signs_until.timestamp())


def requests_text() -> bytes:
    """Return the metrics of all processes of the site."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def platform_text(session: Session) -> bytes:
    """Return the gauges of the platform. Raises OperationalError without the database."""
    registry = CollectorRegistry()
    registry.register(_Platform(session))
    return generate_latest(registry)


class _Platform(Collector):
    """The gauges of the database; one without a value is absent, not zero."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def describe(self) -> list[Metric]:
        """Return nothing, because registering must not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge that has a value."""
        for gauge, values in operations.measure(self._session):
            family = GaugeMetricFamily(gauge.name, gauge.description, labels=gauge.labels)
            for labels, value in values:
                family.add_metric(labels, value)
            if values:
                yield family
