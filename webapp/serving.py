"""How gunicorn serves the site: `gunicorn -c python:webapp.serving "webapp.app:create_app()"`.

Each process writes its metrics to files of one folder, so any of them can serve those of all.
The Prometheus client reads the folder's variable when it is imported, so it is set here.
"""

import os
import shutil
import tempfile
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

import logs

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class StructuredLogger(Logger):  # type: ignore[misc]
    """Gunicorn's log lines, in the format of all others."""

    def setup(self, cfg: Config) -> None:
        """Propagate every line to the root logger instead of to gunicorn's handlers."""
        super().setup(cfg)
        logs.start()
        for log in (self.error_log, self.access_log):
            log.handlers = []
            log.propagate = True


worker_class = "webapp.web_worker.WebWorker"
workers = 2
# Many, because every open page occupies one for its server-sent events. Streams are limited
# (`event_streams.MOST_STREAMS`), so some threads are always left for requests.
threads = 64
timeout = 60
# Seconds from SIGTERM until what is left is killed. The first sixth is for the proxy, which asks
# every second whether this process is ready (webapp.web_worker.DRAIN_SHARE); the rest is for
# requests in flight. A container gets more (`stop_grace_period`).
graceful_timeout = 30
# Seconds. Longer than the proxy (docker/Caddyfile) and most clients keep a connection: the sender
# must close it first, or a request is sent on a closed connection. An idle connection occupies no
# thread.
keepalive = 75
# It would be in the home folder, which is read-only in a container; it is not used.
control_socket_disable = True
logger_class = StructuredLogger
os.environ.setdefault(METRICS_FOLDER, tempfile.mkdtemp(prefix="style-license-metrics-"))


def on_starting(_server: Arbiter) -> None:
    """Refuse to serve with the text that stands for secrets where they are not used."""
    from webapp.domain.settings import settings

    settings().require_own_secrets()


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Remove the gauges of a process that has ended."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Delete the folder of the metrics."""
    shutil.rmtree(os.environ[METRICS_FOLDER], ignore_errors=True)
