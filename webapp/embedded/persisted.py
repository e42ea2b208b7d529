"""Secrets and ports that are generated once and stored in a file."""

import os
import secrets
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


class EmbeddedError(RuntimeError):
    """The embedded stack cannot run here; the message says why and what to do."""


def private_file(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    new.replace(file)


def persisted_secret(file: Path) -> str:
    """Return the secret in this file, generated at the first call; only its owner can read it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        private_file(file, secrets.token_urlsafe(48))
    return file.read_text(encoding="utf-8").strip()


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
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
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
