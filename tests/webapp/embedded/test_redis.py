"""A real Redis, started, stopped and found again."""

from pathlib import Path

import psutil
import pytest
import redis

from webapp.embedded import redis as embedded
from webapp.embedded.persisted import EmbeddedError
from webapp.embedded.redis import Redis

WHEEL = Path(embedded._wheel_server() or "")


@pytest.fixture(params=[None, WHEEL], ids=["best", "wheel"])
def server(request: pytest.FixtureRequest, folder: Path) -> Redis:
    return Redis(folder / "redis", server=request.param)


def test_what_was_written_is_there_after_a_restart(server: Redis) -> None:
    url = server.start()
    with redis.Redis.from_url(url) as client:
        client.rpush("queue", "a message")
    server.stop()
    assert not any(
        str(server.directory) in " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline"])
    )
    assert server.start() == url
    with redis.Redis.from_url(url) as client:
        assert client.lpop("queue") == b"a message"
        assert client.config_get("appendonly")["appendonly"] == "yes"
    server.stop()


def test_it_is_new_enough_for_celery_and_on_loopback_only(server: Redis) -> None:
    with server, redis.Redis.from_url(server.url) as client:
        version = tuple(int(part) for part in client.info()["redis_version"].split("."))
        assert version >= embedded.OLDEST_VERSION
        assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_nobody_gets_in_without_the_password(server: Redis) -> None:
    with server:
        place = server.url.rpartition("@")[2]
        with (
            redis.Redis.from_url(f"redis://{place}") as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
        assert (server.directory / "redis.conf").stat().st_mode & 0o077 == 0
        assert server.url.partition(":")[2].partition("@")[0] not in " ".join(server.argv)


def test_the_newest_server_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("redis-server", "5.0.0"), ("valkey-server", "99.1.2")):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\necho server v={version} sha=0\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert embedded.find_server() == tmp_path / "valkey-server"
    (tmp_path / "valkey-server").unlink()
    assert embedded.find_server() == WHEEL


def test_without_any_server_a_person_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedError, match="pip install"):
        embedded.find_server()
