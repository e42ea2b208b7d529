"""Real clusters, made, started, stopped and found again."""

import os
import shutil
import stat
from pathlib import Path

import psutil
import psycopg2
import pytest

from webapp.embedded import postgres
from webapp.embedded.persisted import EmbeddedError
from webapp.embedded.postgres import Binaries, Postgres


def ask(server: Postgres, query: str) -> object:
    connection = psycopg2.connect(server.dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]
    finally:
        connection.close()


def running_on(data: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if str(data) in (process.info["cmdline"] or [])
    ]


def test_a_cluster_is_made_started_stopped_and_found_again(folder: Path) -> None:
    server = Postgres(folder / "postgres")
    url = server.start()
    assert url.startswith("postgresql+psycopg2://style_license:")
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SHOW fsync") == "on"
    assert ask(server, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server, "SHOW password_encryption") == "scram-sha-256"
    assert ask(server, "SELECT datcollate FROM pg_database WHERE datname = current_database()") == (
        "C.UTF-8"
    )
    connection = psycopg2.connect(server.dsn)
    connection.cursor().execute("CREATE TABLE kept AS SELECT 42 AS answer")
    connection.commit()
    server.stop()  # with a client still connected
    connection.close()
    assert running_on(server.data) == []

    again = Postgres(folder / "postgres")
    assert again.start() == url
    assert ask(again, "SELECT answer FROM kept") == 42
    again.stop()
    assert running_on(again.data) == []


def test_stopping_twice_or_before_starting_does_nothing(folder: Path) -> None:
    server = Postgres(folder / "postgres")
    server.stop()
    with server:
        pass
    server.stop()


def test_nobody_gets_in_without_the_password(folder: Path) -> None:
    with Postgres(folder / "postgres") as server:
        place = server.dsn.rpartition("@")[2]
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(f"postgresql://style_license:guess@{place}")
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(f"postgresql://postgres@{place}")


def test_secrets_and_data_are_only_their_owners(folder: Path) -> None:
    with Postgres(folder / "postgres") as server:
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "postgres/password").stat().st_mode) == 0o600
        assert not (server.data.parent / "password.new").exists()
        owner = server.data.stat().st_uid
        assert owner != 0
        assert (server.account is None) == (os.geteuid() != 0)


def test_it_survives_kill_9(folder: Path) -> None:
    server = Postgres(folder / "postgres")
    server.start()
    connection = psycopg2.connect(server.dsn)
    connection.cursor().execute("CREATE TABLE kept AS SELECT 42 AS answer")
    connection.commit()
    connection.close()
    (pid,) = running_on(server.data)
    children = psutil.Process(pid).children()
    psutil.Process(pid).kill()
    server.stop()
    psutil.wait_procs(children, timeout=20)
    again = Postgres(folder / "postgres")
    with again:
        assert ask(again, "SELECT answer FROM kept") == 42


def test_an_interrupted_first_start_is_simply_repeated(folder: Path) -> None:
    half = folder / "postgres/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15")
    with Postgres(folder / "postgres") as server:
        assert ask(server, "SELECT 1") == 1


def test_a_project_that_only_its_owner_can_enter_works_too(private_folder: Path) -> None:
    server = Postgres(private_folder / "postgres")
    try:
        with server:
            assert ask(server, "SELECT 1") == 1
            inside = server.data.is_relative_to(private_folder)
            assert inside == (os.geteuid() != 0)  # root's other account cannot come through
    finally:
        server.remove()
    assert not server.data.exists()


def test_the_wheels_binaries_run_even_where_their_account_cannot_read_them(
    private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wheel, *_) = postgres.wheel_binaries()
    package = wheel.folder.parents[1]
    copy = private_folder / "site-packages"
    copy.mkdir()
    for name in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(name, copy / name.name)
    hidden = Binaries(wheel.major, copy / wheel.folder.relative_to(package.parent))
    server = Postgres(private_folder / "postgres", binaries=[hidden])
    try:
        with server:
            assert ask(server, "SHOW server_version").startswith(f"{wheel.major}.")
    finally:
        server.remove()


def test_data_keeps_to_the_major_version_that_made_it(folder: Path) -> None:
    server = Postgres(folder / "postgres")
    server.prepare()
    major = int((server.data / "PG_VERSION").read_text())
    other = Binaries(major + 1, Path("/nowhere"))
    here = postgres.find_binaries()
    Postgres(folder / "postgres", binaries=[other, *here]).prepare()
    with pytest.raises(EmbeddedError, match=f"needs PostgreSQL {major}"):
        Postgres(folder / "postgres", binaries=[other]).prepare()


def test_without_any_binaries_a_person_is_told_what_to_do(folder: Path) -> None:
    with pytest.raises(EmbeddedError, match="pip install"):
        Postgres(folder / "postgres", binaries=[]).prepare()


def test_a_failing_start_shows_the_end_of_the_log(folder: Path) -> None:
    with Postgres(folder / "postgres"):
        second = Postgres(folder / "postgres")
        with pytest.raises(EmbeddedError, match=r"postmaster\.pid"):
            second.start()


def test_the_wheel_is_always_there_and_never_old() -> None:
    assert postgres.wheel_binaries()[0].major >= postgres.OLDEST_MAJOR
    assert postgres.find_binaries()
