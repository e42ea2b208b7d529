"""A child process that runs supervisord, called over its socket."""

import subprocess
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import httpx
from supervisor.xmlrpc import SupervisorTransport

from webapp.embedded.configuration import PROJECT
from webapp.embedded.processes import PYTHON

STOP_SECONDS = 60
FAILED = frozenset({"BACKOFF", "FATAL", "EXITED", "UNKNOWN"})


class ProcessInfo(TypedDict):
    """Part of what supervisord's `getProcessInfo` returns."""

    pid: int
    statename: str


class Supervisord:
    """One supervisord, started with a configuration file that names its socket."""

    def __init__(self, configuration: Path, socket: Path, log: Path) -> None:
        self.socket = socket
        self._configuration = configuration
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The child process; None before `start` and after `stop`."""
        return self._process

    def start(self, environment: Mapping[str, str]) -> None:
        """Start supervisord; it answers calls a moment later."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [PYTHON, "-m", "webapp.embedded.watch", str(self._configuration)],
                cwd=PROJECT,
                env=dict(environment),
                stdin=subprocess.PIPE,  # `watch` stops everything when this end is closed
                stdout=log,
                stderr=log,
                start_new_session=True,  # the terminal sends Ctrl-C to the stack only
            )

    def stop(self) -> int | None:
        """Stop all groups in reverse order; return the id of the session, None if none ran.

        A second Ctrl-C kills what has not stopped yet.
        """
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            process.terminate()
            process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()
        finally:
            if process.stdin is not None:
                process.stdin.close()
        return process.pid

    def wait(self) -> None:
        """Return when supervisord has ended."""
        if self._process is not None:
            self._process.wait()

    def has_ended(self) -> bool:
        """Return whether supervisord does not run."""
        return self._process is None or self._process.poll() is not None

    def start_process(self, name: str) -> None:
        """Start a process by its full name, `group:name`; return at once."""
        self._call("startProcess", name, False)

    def process_info(self, name: str) -> ProcessInfo:
        """Return the state of a process by its full name."""
        info: ProcessInfo = self._call("getProcessInfo", name)
        return info

    def is_ready(self) -> bool:
        """Return whether supervisord answers; raises OSError while its socket is not there."""
        return bool(self._call("getState"))

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        proxy = xmlrpc.client.ServerProxy("http://supervisor", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()


def answers(url: str) -> bool:
    """Return whether a process answers at a URL, without an error."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code < httpx.codes.BAD_REQUEST
    except httpx.HTTPError:
        return False
