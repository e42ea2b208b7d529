"""Secrets and ports that are generated once and stored in a file."""

import secrets
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from webapp.domain.chain_issuing import CHAIN, ROOTS, issue_chain
from webapp.domain.signing_chain import read_chain
from webapp.domain.whole_files import PRIVATE, write_whole

LOOPBACK = "127.0.0.1"
# Below the ports that systems give to outgoing connections (on Linux from 32768): such a connection
# could take a port before its server starts.
PORTS = range(10_000, 20_000)
LEAST_SIGNING_TIME = timedelta(days=30)
WORLD_ROOTS = Path(__file__).parent / "world_fixture" / ROOTS  # of its signed pictures, if any


class EmbeddedError(RuntimeError):
    """The embedded stack cannot run here; the message says why and what to do."""


def private_file(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    write_whole(file, text.encode(), mode=PRIVATE)


def persisted_secret(file: Path) -> str:
    """Return the secret in this file, generated at the first call; only its owner can read it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        private_file(file, secrets.token_urlsafe(48))
    return file.read_text(encoding="utf-8").strip()


def persisted_chain(folder: Path) -> None:
    """Keep a chain for development in this folder: made at the first call, renewed before its end.

    Its roots include the one that signed the pictures of the world's fixture.
    """
    if not (folder / CHAIN).exists() or _ends_soon(folder):
        issue_chain(folder)
    roots = folder / ROOTS
    if WORLD_ROOTS.exists() and WORLD_ROOTS.read_bytes() not in roots.read_bytes():
        roots.write_bytes(roots.read_bytes() + WORLD_ROOTS.read_bytes())


def _ends_soon(folder: Path) -> bool:
    chain = read_chain(folder / CHAIN, folder / ROOTS)
    return datetime.now(UTC) + LEAST_SIGNING_TIME > chain.signs_until


def persisted_port(file: Path) -> int:
    """Return a free loopback port: the one in this file, if it is still free."""
    if file.exists():
        port = int(file.read_text(encoding="utf-8"))
        if is_free(port):
            return port
    port = free_port()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{port}\n", encoding="utf-8")
    return port


def free_port() -> int:
    """Return a loopback port that is free now and is given to no outgoing connection."""
    while True:
        port = secrets.choice(PORTS)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Return whether this loopback port is free now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
