"""Secrets and ports are made once and kept."""

import socket
import stat
from pathlib import Path

from webapp.embedded.persisted import free_port, is_free, persisted_port, persisted_secret


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    first = persisted_secret(tmp_path / "var/secret")
    assert persisted_secret(tmp_path / "var/secret") == first
    assert persisted_secret(tmp_path / "var/other") != first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "var/secret").stat().st_mode) == 0o600


def test_a_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    port = persisted_port(tmp_path / "port")
    assert persisted_port(tmp_path / "port") == port
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        moved = persisted_port(tmp_path / "port")
    assert moved != port
    assert persisted_port(tmp_path / "port") == moved


def test_a_free_port_is_free() -> None:
    assert is_free(free_port())
