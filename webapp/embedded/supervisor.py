"""Runs the whole platform on one machine: databases, site and workers, and nothing left after.

The runner is supervisord, a process runner kept since 2004, and not code of ours. It was chosen
over honcho, which ends everything when one process ends, and over circus, which stops all at
once and restarts at a fixed pace: supervisord restarts what ends, with growing pauses for what
keeps failing, stops groups in reverse order, kills what does not stop, and turns its logs over.
We write its configuration from the table in `processes.py` and start the groups in order, each
when the one before it answers.
"""

import fcntl
import shutil
import subprocess
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self, TypedDict

import httpx
from supervisor.xmlrpc import SupervisorTransport

from webapp.embedded.configuration import PROJECT, configuration, log_file
from webapp.embedded.environment import (
    MARK,
    SANDBOXES,
    environment,
    uses_sandbox,
    write_environment,
)
from webapp.embedded.kept import EmbeddedError, free_port, is_free, private_file
from webapp.embedded.leftovers import end_leftovers
from webapp.embedded.postgres import Postgres
from webapp.embedded.processes import (
    MIGRATIONS,
    PROCESSES,
    PYTHON,
    RESTORING,
    Group,
    Process,
)
from webapp.embedded.redis import Redis
from webapp.embedded.server import Server, tail

READY_SECONDS = 90
STOP_SECONDS = 60
SAID = "world: "  # how lines begin that a restored fixture tells the person at the terminal
FAILED = frozenset({"BACKOFF", "FATAL", "EXITED", "UNKNOWN"})
SOCKET_PATH_LIMIT = 90  # the system's is 108 bytes, and supervisord adds its pid for a moment


class ProcessInfo(TypedDict):
    """Part of what supervisord's `getProcessInfo` returns."""

    pid: int
    statename: str


class Stack:
    """Everything embedded, kept in one folder; a context manager that leaves nothing running.

    `environ` is the environment to add to: any of `DATABASE_URL`, `BROKER_URL`, `REDIS_URL`,
    `STORAGE_URL`, `GOOGLE_CLIENT_ID` and `TOSS_SECRET_KEY` in it replaces the embedded one. Ports
    not given are any free ones. With a `proxy` people come to its port, and `web` is behind it. A
    `fixture` is restored into a site that is empty and all ours.
    """

    def __init__(
        self,
        directory: Path,
        *,
        environ: Mapping[str, str],
        web_port: int | None = None,
        google_port: int | None = None,
        toss_port: int | None = None,
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
        self._given = {name: value for name, value in environ.items() if name != MARK}
        self._ports = {
            "web": web_port,
            "google": google_port,
            "toss": toss_port,
            "flower": flower_port,
        }
        if proxy:
            self._ports |= {"proxy": proxy_port, "tls": tls_port}
        self._wanted = (*processes, proxy) if proxy else processes
        self._migrations = migrations
        if fixture is not None and self.is_all_ours:
            self._migrations = (*RESTORING, str(fixture.absolute()))
        self._report = report
        self._servers: list[Server] = []
        self._lock: IO[str] | None = None
        self._supervisord: subprocess.Popen[bytes] | None = None
        self._socket = self.directory / "supervisor.sock"

    @property
    def urls(self) -> dict[str, str]:
        """Where `web`, the sandboxes (`google`, `toss`) and `flower` listen, and a `proxy`."""
        return {name: f"http://localhost:{port}" for name, port in self._ports.items()}

    @property
    def site(self) -> str:
        """Where people find the site."""
        return self.urls.get("proxy", self.urls["web"])

    @property
    def is_all_ours(self) -> bool:
        """Whether nobody real can be here: our database, and sandboxes to sign in and to pay."""
        return not self._given.get("DATABASE_URL") and all(
            uses_sandbox(self._given, name) for name in SANDBOXES
        )

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return log_file(self.directory, name)

    def start(self) -> None:
        """Start everything in order and return when all that answers has answered.

        Raises `EmbeddedError` with the end of the log of what did not; then nothing is running.
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
        """Return when the supervisor has ended, which it does only when asked or killed."""
        if self._supervisord is not None:
            self._supervisord.wait()

    def stop(self) -> None:
        """Stop workers, then site, then databases, and make sure that nothing is left.

        A second Ctrl-C kills what has not stopped yet.
        """
        supervisord, self._supervisord = self._supervisord, None
        try:
            if supervisord is not None:
                supervisord.terminate()
                supervisord.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            if supervisord is not None:
                supervisord.kill()
                supervisord.wait()
        finally:
            if supervisord is not None and supervisord.stdin is not None:
                supervisord.stdin.close()
            if self._lock is not None:
                end_leftovers(self.directory, session=supervisord.pid if supervisord else None)
                if self._socket.parent != self.directory:
                    shutil.rmtree(self._socket.parent, ignore_errors=True)
                self._lock.close()
                self._lock = None

    def pid(self, name: str) -> int:
        """Return the process id of a running process, 0 if it is not running."""
        return self._info(name)["pid"]

    def state(self, name: str) -> str:
        """Return supervisord's name for the state of a process, like RUNNING or BACKOFF."""
        return self._info(name)["statename"]

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
        if not self._given.get("DATABASE_URL"):
            self._servers.append(postgres)
        if not (self._given.get("BROKER_URL") and self._given.get("REDIS_URL")):
            self._servers.append(redis)
        for server in self._servers:
            self._report(f"preparing {server.name}")
            server.prepare()
        self.environment = environment(
            self.directory,
            given=self._given,
            web_port=self._ports["web"] or 0,
            google_port=self._ports["google"] or 0,
            toss_port=self._ports["toss"] or 0,
            flower_port=self._ports["flower"] or 0,
            database_url=postgres.url if postgres in self._servers else "",
            redis_url=redis.url if redis in self._servers else "",
            proxy_ports=(self._ports["proxy"] or 0, self._ports["tls"] or 0)
            if "proxy" in self._ports
            else None,
        )
        (self.directory / "storage").mkdir(mode=0o700, exist_ok=True)
        write_environment(self.directory / "environment", self.environment, self._given)
        if len(str(self._socket)) > SOCKET_PATH_LIMIT:
            self._socket = Path(tempfile.mkdtemp(prefix="style-license-")) / "supervisor.sock"

    def _processes(self, group: Group) -> list[Process]:
        return [
            replace(process, command=tuple(self._fill(part) for part in process.command))
            for process in self._wanted
            if process.group is group and uses_sandbox(self._given, process.name)
        ]

    def _full_name(self, name: str) -> str:
        groups = {process.name: process.group for process in self._wanted}
        return f"{groups.get(name, Group.DATABASES)}:{name}"

    def _fill(self, text: str) -> str:
        ports = {f"{name}_port": port for name, port in self._ports.items()}
        return text.format(directory=self.directory, **ports)

    # --- supervisord -----------------------------------------------------------------------------

    def _start_supervisord(self) -> None:
        file = self.directory / "supervisor.conf"
        wanted = [process for group in Group for process in self._processes(group)]
        text = configuration(
            directory=self.directory, socket=self._socket, servers=self._servers, processes=wanted
        )
        private_file(file, text)
        self._socket.unlink(missing_ok=True)
        with self.log("supervisor").open("ab") as log:
            self._supervisord = subprocess.Popen(
                [PYTHON, "-m", "webapp.embedded.watch", str(file)],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.PIPE,  # held open by us; `watch` ends everything when it closes
                stdout=log,
                stderr=log,
                start_new_session=True,  # the terminal's Ctrl-C comes to us alone
            )
        self._wait("supervisor", lambda: bool(self._call("getState")))

    def _info(self, name: str) -> ProcessInfo:
        info: ProcessInfo = self._call("getProcessInfo", self._full_name(name))
        return info

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        proxy = xmlrpc.client.ServerProxy("http://supervisor", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()

    # --- starting in order -----------------------------------------------------------------------

    def _start_group(self, group: Group) -> None:
        checks: dict[str, Callable[[], bool] | None] = {}
        if group is Group.DATABASES:
            checks |= {server.name: server.is_ready for server in self._servers}
        for process in self._processes(group):
            url = self._fill(process.answers_at) if process.answers_at else None
            checks[process.name] = _answers(url) if url else None
        for name in checks:
            self._report(f"starting {name}")
            self._call("startProcess", self._full_name(name), False)
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
                failed = self._supervisord is None or self._supervisord.poll() is not None
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
            if line.startswith(SAID):
                self._report(line)


def _answers(url: str) -> Callable[[], bool]:
    def check() -> bool:
        try:
            return httpx.get(url, timeout=5, trust_env=False).status_code < httpx.codes.BAD_REQUEST
        except httpx.HTTPError:
            return False

    return check
