import os
import re
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import update

from celery_config import TaskName
from tests import making
from webapp.domain import jobs
from webapp.domain.db import Base
from webapp.domain.models.account import User
from webapp.domain.models.artist_page import ArtistPage
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job
from webapp.domain.models.style import Artwork, Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import garbage, stamping


@pytest.fixture
def collect(session, storage):
    @contextmanager
    def unit_of_work():
        yield session

    def run(older_than=timedelta(0), seconds=60):
        return garbage.collect(storage, unit_of_work, older_than=older_than, seconds=seconds)

    return run


def put(storage, key, *, hours_ago=48):
    storage.put(key, b"x", content_type="image/png")
    then = time.time() - 3600 * hours_ago
    os.utime(storage.path(key), (then, then))
    return key


def keys(storage):
    return {info.key for info in storage.list()}


def test_what_no_row_names_is_deleted_once_it_is_a_day_old(storage, collect):
    put(storage, "images/old.png")
    put(storage, "images/new.png", hours_ago=23)
    assert collect(garbage.MIN_AGE) == 1
    assert keys(storage) == {"images/new.png"}
    assert collect(garbage.MIN_AGE) == 0


def test_everything_a_row_names_is_kept(session, storage, collect):
    image = making.generation(session, storage)
    run = making.training(session, storage, works=1)
    session.add(ArtistPage(user_id=image.user_id))
    session.flush()
    named = {
        Generation: ["image_key", "preview_key", "thumbnail_key"],
        Style: ["adapter_key", "thumbnail_key"],
        TrainingRun: ["checkpoint_key", "adapter_key"],
        Artwork: ["upload_key", "clean_key"],
        User: ["profile_image_key"],
        ArtistPage: ["banner_key"],
    }
    expected = set()
    for model, columns in named.items():
        for column in columns:
            key = f"named/{model.__tablename__}-{column.replace('_', '-')}.png"
            session.execute(update(model).values({column: key}))
            expected.add(put(storage, key))
    session.execute(update(Style).values(sample_keys=["samples/a.png", "samples/b.png"]))
    session.execute(update(TrainingRun).values(sample_keys=["samples/c.png"]))
    expected |= {put(storage, f"samples/{name}.png") for name in "abc"}
    assert image.id
    assert run.id

    put(storage, "images/garbage.png")
    before = keys(storage) - {"images/garbage.png"}
    collect()
    assert keys(storage) >= expected
    assert "images/garbage.png" not in keys(storage)
    signatures = {key for key in before if key.startswith("signatures/")}
    assert signatures
    assert signatures <= keys(storage)


def test_what_a_running_job_hands_over_is_kept_until_it_ends(session, storage, collect):
    image = making.generation(session, storage)
    job = making.hand_on_to_stamping(session, storage, image)
    raw = job.handover["raw_key"]
    lease = jobs.claim(session, job.id, TaskName.STAMP_SIGNATURE, 60)
    stamped = stamping.StampedImage(
        "images/1.png", "previews/1.webp", "thumbnails/1.webp", "a" * 64, 1, "0f" * 8
    )
    handed = {
        put(storage, key) for key in (stamped.image_key, stamped.preview_key, stamped.thumbnail_key)
    }
    stamping.record_stamped(session, lease, stamped)
    put(storage, raw)
    collect()
    assert handed | {raw} <= keys(storage)

    session.execute(update(Job).values(state="failed"))
    collect()
    assert not (handed | {raw}) & keys(storage)


def test_a_run_ends_when_its_time_is_up_and_the_next_one_continues(
    session, storage, collect, monkeypatch
):
    monkeypatch.setattr(garbage, "BATCH", 3)
    names = [f"images/{number}.png" for number in range(7)]
    for name in names:
        put(storage, name)
    assert collect(seconds=0) == 3
    assert keys(storage) == set(names[3:])
    put(storage, names[0])  # before the cursor: the next pass finds it
    assert [collect(seconds=0) for _ in range(2)] == [3, 1]
    assert keys(storage) == {names[0]}
    assert collect() == 1


def test_many_objects_are_collected_in_batches(storage, collect, monkeypatch):
    monkeypatch.setattr(garbage, "BATCH", 3)
    for number in range(10):
        put(storage, f"images/{number}.png")
    assert collect() == 10


def test_every_column_that_names_an_object_is_known_to_the_collector():
    """A new key column that is forgotten here would have its objects deleted."""
    columns = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name.endswith(("_key", "_keys"))
        and column.name not in {"idempotency_key", "dedupe_key", "batch_key"}
        # Keys of the payment provider, and keys that decrypt.
        and table.name not in {"purchases", "deep_searches"}
    }
    sources = {
        (table, column)
        for body, table in re.findall(
            r"SELECT (.+?) FROM (\w+)", garbage.REFERENCED_KEYS, re.DOTALL
        )
        for column in re.findall(r"\w+_keys?\b", body)
        if table not in {"jobs", "sets_masks"}  # keys within JSON
    }
    assert sources == columns
