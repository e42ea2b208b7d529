"""Scripts of dumps when something is wrong; `tests/chaos/restore_drill.py` is the drill."""

import os

import pytest
from sqlalchemy import create_engine, text

from tests import database
from tests.backups.services import BackupServices

TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"


@pytest.fixture
def backups(tmp_path):
    (tmp_path / "files").mkdir()
    return BackupServices(tmp_path / "backups", tmp_path / "files")


@pytest.fixture
def lived(server):
    """A database with one table of three rows."""
    with database.database(server) as url:
        ask(url, "CREATE TABLE seen AS SELECT * FROM generate_series(1, 3) AS id")
        yield url


def ask(url, statement):
    engine = create_engine(url)
    with engine.begin() as connection:
        found = connection.execute(text(statement))
        value = found.scalar() if found.returns_rows else None
    engine.dispose()
    return value


def test_the_newest_dump_is_restored_and_only_into_an_empty_database(backups, lived, server):
    backups.run("backup-database", lived)
    [first] = (backups.folder / "dumps").iterdir()
    first.rename(first.with_name("2026-01-01T000000Z.dump"))
    ask(lived, "INSERT INTO seen VALUES (4)")
    backups.run("backup-database", lived)
    with pytest.raises(AssertionError, match="has 1 tables"):
        backups.run("restore-database", lived)
    for dump, rows in (("latest", 4), ("2026-01-01T000000Z", 3)):
        with database.database(server) as empty:
            assert "restored 2026" in backups.run("restore-database", empty, DUMP=dump)
            assert ask(empty, "SELECT count(*) FROM seen") == rows


def test_the_log_of_the_server_before_is_set_aside_when_a_dump_was_restored(backups, lived, server):
    backups.run("backup-database", lived)
    for name in ("wal/000000010000000000000007", "base/2026-01-01T000000Z"):
        (backups.folder / name).parent.mkdir()
        (backups.folder / name).touch()
    with pytest.raises(AssertionError, match="has 1 tables"):
        backups.run("restore-database", lived)
    assert (backups.folder / "wal").exists(), "nothing was restored"
    with database.database(server) as empty:
        assert "make a new base backup" in backups.run("restore-database", empty)
    [earlier] = (backups.folder / "earlier").iterdir()
    assert {str(path.relative_to(earlier)) for path in earlier.rglob("*") if path.is_file()} == {
        "wal/000000010000000000000007",
        "base/2026-01-01T000000Z",
    }
    assert not (backups.folder / "wal").exists()


def test_a_dump_that_is_broken_or_not_there_leaves_an_empty_database(backups, lived, server):
    ask(lived, "INSERT INTO seen SELECT * FROM generate_series(1, 50000)")
    backups.run("backup-database", lived)
    [dump] = (backups.folder / "dumps").iterdir()
    os.truncate(dump, dump.stat().st_size - 5000)
    with database.database(server) as empty:
        with pytest.raises(AssertionError, match="the database is empty again"):
            backups.run("restore-database", empty)
        with pytest.raises(AssertionError, match="there is no dump"):
            backups.run("restore-database", empty, DUMP="2025-01-01T000000Z")
        assert ask(empty, TABLES) == 0


def test_old_dumps_are_deleted_and_an_unfinished_one_is_none(backups, lived):
    folder = backups.folder / "dumps"
    folder.mkdir()
    for name, days in (("old.dump", 32), ("young.dump", 29), (".old.part", 2)):
        (folder / name).touch()
        age = (folder / name).stat().st_mtime - days * 86400
        os.utime(folder / name, (age, age))
    backups.run("backup-database", lived)
    names = {path.name for path in folder.iterdir()}
    assert len(names) == 2
    assert "young.dump" in names


def test_a_copy_of_files_that_failed_is_no_success(backups, lived, tmp_path):
    (tmp_path / "files").rmdir()
    with pytest.raises(AssertionError, match="directory not found"):
        backups.run("backup-files", lived)
    assert not (backups.folder / "metrics").exists()


def test_files_are_copied_and_none_is_deleted_in_the_copy(backups, lived, tmp_path):
    files = tmp_path / "files"
    (files / "one.png").write_bytes(b"1")
    backups.run("backup-files", lived)
    metric = (backups.folder / "metrics/files.prom").read_text()
    assert metric.startswith('backup_last_success_timestamp_seconds{kind="files"} 1')
    (files / "one.png").unlink()
    (files / "two.png").write_bytes(b"2")
    backups.run("backup-files", lived)
    (files / "two.png").unlink()
    backups.run("restore-files", lived)
    assert {path.name: path.read_bytes() for path in files.iterdir()} == {
        "one.png": b"1",
        "two.png": b"2",
    }
