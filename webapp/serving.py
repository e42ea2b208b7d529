"""How gunicorn serves the site: `gunicorn -c python:webapp.serving "webapp.app:create_app()"`.

Each process counts its requests in files of one folder, so that any of them can answer for all.
Prometheus' client looks for that folder when it is imported, therefore it is made right here.
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
    """Gunicorn's own lines, in the form of all others."""

    def setup(self, cfg: Config) -> None:
        """Hand every line on to the root logger instead of to gunicorn's handlers."""
        super().setup(cfg)
        logs.start()
        for log in (self.error_log, self.access_log):
            log.handlers = []
            log.propagate = True


worker_class = "webapp.web_worker.WebWorker"
workers = 2
# Many, because every page that is looked at holds one for its server-sent events; those are fewer
# (`event_streams.MOST_STREAMS`), so that some are always left.
threads = 64
timeout = 60
# Seconds. Longer than the proxy keeps its own (docker/Caddyfile), and than most clients do: whoever
# closes first must be the one who sends, or a request meets a closed connection. An idle
# connection holds no thread.
keepalive = 75
# Its place would be in the home folder, where a container cannot write; nobody uses it.
control_socket_disable = True
logger_class = StructuredLogger
os.environ.setdefault(METRICS_FOLDER, tempfile.mkdtemp(prefix="style-license-metrics-"))


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Forget what a process that is gone had open."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Leave no files."""
    shutil.rmtree(os.environ[METRICS_FOLDER], ignore_errors=True)
