"""Runs the whole platform on one machine: databases, site and workers; leaves nothing running.

supervisord runs the processes. Unlike honcho, which stops everything when one process ends, and
circus, which stops all at once and restarts at a fixed rate, it restarts what ends with growing
pauses, stops groups in reverse order, kills what does not stop, and rotates logs. Its configuration
is written from the table in `processes.py`; groups start in order, each when the one before it
answers.
"""

import fcntl
import shutil
import subprocess
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Self

from webapp.embedded.configuration import PROJECT, configuration, log_file
from webapp.embedded.environment import (
    MARK,
    SANDBOXES,
    environment,
    uses_sandbox,
    write_environment,
)
from webapp.embedded.leftovers import end_leftovers
from webapp.embedded.persisted import EmbeddedError, free_port, is_free, private_file
from webapp.embedded.postgres import Postgres
from webapp.embedded.processes import (
    MIGRATIONS,
    PROCESSES,
    RESTORING,
    Group,
    Process,
)
from webapp.embedded.redis import Redis
from webapp.embedded.server import Server, tail
from webapp.embedded.supervisord import FAILED, Supervisord, answers

READY_SECONDS = 90
REPORTED = "world: "  # prefix of the log lines of `restore.py` that are shown in the terminal
SOCKET_PATH_LIMIT = 90  # the system's is 108 bytes, and supervisord adds its pid for a moment


class Stack:
    """The embedded platform in one folder; a context manager that leaves nothing running.

    `environ` is the environment to add to: any of `DATABASE_URL`, `BROKER_URL`, `REDIS_URL`,
    `STORAGE_URL`, `GOOGLE_CLIENT_ID`, `TOSS_SECRET_KEY` and `SMTP_URL` in it replaces the embedded
    service. A port that is None is any free one. With a `proxy` the site is reached at its port,
    and `web` is behind it. A `fixture` is restored into an empty site that uses embedded services
    only.
    """

    def __init__(
        self,
        directory: Path,
        *,
        environ: Mapping[str, str],
        web_port: int | None = None,
        google_port: int | None = None,
        toss_port: int | None = None,
        mail_port: int | None = None,
        flower_port: int | None = None,
        proxy: Process | None = None,
        proxy_port: int | None = None,
        tls_port: int | None = None,
        processes: tuple[Process, ...] = PROCESSES,
        migrations: tuple[str, ...] | None = MIGRATIONS,
        fixture: Path | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.directory = directory.absolute()
        self.environment: dict[str, str] = {}
        self._environ = {name: value for name, value in environ.items() if name != MARK}
        self._ports = {
            "web": web_port,
            "google": google_port,
            "toss": toss_port,
            "mail": mail_port,
            "smtp": None,
            "flower": flower_port,
        }
        if proxy:
            self._ports |= {"proxy": proxy_port, "tls": tls_port}
        self._all_processes = (*processes, proxy) if proxy else processes
        self._migrations = migrations
        if fixture is not None and self.is_all_ours:
            self._migrations = (*RESTORING, str(fixture.absolute()))
        self._report = report
        self._servers: list[Server] = []
        self._lock: IO[str] | None = None
        self._supervisord: Supervisord | None = None
        self._socket = self.directory / "supervisor.sock"

    @property
    def urls(self) -> dict[str, str]:
        """URLs of `web`, the sandboxes (`google`, `toss`, `mail`), `flower`, and of a `proxy`."""
        return {name: f"http://localhost:{port}" for name, port in self._ports.items()}

    @property
    def site(self) -> str:
        """URL of the site, of the proxy if there is one."""
        return self.urls.get("proxy", self.urls["web"])

    @property
    def is_all_ours(self) -> bool:
        """Whether no real person can have an account: embedded database and all sandboxes."""
        return not self._environ.get("DATABASE_URL") and all(
            uses_sandbox(self._environ, name) for name in SANDBOXES
        )

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return log_file(self.directory, name)

    def start(self) -> None:
        """Start everything in order; return when every process with a check has answered.

        Raises `EmbeddedError` with the end of the log of the one that did not; then nothing runs.
        """
        try:
            self._claim_directory()
            self._prepare()
            self._start_supervisord()
            self._start_group(Group.DATABASES)
            self._migrate()
            self._start_group(Group.SITE)
            self._start_group(Group.WORKERS)
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        """Return when supervisord has ended: it was stopped or killed."""
        if self._supervisord is not None:
            self._supervisord.wait()

    def stop(self) -> None:
        """Stop workers, then site, then databases, and end every process that is left.

        A second Ctrl-C kills what has not stopped yet.
        """
        supervisord, self._supervisord = self._supervisord, None
        session = None
        try:
            session = supervisord.stop() if supervisord is not None else None
        finally:
            if self._lock is not None:
                end_leftovers(self.directory, session=session)
                if self._socket.parent != self.directory:
                    shutil.rmtree(self._socket.parent, ignore_errors=True)
                self._lock.close()
                self._lock = None

    def pid(self, name: str) -> int:
        """Return the process id of a process, 0 if it is not running."""
        return self._running().process_info(self._full_name(name))["pid"]

    def state(self, name: str) -> str:
        """Return supervisord's name for the state of a process, like RUNNING or BACKOFF."""
        return self._running().process_info(self._full_name(name))["statename"]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- preparing -------------------------------------------------------------------------------

    def _claim_directory(self) -> None:
        (self.directory / "log").mkdir(parents=True, exist_ok=True)
        lock = (self.directory / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise EmbeddedError(f"a stack is already running in {self.directory}") from None
        self._lock = lock
        end_leftovers(self.directory)  # of a run that was killed

    def _prepare(self) -> None:
        for name, port in self._ports.items():
            if port is not None and not is_free(port):
                raise EmbeddedError(f"port {port} for {name} is taken: stop what listens there")
            self._ports[name] = port or free_port()
        postgres = Postgres(self.directory / "postgres")
        redis = Redis(self.directory / "redis")
        self._servers = []
        if not self._environ.get("DATABASE_URL"):
            self._servers.append(postgres)
        if not (self._environ.get("BROKER_URL") and self._environ.get("REDIS_URL")):
            self._servers.append(redis)
        for server in self._servers:
            self._report(f"preparing {server.name}")
            server.prepare()
        self.environment = environment(
            self.directory,
            environ=self._environ,
            web_port=self._ports["web"] or 0,
            google_port=self._ports["google"] or 0,
            toss_port=self._ports["toss"] or 0,
            smtp_port=self._ports["smtp"] or 0,
            flower_port=self._ports["flower"] or 0,
            database_url=postgres.url if postgres in self._servers else "",
            redis_url=redis.url if redis in self._servers else "",
            proxy_ports=(self._ports["proxy"] or 0, self._ports["tls"] or 0)
            if "proxy" in self._ports
            else None,
        )
        (self.directory / "storage").mkdir(mode=0o700, exist_ok=True)
        write_environment(self.directory / "environment", self.environment, self._environ)
        if len(str(self._socket)) > SOCKET_PATH_LIMIT:
            self._socket = Path(tempfile.mkdtemp(prefix="style-license-")) / "supervisor.sock"

    def _processes(self, group: Group) -> list[Process]:
        return [
            replace(process, command=tuple(self._fill(part) for part in process.command))
            for process in self._all_processes
            if process.group is group and uses_sandbox(self._environ, process.name)
        ]

    def _full_name(self, name: str) -> str:
        groups = {process.name: process.group for process in self._all_processes}
        return f"{groups.get(name, Group.DATABASES)}:{name}"

    def _fill(self, text: str) -> str:
        ports = {f"{name}_port": port for name, port in self._ports.items()}
        return text.format(directory=self.directory, **ports)

    # --- supervisord -----------------------------------------------------------------------------

    def _start_supervisord(self) -> None:
        file = self.directory / "supervisor.conf"
        programs = [process for group in Group for process in self._processes(group)]
        text = configuration(
            directory=self.directory, socket=self._socket, servers=self._servers, processes=programs
        )
        private_file(file, text)
        self._socket.unlink(missing_ok=True)
        self._supervisord = Supervisord(file, self._socket, self.log("supervisor"))
        self._supervisord.start(self.environment)
        self._wait("supervisor", self._supervisord.is_ready)

    def _running(self) -> Supervisord:
        if self._supervisord is None:
            raise EmbeddedError("the stack is not running")
        return self._supervisord

    # --- starting in order -----------------------------------------------------------------------

    def _start_group(self, group: Group) -> None:
        checks: dict[str, Callable[[], bool] | None] = {}
        if group is Group.DATABASES:
            checks |= {server.name: server.is_ready for server in self._servers}
        for process in self._processes(group):
            url = self._fill(process.answers_at) if process.answers_at else None
            checks[process.name] = partial(answers, url) if url else None
        for name in checks:
            self._report(f"starting {name}")
            self._running().start_process(self._full_name(name))
        for name, check in checks.items():
            if check is not None:
                self._wait(name, check)

    def _wait(self, name: str, check: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                if check():
                    return
                failed = self.state(name) in FAILED
            except (OSError, xmlrpc.client.Error):  # supervisord itself is not there yet, or gone
                failed = self._running().has_ended()
            if failed or time.monotonic() > deadline:
                raise EmbeddedError(f"{name} did not start:\n{tail(self.log(name))}")
            time.sleep(0.1)

    def _migrate(self) -> None:
        if self._migrations is None:
            return
        self._report("migrating the database")
        with self.log("migrations").open("wb") as log:
            done = subprocess.run(
                self._migrations,
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode != 0:
            raise EmbeddedError(f"the migrations failed:\n{tail(self.log('migrations'))}")
        for line in self.log("migrations").read_text(encoding="utf-8").splitlines():
            if line.startswith(REPORTED):
                self._report(line)
