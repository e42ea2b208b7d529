"""The table of processes: every process of the platform, its command and its queues.

The stack fills in `{names}`. Groups start from top to bottom and stop from bottom to top, so a
database stops after the workers that use it.
"""

import os
import shutil
import sys
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

PYTHON = sys.executable


class Group(StrEnum):
    """Processes that start and stop together."""

    DATABASES = "databases"
    SITE = "site"
    WORKERS = "workers"


@dataclass(frozen=True, slots=True)
class Process:
    """One process: restarted when it ends, with growing pauses if it ends within its first seconds.

    `answers_at` is a URL that answers when the process is ready; without one it is not waited for.
    `stop_seconds` is how long it may take to stop before it is killed.
    """

    name: str
    group: Group
    command: tuple[str, ...]
    answers_at: str | None = None
    stop_seconds: int = 10


def _celery(*arguments: str) -> tuple[str, ...]:
    return (PYTHON, "-m", "celery", "-A", "celery_config", *arguments)


def _worker(name: str, *, tasks: str, children: int, queues: str) -> tuple[str, ...]:
    pool = ("-P", "prefork", "-c", str(children), "-n", f"{name}@%h", "-I", tasks, "-Q", queues)
    quiet = ("--without-gossip", "--without-mingle")
    command = _celery("worker", "--loglevel", "INFO", "-E", *pool, *quiet)
    # Pages go before images.
    return ("nice", "-n", "10", *command)


PROCESSES: tuple[Process, ...] = (
    Process(
        "google",
        Group.SITE,
        (PYTHON, "-m", "webapp.sandbox.google", "--port", "{google_port}"),
        answers_at="http://127.0.0.1:{google_port}/healthz",
    ),
    Process(
        "toss",
        Group.SITE,
        (
            *(PYTHON, "-m", "webapp.sandbox.toss", "--port", "{toss_port}"),
            *("--webhook", "http://127.0.0.1:{web_port}/api/v1/webhooks/toss/payment"),
        ),
        answers_at="http://127.0.0.1:{toss_port}/healthz",
    ),
    Process(
        "mail",
        Group.SITE,
        (
            *(PYTHON, "-m", "webapp.sandbox.mail", "--port", "{mail_port}"),
            *("--smtp-port", "{smtp_port}", "--folder", "{directory}/mail"),
        ),
        answers_at="http://127.0.0.1:{mail_port}/healthz",
    ),
    Process(
        "web",
        Group.SITE,
        (
            *(PYTHON, "-m", "gunicorn", "--config", "python:webapp.serving"),
            *("--bind", "127.0.0.1:{web_port}", "--no-control-socket"),
            *("--graceful-timeout", "3", "webapp.app:create_app()"),
        ),
        answers_at="http://127.0.0.1:{web_port}/healthz",
    ),
    Process("relay", Group.WORKERS, (PYTHON, "-m", "webapp.domain.relay")),
    # With `housekeeping`, which docker-compose.yml gives a worker of its own: two more processes
    # would take some 200 MB of a machine whose data are few, so that none of it takes long.
    Process(
        "worker-cpu",
        Group.WORKERS,
        _worker(
            "cpu",
            tasks="tasks.on_cpu",
            children=2,
            queues="default,stamping,money,housekeeping",
        ),
    ),
    # One child is enough for two cores: a second would wait for a core and use 65 MB.
    Process(
        "worker-uploads",
        Group.WORKERS,
        _worker("uploads", tasks="tasks.on_cpu", children=1, queues="uploads"),
    ),
    Process(
        "worker-verify",
        Group.WORKERS,
        _worker("verify", tasks="tasks.on_cpu", children=1, queues="verify"),
    ),
    Process(
        "worker-outgoing",
        Group.WORKERS,
        _worker("outgoing", tasks="tasks.on_cpu", children=1, queues="outgoing"),
    ),
    Process(
        "worker-mail",
        Group.WORKERS,
        _worker("mail", tasks="tasks.on_cpu", children=1, queues="mail"),
    ),
    # Segments and edits photos. One child for both, without torch: a photo of 50 megapixels alone
    # takes up to 2 GB.
    Process(
        "worker-editing",
        Group.WORKERS,
        _worker(
            "editing",
            tasks="tasks.on_cpu,tasks.on_gpu",
            children=1,
            queues="segmentation,editing",
        ),
    ),
    # One child per GPU pool: a model is loaded once, and never twice into one device.
    Process(
        "worker-gpu-train",
        Group.WORKERS,
        _worker("gpu-train", tasks="tasks.on_gpu", children=1, queues="model_training"),
    ),
    Process(
        "worker-gpu-render",
        Group.WORKERS,
        _worker("gpu-render", tasks="tasks.on_gpu", children=1, queues="image_generation"),
    ),
    Process(
        "beat",
        Group.WORKERS,
        _celery("beat", "--loglevel", "INFO", "--schedule", "{directory}/beat", "--pidfile="),
    ),
    Process(
        "flower",
        Group.WORKERS,
        # It shows task arguments: loopback only, a password (FLOWER_BASIC_AUTH), read-only.
        _celery("flower", "--address=127.0.0.1", "--port={flower_port}", "--read-only"),
    ),
)

# In front of `web` where Caddy is installed, as in docker-compose.yml.
PROXY = Process(
    "proxy",
    Group.SITE,
    ("caddy", "run", "--config", "docker/Caddyfile", "--adapter", "caddyfile"),
    answers_at="http://localhost:{proxy_port}/healthz",
    stop_seconds=30,
)


def find_proxy(path: str) -> Process | None:
    """Return the proxy if Caddy is installed beside Python or in a search path, else None."""
    program = shutil.which("caddy", path=f"{Path(PYTHON).parent}{os.pathsep}{path}")
    return replace(PROXY, command=(program, *PROXY.command[1:])) if program else None


MIGRATIONS = (PYTHON, "-m", "flask", "--app", "webapp.app", "db", "upgrade")
# With a fixture as argument; it migrates too.
RESTORING = (PYTHON, "-m", "webapp.embedded.restore")
