"""Base of the embedded servers: prepared in a folder, run in the foreground on a loopback port."""

import pwd
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from signal import SIGINT, Signals
from typing import Self, TypedDict

from webapp.embedded.persisted import EmbeddedError

START_SECONDS = 60
STOP_SECONDS = 30
LOG_TAIL_CHARACTERS = 2000


class AccountOptions(TypedDict, total=False):
    """Options of `subprocess` that make a child run as another account."""

    user: int
    group: int
    extra_groups: list[int]
    cwd: str


class Server(ABC):
    """A server to `start` and `stop`, or to `prepare` for a supervisor that runs `argv`.

    `account` is the unprivileged account to run as, None for that of this process.
    """

    name: str
    stop_signal: Signals = SIGINT

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.account: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Create what the server needs to start; quick when it exists already."""

    @property
    @abstractmethod
    def argv(self) -> list[str]:
        """The command that runs the server in the foreground, once prepared."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL for clients, with the password, once prepared."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether the server answers a client now."""

    def start(self) -> str:
        """Prepare and run the server; return its URL when it answers."""
        self.prepare()
        log = self.directory / f"{self.name}.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to the process that stops it in order
                **as_account(self.account),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(f"{self.name} did not start:\n{tail(log)}")
            time.sleep(0.05)
        return self.url

    def stop(self) -> None:
        """Stop the server and wait until it has ended; do nothing if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(self.stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def as_account(account: str | None) -> AccountOptions:
    """Return the arguments that make `subprocess` run as this account and nothing more."""
    if account is None:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


def tail(log: Path) -> str:
    """Return the end of a log, for an error message."""
    if not log.exists():
        return "(nothing was logged)"
    return log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:]
