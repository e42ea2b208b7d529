"""Numbers about requests, for Prometheus: how long each route takes, and how many streams live."""

import time

from flask import Flask, Response, g, request
from prometheus_client import Gauge, Histogram

REQUEST_SECONDS = Histogram(
    "http_request_seconds", "Time until an answer begins, by route.", ["route", "status"]
)
STREAMS = Gauge("sse_clients", "Event streams that are open now.")


def register(app: Flask) -> None:
    """Measure every request; paths without a route count as one."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        if "began" in g:
            seconds = time.perf_counter() - g.began
            REQUEST_SECONDS.labels(route, response.status_code).observe(seconds)
        return response
