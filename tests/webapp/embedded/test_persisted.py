"""Secrets and ports are made once and kept."""

import shutil
import socket
import stat
from pathlib import Path

import pytest

from webapp.domain.chain_issuing import CHAIN, KEY, ROOT, ROOTS, issue_chain
from webapp.domain.signing_chain import read_chain, read_key
from webapp.embedded import persisted
from webapp.embedded.persisted import (
    free_port,
    is_free,
    persisted_chain,
    persisted_port,
    persisted_secret,
)


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


def test_a_chain_is_made_once_and_can_sign(tmp_path: Path) -> None:
    persisted_chain(tmp_path)
    chain = read_chain(tmp_path / CHAIN, tmp_path / ROOTS)
    assert chain.is_development
    assert read_key(tmp_path / KEY, chain)
    persisted_chain(tmp_path)
    assert read_chain(tmp_path / CHAIN, tmp_path / ROOTS).pem == chain.pem


def test_a_chain_that_ends_within_a_month_gets_a_new_leaf_of_the_same_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persisted, "WORLD_ROOTS", tmp_path / "no world")
    issue_chain(tmp_path, signing_days=20)
    roots = (tmp_path / ROOTS).read_bytes()
    before = read_chain(tmp_path / CHAIN, tmp_path / ROOTS)
    persisted_chain(tmp_path)
    assert read_chain(tmp_path / CHAIN, tmp_path / ROOTS).signs_until > before.signs_until
    assert (tmp_path / ROOTS).read_bytes() == roots


def test_the_root_of_the_shipped_pictures_is_trusted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue_chain(tmp_path / "world")
    shipped = tmp_path / "shipped.pem"
    shutil.copy(tmp_path / "world" / ROOT, shipped)
    monkeypatch.setattr(persisted, "WORLD_ROOTS", shipped)
    for _ in range(2):
        persisted_chain(tmp_path / "own")
    roots = (tmp_path / "own" / ROOTS).read_bytes()
    assert roots.count(b"BEGIN") == 2
    assert roots.endswith(shipped.read_bytes())


def test_a_free_port_is_free_and_given_to_no_outgoing_connection() -> None:
    port = free_port()
    assert is_free(port)
    file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    assert not file.exists() or port < int(file.read_text().split()[0])
