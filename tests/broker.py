"""A RabbitMQ node of our own: on loopback, in a folder, so that tests may kill and restart it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kombu import Connection

from tests.waiting import wait_for

PROGRAMS = (
    Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),
    Path("/opt/rabbitmq/sbin/rabbitmq-server"),
)
CONFIGURATION = """\
listeners.tcp.default = 127.0.0.1:{port}
log.file.level = warning
# Nothing here may depend on how full this machine happens to be.
disk_free_limit.absolute = 1MB
consumer_timeout = 86400000
"""
START_SECONDS = 90
FIRST_PORT, PORTS = 20_000, 3_000  # of each process of tests

given_ports: set[int] = set()


def find_program() -> str:
    """Return the server's start script; Debian's wrapper in PATH would switch users as root."""
    for program in PROGRAMS:
        if program.exists():
            return str(program)
    found = shutil.which("rabbitmq-server")
    assert found, "RabbitMQ is needed: apt-get install rabbitmq-server"
    return found


def free_port() -> int:
    """Return a loopback port that nobody listens on, another one at each call.

    It is below those that the system gives to connections, and of a range of this process: nobody
    takes it before it is used.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    first = FIRST_PORT + worker * PORTS
    while True:
        port = first + secrets.randbelow(PORTS)
        with socket.socket() as probe:
            if port not in given_ports and probe.connect_ex(("127.0.0.1", port)) != 0:
                given_ports.add(port)
                return port


def answers(url: str, *, seconds: float = 2) -> bool:
    """Whether a broker accepts connections at this address."""
    try:
        with Connection(url, connect_timeout=seconds) as connection:
            connection.connect()
    except OSError:
        return False
    return True


class Broker:
    """One node with its own name server, cookie, data and log; `kill` is a power cut."""

    def __init__(self, folder: Path, *, more: str = "") -> None:
        self.folder = folder
        self._more = more  # of configuration; what stands twice is ours
        self.port = free_port()
        self._node = f"test-{secrets.token_hex(4)}@localhost"
        self._names_port = free_port()
        self._names: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def is_up(self) -> bool:
        """Whether the node speaks AMQP to us now."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.settimeout(2)
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def start(self) -> None:
        """Start the node, with what it stored before, and wait until it answers."""
        self.launch()
        self.wait_until_up()

    def launch(self) -> None:
        """Start the node."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rabbitmq.conf").write_text(self._configuration())
        (self.folder / "enabled_plugins").write_text("[].\n")
        with (self.folder / "output.log").open("ab") as log:
            if self._names is None:
                # Our own, so that none is left running as a daemon when there was none before.
                self._names = self._run([_find_name_server(), "-port", str(self._names_port)], log)
            self._server = self._run([find_program()], log)

    def _configuration(self) -> str:
        ours = CONFIGURATION.format(port=self.port)
        names = {line.partition(" =")[0] for line in ours.splitlines()}
        lines = [line for line in self._more.splitlines() if line.partition(" =")[0] not in names]
        return ours + "".join(f"{line}\n" for line in lines)

    def wait_until_up(self) -> None:
        wait_for(lambda: self.is_up, "the broker to answer", seconds=START_SECONDS)

    def wait_until_it_remembers(self, queues: Iterable[str]) -> None:
        """Wait until the node has written down the names of its quorum queues.

        RabbitMQ 3.10 does so about a second after a queue is declared. Killed earlier, it finds
        the queue again but never a leader for it, and every publish to it fails for ever.
        """
        names = self.folder / "data" / self._node / "quorum" / self._node / "names.dets"
        wait_for(
            lambda: (
                names.exists() and all(f"%2F_{q}".encode() in names.read_bytes() for q in queues)
            ),
            "the broker to remember its queues",
        )

    def tail(self, characters: int = 3000) -> str:
        """The end of the node's own log."""
        log = self.folder / "log" / f"{self._node}.log"
        return f"\n--- rabbitmq ---\n{log.read_text()[-characters:] if log.exists() else ''}"

    def kill(self) -> None:
        """End the node as a power cut would."""
        _kill_group(self._server)
        self._server = None

    def freeze(self) -> None:
        """Let the node hang: connections stay open, nobody answers."""
        assert self._server is not None
        os.killpg(self._server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._server is not None
        os.killpg(self._server.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End everything for good."""
        self.kill()
        _kill_group(self._names)
        self._names = None

    def control(self, *arguments: str) -> str:
        """Run a command of `rabbitmqctl` on the node; return what it prints."""
        program = Path(find_program()).with_name("rabbitmqctl")
        done = subprocess.run(
            [str(program), *arguments],
            env=self._environment(),
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),  # the node's cookie is made here
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def _run(self, command: list[str], log: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=self.folder,
            start_new_session=True,
        )


def _find_name_server() -> str:
    found = shutil.which("epmd") or next(
        (str(path) for path in Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), None
    )
    assert found, "Erlang's epmd is needed"
    return found


def _kill_group(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
