"""The whole product as real processes, on a database, broker, cache and storage of its own.

Everything listens on loopback, everything is started by us and stopped by us. `running()` gives
the one stack that journeys and fault tests share, since starting it takes a while.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import httpx
from sqlalchemy import URL, create_engine
from sqlalchemy.orm import sessionmaker

from celery_config import CPU_QUEUES, GPU_QUEUES
from tests import database, signing
from tests.books import Books
from tests.broker import Broker, free_port
from tests.processes import PYTHON, ROOT, Keeper, Process
from tests.waiting import wait_for
from webapp.domain.gateways.storage import make_storage
from webapp.embedded.redis import Redis

BASE_MODEL = "tiny"  # what the workers have loaded, and so what styles on sale must be made for
READY_SECONDS = 120
MIGRATION = """
from alembic import command
from tests.database import ROOT, alembic_config
config = alembic_config()
config.set_main_option("script_location", str(ROOT / "migrations"))
command.upgrade(config, "head")
"""
BIN = Path(PYTHON).parent
# No thread of numpy's or torch's may spin for a core that others need.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
REAL_ENGINE, FAST_ENGINE = "tests.tiny_engine", "tests.chaos.fast_engine"
OUTSIDE = "tasks.remote"  # the real engine on a machine without the broker
RENTED = ROOT / "tests/journeys/outside"
# All that such a machine is told: where the site is, and what it may use itself.
TOLD_OUTSIDE = (
    *("PATH", "LANG", "HOME", "PYTHONUNBUFFERED", *ONE_THREAD),
    *("INTERNAL_API_URL", "INTERNAL_API_TOKEN", "BASE_MODEL", "TINY_MODEL_FOLDER"),
)


def site_environment(folder: Path, address: str) -> dict[str, str]:
    """What every site of the tests is told: its secrets, its sandboxes and its folders."""
    return {
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "PYTHONUNBUFFERED": "1",
        "ENV": "test",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "INTERNAL_API_TOKEN": secrets.token_urlsafe(32),
        "PUBLIC_BASE_URL": address,
        "GOOGLE_CLIENT_ID": "sandbox",
        "GOOGLE_CLIENT_SECRET": "sandbox",
        "TOSS_CLIENT_KEY": "test_ck_sandbox",
        "TOSS_SECRET_KEY": "test_sk_sandbox",
        "STORAGE_URL": f"folder://{folder / 'objects'}",
        "BASE_MODEL": BASE_MODEL,
        "RATE_LIMITS_ENABLED": "false",
        **signing.development(),
        **ONE_THREAD,
    }


class Stack(Books):
    """web, relay, six kinds of worker and both sandboxes, started and stopped together.

    `broker` is rabbitmq or redis, `storage` folder or s3; `threads` are those of the web process;
    `changes` are variables of the environment that shall differ.
    """

    def __init__(
        self,
        folder: Path,
        *,
        broker: str = "rabbitmq",
        storage: str = "folder",
        threads: int = 8,
        changes: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self._threads = threads
        self.rabbitmq = Broker(folder / "rabbitmq") if broker == "rabbitmq" else None
        self.redis = Redis(folder / "redis")
        self._storage_kind = storage
        self._changes = changes or {}
        self._parts = ExitStack()
        self._processes: list[Process] = []
        self._keeper = Keeper(self._processes)
        self.environment: dict[str, str] = {}
        self.engine_module = ""

    # ── life ─────────────────────────────────────────────────────────────────────────────────

    def start(self) -> "Stack":
        """Start everything and wait until all of it answers."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self) -> None:
        self.temporary.mkdir(parents=True, exist_ok=True)
        if self.rabbitmq:
            self._parts.callback(self.rabbitmq.stop)
            self.rabbitmq.launch()
        redis_url = self.redis.start()
        self._parts.callback(self.redis.stop)
        self.database_url = self._open_database()
        self.environment = self._environment(redis_url) | self._changes
        self._parts.callback(self._stop_processes)
        if self._storage_kind == "s3":
            self._start_s3()
        self.storage = make_storage(
            storage_url=self.environment["STORAGE_URL"],
            public_base_url=self.site,
            secret_key=self.environment["SECRET_KEY"],
        )
        self.storage.prepare()
        self._migrate()
        self._use_database(self.database_url)
        self._add_processes()
        if self.rabbitmq:
            self.rabbitmq.wait_until_up()
        for process in self._processes:
            process.start()
        self._keeper.start()
        self.wait_until_ready()

    def _open_database(self) -> URL:
        """An empty database for this stack, gone in the end."""
        server = self._parts.enter_context(database.server())
        return self._parts.enter_context(database.database(server))

    def stop(self) -> None:
        """Stop everything; nothing is left running."""
        self._keeper.stop()
        self._parts.close()

    def _stop_processes(self) -> None:
        self._keeper.stop()
        threads = [threading.Thread(target=process.stop) for process in self._processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _environment(self, redis_url: str) -> dict[str, str]:
        port, self._google_port, self._toss_port = free_port(), free_port(), free_port()
        # Nobody listens there, until a test does: nobody gets mails who did not ask for them.
        self.smtp_port = free_port()
        self.site = f"http://127.0.0.1:{port}"
        self._port = port
        return {
            **site_environment(self.folder, self.site),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            # The slots of decoders lie here: two stacks on one machine do not share them.
            "TMPDIR": str(self.temporary),
            "INTERNAL_API_URL": self.site,
            "GOOGLE_BASE_URL": f"http://127.0.0.1:{self._google_port}",
            "TOSS_BASE_URL": f"http://127.0.0.1:{self._toss_port}",
            "SMTP_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "MAIL_FROM": "Style License <no-reply@styles.example>",
            "DATABASE_URL": self.database_url.render_as_string(hide_password=False),
            "BROKER_URL": self.rabbitmq.url
            if self.rabbitmq
            else redis_url.removesuffix("/0") + "/1",
            "REDIS_URL": redis_url,
            "TINY_MODEL_FOLDER": str(self.folder / "tiny"),
            "WORKER_CACHE_DIR": str(self.folder / "worker"),
            "WEBHOOKS_MAY_BE_LOCAL": "true",
            "GENERATION_LEASE_SECONDS": "6",
            "TRAINING_LEASE_SECONDS": "30",
            "STEP_LEASE_SECONDS": "20",
            "SEGMENTATION_LEASE_SECONDS": "8",
            "TRAINING_SLICE_SECONDS": "1",
            "REPUBLISH_SECONDS": "2",
            "RETRY_DELAYS_SECONDS": "[0, 1, 2]",
        }

    def _start_s3(self) -> None:
        port, folder = free_port(), self.folder / "s3"
        folder.mkdir()
        self.s3 = Process(
            "s3",
            [
                *(str(BIN / "rclone"), "serve", "s3", "--config", "/dev/null"),
                *("--addr", f"127.0.0.1:{port}", "--auth-key", "key,secret", str(folder)),
            ],
            self.environment,
            self.folder,
        )
        self.s3.start()
        self._parts.callback(self.s3.stop)
        self.environment["STORAGE_URL"] = f"s3://key:secret@127.0.0.1:{port}/images?secure=0"
        wait_for(lambda: _answers(f"http://127.0.0.1:{port}"), "the S3 server", seconds=30)

    def python(
        self, *arguments: str, seconds: float = READY_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run Python in the environment of the processes to its end, whatever its status."""
        return subprocess.run(
            [PYTHON, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def flask(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command of `flask` to its end, whatever its status."""
        return self.python("-m", "flask", "--app", "webapp.app", *map(str, arguments))

    def _migrate(self) -> None:
        done = self.python("-c", MIGRATION)
        assert done.returncode == 0, done.stdout + done.stderr

    def die(self) -> None:
        """Kill every process of the product at once; the services behind it go on."""
        self._keeper.stop()
        for process in self._processes:
            process.is_wanted = False
            process.kill()

    def live_again(self, url: URL) -> None:
        """Start every process again, on another database."""
        self._use_database(url)
        self._keeper = Keeper(self._processes)
        for process in self._processes:
            process.start()
        self._keeper.start()
        self.wait_until_ready()
        self._wait_until_said(self.gpu, "ready.")

    def empty_database(self) -> URL:
        """Another database on the same server, dropped in the end."""
        return self._parts.enter_context(database.database(self.database_url))

    def _use_database(self, url: URL) -> None:
        self.database_url = url
        self.environment["DATABASE_URL"] = url.render_as_string(hide_password=False)
        self._engine = create_engine(url, pool_size=10, max_overflow=20, pool_pre_ping=True)
        self._parts.callback(self._engine.dispose)
        self.sessions = sessionmaker(self._engine, expire_on_commit=False)

    # ── processes ────────────────────────────────────────────────────────────────────────────

    def _add_processes(self) -> None:
        self.google = self._add(
            "google", PYTHON, "-m", "webapp.sandbox.google", "--port", str(self._google_port)
        )
        self.toss = self._add(
            "toss",
            *(PYTHON, "-m", "webapp.sandbox.toss", "--port", str(self._toss_port)),
            *("--webhook", f"{self.site}/api/v1/webhooks/toss/payment"),
        )
        self.web = self._add(
            "web",
            *(PYTHON, "-m", "gunicorn", "-c", "python:webapp.serving"),
            *("--threads", str(self._threads)),
            *("-b", f"127.0.0.1:{self._port}", "--graceful-timeout", "2", "--preload"),
            *("--no-control-socket", "webapp.app:create_app()"),
        )
        self.relay = self._add("relay", PYTHON, "-m", "webapp.domain.relay")
        self.stamper = self._worker("stamper", "tasks.on_cpu", "default,stamping,housekeeping")
        self.uploads = self._worker("uploads", "tasks.on_cpu", "uploads,verify")
        self.sender = self._worker("sender", "tasks.on_cpu", "outgoing,mail")
        # Alone on its queue, so that its commits are those of deliveries and refunds.
        self.cashier = self._worker("cashier", "tasks.on_cpu", "money")
        # One child for both, as `make up` has it.
        self.editor = self._worker(
            "editor", "tasks.on_cpu,tests.chaos.editing", "editing,segmentation"
        )

    def _worker(self, name: str, module: str, queues: str) -> Process:
        return self._add(
            name,
            *(PYTHON, "-m", "celery", "-A", "celery_config", "worker", "-P", "prefork", "-c", "1"),
            *("-I", module, "-Q", queues, "-n", f"{name}@%h", "--loglevel", "INFO"),
            *("--without-gossip", "--without-mingle"),
        )

    def _outside(self) -> Process:
        """A GPU outside our broker: it has no key and no address but those of the worker API."""
        told = {name: self.environment[name] for name in TOLD_OUTSIDE}
        process = Process(
            "gpu",
            [PYTHON, "-m", OUTSIDE],
            told
            | {
                "PYTHONPATH": f"{RENTED}:{ROOT}",
                "WORKER_CACHE_DIR": str(self.folder / "rented"),
                "POLL_SECONDS": "0.2",
            },
            self.folder,
        )
        self._processes.append(process)
        return process

    def _add(self, name: str, *command: str) -> Process:
        process = Process(name, list(command), self.environment, self.folder)
        self._processes.append(process)
        return process

    def use_engine(self, module: str) -> None:
        """Let the GPU worker run the real engine on the tiny model, or one that only pretends.

        With OUTSIDE it is no Celery worker at all, and stands outside our broker.
        """
        if module == self.engine_module:
            return
        if self.engine_module:
            self.gpu.stop()
            self._processes.remove(self.gpu)
            self.gpu.log.unlink()
        self.engine_module = module
        if module == OUTSIDE:
            self.gpu = self._outside()
            self.gpu.start()
            self._wait_until_said(self.gpu, "remote worker ready")
            return
        self.gpu = self._worker("gpu", module, "model_training,image_generation")
        self.gpu.start()
        self._wait_until_said(self.gpu, "ready.")
        # until then only styles of the weights before can be ordered
        self._wait_until_said(self.gpu, "base model reported")
        if self.rabbitmq:
            self.rabbitmq.wait_until_it_remembers(CPU_QUEUES + GPU_QUEUES)

    def wait_until_ready(self) -> None:
        """Wait until every process that is wanted answers."""
        wait_for(
            lambda: _answers(f"{self.site}/healthz"),
            "web",
            seconds=READY_SECONDS,
            explain=self.web.tail,
        )
        wait_for(
            lambda: _answers(f"{self.environment['GOOGLE_BASE_URL']}/healthz"),
            "Google's sandbox",
            seconds=READY_SECONDS,
        )
        wait_for(
            lambda: _answers(f"{self.environment['TOSS_BASE_URL']}/healthz"),
            "Toss's sandbox",
            seconds=READY_SECONDS,
        )
        self._wait_until_said(self.relay, "relay started")
        self._wait_until_said(self.stamper, "ready.")
        self._wait_until_said(self.uploads, "ready.")
        self._wait_until_said(self.sender, "ready.")
        self._wait_until_said(self.cashier, "ready.")
        self._wait_until_said(self.editor, "ready.")

    def _wait_until_said(self, process: Process, words: str) -> None:
        wait_for(
            lambda: process.has_said(words),
            f"{process.name} to be ready",
            seconds=READY_SECONDS,
            explain=process.tail,
        )

    def tails(self) -> str:
        """The ends of all logs, for whoever has to find out why a test failed."""
        broker = self.rabbitmq.tail() if self.rabbitmq else ""
        return "".join(process.tail() for process in self._processes) + broker


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=5)
    except httpx.HTTPError:
        return False
    return True


_running: list[Stack] = []


def running() -> Stack:
    """The one stack of this test session; `stop_running` ends it."""
    if not _running:
        # Told to end, we end in order: nothing may be left running.
        signal.signal(signal.SIGTERM, interrupt)
        folder = Path(tempfile.mkdtemp(prefix="style-license-stack-"))
        _running.append(Stack(folder).start())
    return _running[0]


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End in order at a signal, as at Ctrl-C."""
    raise KeyboardInterrupt


def stop_running() -> None:
    """End the stack of this session, if there is one."""
    while _running:
        stack = _running.pop()
        stack.stop()
        if "KEEP_STACK" not in os.environ:
            shutil.rmtree(stack.folder, ignore_errors=True)
