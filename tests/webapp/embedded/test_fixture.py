"""A site is recorded into one file and restored into an empty site, or not touched at all."""

import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from gpu.base_models.identity import BUILT_IN_FOLDER, weights_sha256
from tests import database, making
from webapp.domain.db import Base, transaction
from webapp.domain.gateways.storage import StorageUnavailable, make_storage
from webapp.domain.models.account import SignIn, User
from webapp.domain.models.generation import Generation
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.style import Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import ledger_check
from webapp.domain.settings import settings
from webapp.embedded import fixture, restore
from webapp.embedded.fixture import FixtureError

SAMPLE = "training/1/sample.png"


def unit_of_work_on(sessions):
    @contextmanager
    def unit_of_work():
        with sessions() as session, transaction(session):
            yield session

    return unit_of_work


@pytest.fixture
def site(scratch, storage):
    """One picture sold in one style, a person signed in, and an object that nothing names."""
    with unit_of_work_on(scratch)() as session:
        made = making.generation(session, storage)
        making.finish(session, storage, made, is_public=True)
        style = session.get(Style, made.style_id)
        adapter = style.adapter_key
        history = [{"step": 1, "loss": 0.5, "sample_keys": [SAMPLE]}]
        run = TrainingRun(style_id=style.id, seed=1, sample_keys=[SAMPLE], loss_history=history)
        opened = datetime.now(UTC) + timedelta(days=14)
        session.add_all([run, SignIn(id="sign-in", user_id=made.user_id, expires_at=opened)])
    # Seven bytes more than whole numbers have.
    storage.put(
        adapter, bytes(range(256)) * 5 + b"seven..", content_type="application/octet-stream"
    )
    for key in (SAMPLE, "previews/unnamed.webp"):
        storage.put(key, b"nobody needs it", content_type="image/png")
    return unit_of_work_on(scratch)


@pytest.fixture
def file(site, storage, tmp_path):
    made = tmp_path / "fixture/world.tar.xz"
    fixture.record(site, storage, made, base_sha256=weights_sha256(BUILT_IN_FOLDER), secrets=[])
    return made


@pytest.fixture
def empty(server, template):
    """Another site's database: migrated, and nobody was ever there."""
    with database.database(server, template=template) as url:
        made = create_engine(url)
        yield unit_of_work_on(lambda: Session(made))
        made.dispose()


@pytest.fixture
def elsewhere(tmp_path):
    """Another site's storage."""
    made = make_storage(
        storage_url=f"folder://{tmp_path / 'elsewhere'}",
        public_base_url="http://localhost:8000",
        secret_key="x" * 32,
    )
    made.prepare()
    return made


def found_in_ledger(unit_of_work):
    with unit_of_work() as session:
        return ledger_check.check(session)


def rows_of(unit_of_work, name):
    table = Base.metadata.tables[name]
    whole = [column for column in table.columns if name != "jobs" or column.name != "handover"]
    with unit_of_work() as session:
        return session.execute(select(*whole).order_by(*table.primary_key)).all()


def test_a_restored_site_has_every_row_and_every_object_that_a_row_names(
    site, storage, file, empty, elsewhere
):
    count = fixture.restore(empty, elsewhere, file)
    for name in Base.metadata.tables.keys() - fixture.LEFT_OUT - {"training_runs"}:
        assert rows_of(empty, name) == rows_of(site, name), name
    keys = {info.key for info in storage.list()} - {SAMPLE, "previews/unnamed.webp"}
    assert {info.key for info in elsewhere.list()} == keys
    assert all(elsewhere.get(key) == storage.get(key) for key in keys)
    assert count["objects"] == len(keys)
    assert found_in_ledger(empty) == []
    with empty() as session:
        assert session.scalars(select(SignIn)).all() == []
        [run] = session.scalars(select(TrainingRun)).all()
        assert (run.sample_keys, run.loss_history) == ([], [{"step": 1, "loss": 0.5}])


def test_a_restored_site_goes_on_and_keeps_its_ledger_append_only(file, empty, elsewhere):
    fixture.restore(empty, elsewhere, file)
    with empty() as session:
        style = session.scalars(select(Style)).one()
        sold = session.scalars(select(Generation)).one()
        [more] = making.order(session, session.get(User, sold.user_id), style)
        making.finish(session, elsewhere, more)
        assert more.id > sold.id
        assert making.violations(session) == []
    with pytest.raises(Exception, match="append-only"), empty() as session:
        session.execute(text("DELETE FROM transfers"))


@pytest.mark.parametrize("days", [400, -400])
def test_a_world_looks_less_than_a_day_old_whatever_the_clock_says(
    site, file, empty, elsewhere, days
):
    now = datetime.now(UTC) + timedelta(days=days, hours=1)
    fixture.restore(empty, elsewhere, file, now=now)
    with empty() as session:
        newest = session.scalar(select(func.max(Transfer.created_at)))
        valid_from = session.scalar(select(Style.valid_from))
    with site() as session:
        began = session.scalar(select(Style.valid_from))
    assert timedelta(0) <= now - newest < timedelta(days=1, hours=1)
    assert valid_from == began + timedelta(days=days)
    assert isinstance(valid_from, date)


def test_only_a_site_at_rest_is_recorded(site, storage, tmp_path):
    with site() as session:
        making.generation(session, storage)
    with pytest.raises(FixtureError, match="1 jobs are open"):
        fixture.record(site, storage, tmp_path / "file", base_sha256="0" * 64, secrets=[])
    assert list(tmp_path.glob("file*")) == []


def test_nothing_is_recorded_that_holds_a_secret(site, storage, tmp_path):
    with site() as session:
        session.execute(text("UPDATE users SET bio = 'call me t0ken'"))
    with pytest.raises(FixtureError, match="1 secrets"):
        fixture.record(site, storage, tmp_path / "file", base_sha256="0" * 64, secrets=["t0ken"])


def test_a_file_that_is_too_large_takes_nobodys_place(site, storage, file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr(fixture, "MOST_BYTES", 100)
    with pytest.raises(FixtureError, match=r"100 are allowed: .*rows"):
        fixture.record(site, storage, file, base_sha256="0" * 64, secrets=[])
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_an_interrupted_restoration_begins_again(file, empty, elsewhere, monkeypatch):
    write = fixture._copied_in

    def fail_late(session, table, rows, days):
        if table.name == "transfers":
            raise ConnectionError
        return write(session, table, rows, days)

    with monkeypatch.context() as patch:
        patch.setattr(fixture, "_copied_in", fail_late)
        with pytest.raises(ConnectionError):
            fixture.restore(empty, elsewhere, file)
    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "put", unavailable)
        with pytest.raises(StorageUnavailable):
            fixture.restore(empty, elsewhere, file)
    with empty() as session:
        assert fixture.is_empty(session)
    fixture.restore(empty, elsewhere, file)
    with empty() as session:
        assert not fixture.is_empty(session)
    assert found_in_ledger(empty) == []


def unavailable(*_args, **_kwargs):
    raise StorageUnavailable("the disk is full")


def test_styles_of_other_base_weights_are_not_restored(site, storage, tmp_path, environment):
    file = tmp_path / "other.tar.xz"
    fixture.record(site, storage, file, base_sha256="f" * 64, secrets=[])
    assert "other base weights" in restore.restored(file, settings())
    larger = settings().model_copy(update={"base_model": "sd15"})
    assert "not sd15" in restore.restored(file, larger)


def test_without_a_usable_file_a_person_is_told(tmp_path, environment):
    assert restore.restored(tmp_path / "none", settings()) == "no fixture is shipped"
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"version https://example.org/spec")
    assert "is not used" in restore.restored(damaged, settings())


def test_a_site_is_restored_before_it_starts_once_and_then_only_migrated(
    server, template, site, file, elsewhere, tmp_path
):
    with database.database(server) as url:
        environ = os.environ | {
            "DATABASE_URL": url.render_as_string(hide_password=False),
            "STORAGE_URL": f"folder://{tmp_path / 'elsewhere'}",
        }

        def start():
            command = [sys.executable, "-m", "webapp.embedded.restore", str(file)]
            done = subprocess.run(
                command, cwd=database.ROOT, env=environ, capture_output=True, text=True, check=True
            )
            return [line for line in done.stdout.splitlines() if line.startswith("world: ")]

        [said] = start()
        assert said.startswith("world: restored ")
        assert start() == []
        made = create_engine(url)
        there = unit_of_work_on(lambda: Session(made))
        assert rows_of(there, "transfers") == rows_of(site, "transfers")
        with there() as session:
            newest = session.scalar(text("SELECT version_num FROM alembic_version"))
        made.dispose()
    with site() as session:
        assert newest == session.scalar(text("SELECT version_num FROM alembic_version"))


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 4096, 4099])
def test_floats_come_out_as_they_went_in(length):
    content = os.urandom(length)
    kept = fixture._packed("style.safetensors", content)
    assert len(kept) == length
    assert fixture._unpacked("style.safetensors", kept) == content
