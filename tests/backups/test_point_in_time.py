"""Recovery to a point in time, with the scripts of ops/backups and a server of our own."""

import copy
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from tests.waiting import wait_for
from webapp.domain.services import epochs
from webapp.embedded.postgres import Postgres, find_binaries
from webapp.embedded.server import as_account

SCRIPTS = Path(__file__).parents[2] / "ops/backups"


class Backups:
    """A folder of backups, and the scripts that write and read it, run as PostgreSQL's account."""

    def __init__(self, folder, server):
        self._account = server.account
        self._set(folder)
        folder.mkdir()
        if self._account:
            shutil.chown(folder, self._account)

    def _set(self, folder):
        self.folder = folder
        path = f"{find_binaries()[0].folder}{os.pathsep}{os.environ['PATH']}"
        self._environment = {"PATH": path, "BACKUPS": str(folder), "BACKUP_DAYS": "30"}

    def within(self, folder):
        """The same scripts for a copy of the folder."""
        found = copy.copy(self)
        found._set(folder)
        return found

    def begin(self, script, **variables):
        return subprocess.Popen(
            ["/bin/sh", str(self.folder.parent / "scripts" / script)],
            env=self._environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **as_account(self._account),
        )

    def run(self, script, **variables):
        process = self.begin(script, **variables)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output


@pytest.fixture(scope="module")
def place():
    """A folder that PostgreSQL's account can reach, with the scripts in it."""
    folder = Path(tempfile.mkdtemp(prefix="style-license-recovery-"))
    folder.chmod(0o755)
    shutil.copytree(SCRIPTS, folder / "scripts")
    yield folder
    shutil.rmtree(folder)


@contextmanager
def copied_log(backups, server):
    """The log of a server, copied while it is written; yields a wait until all of it is copied."""
    wal = backups.begin("wal.sh", PG_URL=server.dsn)

    def wait_for_all():
        [[end]] = execute(server.dsn, "SELECT pg_current_wal_lsn()")
        question = f"SELECT flush_lsn >= '{end}' FROM pg_stat_replication"
        wait_for(lambda: execute(server.dsn, question) == [(True,)], "the last bytes to be copied")

    try:
        yield wait_for_all
    finally:
        wal.kill()
        wal.communicate()


@pytest.fixture(scope="module")
def lived(place):
    """A server that died after a base backup, one row, a moment, and another row."""
    first = Postgres(place / "first")
    first.start()
    backups = Backups(place / "backups", first)
    with copied_log(backups, first) as wait_until_copied:
        code, output = backups.run("base.sh", PG_URL=first.dsn)
        assert code == 0, output
        metric = (backups.folder / "metrics/base.prom").read_text()
        assert metric.startswith('backup_last_success_timestamp_seconds{kind="base"} 1')
        execute(first.dsn, "CREATE TABLE seen (id int)", "INSERT INTO seen VALUES (1)")
        where = place_of(first)
        moment = execute(first.dsn, "SELECT clock_timestamp()")[0][0]
        execute(first.dsn, "INSERT INTO seen VALUES (2)")
        wait_until_copied()
        first._process.kill()
    first.stop()
    yield backups, moment, where
    first.remove()


def place_of(server):
    """Where the server runs, as epochs tell places apart."""
    engine = create_engine(server.url)
    with Session(engine) as session:
        found = epochs._locked_place(session)
    engine.dispose()
    return found


def execute(dsn, *statements):
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        found = cursor.fetchall() if cursor.description else []
    connection.close()
    return found


@pytest.fixture
def own_backups(place, lived):
    """A copy of the backups, because what was recovered from is set aside."""
    backups, *_ = lived
    folder = place / "own"
    subprocess.run(["/bin/cp", "--archive", str(backups.folder), str(folder)], check=True)
    yield backups.within(folder)
    shutil.rmtree(folder)


@contextmanager
def recovering(place, name, backups, until, **settings):
    """A server that begins to recover to what the backups say of this moment."""
    server = Postgres(place / name)
    server.directory.mkdir()
    shutil.copy(place / "first/password", server.directory / "password")
    data = server.directory / "data"
    data.mkdir()
    if backups._account:
        shutil.chown(data, backups._account)
    code, output = backups.run("recover.sh", PGDATA=str(data), UNTIL=until)
    assert code == 0, output
    with (data / "postgresql.auto.conf").open("a") as file:
        file.writelines(f"{key} = {value}\n" for key, value in settings.items())
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.remove()


def finish(backups, server):
    code, output = backups.run("recovered.sh", PG_URL=server.dsn, POLL_SECONDS="0.1")
    assert code == 0, output
    return output


@pytest.mark.parametrize("until, seen", [("moment", [(1,)]), ("", [(1,), (2,)])])
def test_a_server_is_recovered_to_a_moment_or_to_its_last_commit(
    place, lived, own_backups, until, seen
):
    _, moment, where = lived
    with recovering(place, "second", own_backups, str(moment) if until else "") as second:
        finish(own_backups, second)
        assert execute(second.dsn, "SELECT pg_is_in_recovery()") == [(False,)]
        assert execute(second.dsn, "SELECT id FROM seen ORDER BY id") == seen
        assert place_of(second) != where, "a new timeline: flask prepare begins an epoch"


@pytest.mark.parametrize("until", ["moment", ""])
def test_a_recovered_server_is_backed_up_and_can_be_recovered_again(
    place, lived, own_backups, until
):
    with recovering(place, "second", own_backups, str(lived[1]) if until else "") as second:
        assert "make a new base backup" in finish(own_backups, second)
        [earlier] = (own_backups.folder / "earlier").iterdir()
        assert {path.name for path in earlier.iterdir()} == {"wal", "base"}
        with copied_log(own_backups, second) as wait_until_copied:
            code, output = own_backups.run("base.sh", PG_URL=second.dsn)
            assert code == 0, output
            execute(second.dsn, "INSERT INTO seen VALUES (3)")
            wait_until_copied()
            again = finish(own_backups, second)
            assert "make a new base backup" not in again, "its own log is being copied"
            expected = execute(second.dsn, "SELECT id FROM seen ORDER BY id")
    with recovering(place, "third", own_backups, "") as third:
        finish(own_backups, third)
        assert execute(third.dsn, "SELECT id FROM seen ORDER BY id") == expected
        assert (3,) in expected


def test_who_recovers_waits_until_the_log_is_read_and_sees_how_far_it_is(place, lived, own_backups):
    paused = {"recovery_target_action": "pause"}
    with recovering(place, "second", own_backups, str(lived[1]), **paused) as second:
        waiting = own_backups.begin("recovered.sh", PG_URL=second.dsn, POLL_SECONDS="0.1")
        try:
            line = waiting.stdout.readline()
            while "recovering: at" not in line:
                assert line, "it has ended"
                line = waiting.stdout.readline()
            assert (own_backups.folder / "wal").exists(), "it is being read"
            assert waiting.poll() is None
            execute(second.dsn, "SELECT pg_wal_replay_resume()")
            output, _ = waiting.communicate(timeout=60)
            assert "recovered\n" in output
        finally:
            waiting.kill()
            waiting.communicate()


def test_a_base_backup_without_a_log_is_refused_before_it_is_made(place):
    server = Postgres(place / "alone")
    server.start()
    backups = Backups(place / "without-log", server)
    try:
        code, output = backups.run("base.sh", PG_URL=server.dsn, WAIT_SECONDS="0")
        assert code == 1
        assert "COMPOSE_PROFILES=recovery" in output
        assert list(backups.folder.iterdir()) == []
    finally:
        server.stop()
        server.remove()


def test_a_moment_before_every_base_backup_is_refused(place, lived):
    backups, *_ = lived
    code, output = backups.run(
        "recover.sh", PGDATA=str(place / "nowhere"), UNTIL="2026-01-02 00:00:00+00"
    )
    assert code == 1
    assert "no base backup" in output
    assert not (place / "nowhere").exists()
