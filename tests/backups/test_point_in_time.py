"""Recovery to a point in time, with the scripts of ops/backups and a server of our own."""

import os
import shutil
import subprocess
import tempfile
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
        self.folder = folder
        self._account = server.account
        path = f"{find_binaries()[0].folder}{os.pathsep}{os.environ['PATH']}"
        self._environment = {"PATH": path, "BACKUPS": str(folder), "BACKUP_DAYS": "30"}
        folder.mkdir()
        if self._account:
            shutil.chown(folder, self._account)

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


@pytest.fixture(scope="module")
def lived(place):
    """A server that died after a base backup, one row, a moment, and another row."""
    first = Postgres(place / "first")
    first.start()
    backups = Backups(place / "backups", first)
    wal = backups.begin("wal.sh", PG_URL=first.dsn)
    try:
        wait_for(lambda: list((backups.folder / "wal").glob("*")), "the log to be copied")
        code, output = backups.run("base.sh", PG_URL=first.dsn)
        assert code == 0, output
        metric = (backups.folder / "metrics/base.prom").read_text()
        assert metric.startswith('backup_last_success_timestamp_seconds{kind="base"} 1')
        execute(first.dsn, "CREATE TABLE seen (id int)", "INSERT INTO seen VALUES (1)")
        where = place_of(first)
        moment = execute(first.dsn, "SELECT clock_timestamp()")[0][0]
        [[end]] = execute(first.dsn, "INSERT INTO seen VALUES (2)", "SELECT pg_current_wal_lsn()")
        wait_for(
            lambda: execute(
                first.dsn, f"SELECT flush_lsn >= '{end}' FROM pg_stat_replication"
            ) == [(True,)],
            "the last bytes to be copied",
        )  # fmt: skip
        first._process.kill()
    finally:
        wal.kill()
        wal.communicate()
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


def recovered(place, backups, until):
    """A server with what the backups say of this moment."""
    second = Postgres(place / "second")
    second.directory.mkdir()
    shutil.copy(place / "first/password", second.directory / "password")
    data = second.directory / "data"
    data.mkdir()
    if backups._account:
        shutil.chown(data, backups._account)
    code, output = backups.run("recover.sh", PGDATA=str(data), UNTIL=until)
    assert code == 0, output
    second.start()
    wait_for(
        lambda: execute(second.dsn, "SELECT pg_is_in_recovery()") == [(False,)], "the recovery"
    )
    return second


@pytest.mark.parametrize("until, seen", [("moment", [(1,)]), ("", [(1,), (2,)])])
def test_a_server_is_recovered_to_a_moment_or_to_its_last_commit(place, lived, until, seen):
    backups, moment, where = lived
    second = recovered(place, backups, str(moment) if until else "")
    try:
        assert execute(second.dsn, "SELECT id FROM seen ORDER BY id") == seen
        assert place_of(second) != where, "a new timeline: flask prepare begins an epoch"
    finally:
        second.stop()
        second.remove()


def test_a_moment_before_every_base_backup_is_refused(place, lived):
    backups, *_ = lived
    code, output = backups.run(
        "recover.sh", PGDATA=str(place / "nowhere"), UNTIL="2026-01-02 00:00:00+00"
    )
    assert code == 1
    assert "no base backup" in output
    assert not (place / "nowhere").exists()
