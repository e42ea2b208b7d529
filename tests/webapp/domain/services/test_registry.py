import hashlib

import pytest
from sqlalchemy import select, update

from tests import making
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import StorageUnavailable
from webapp.domain.models.generation import Generation
from webapp.domain.queries import registry as registry_queries
from webapp.domain.services import registry

HASHES = (Generation.preview_sha256, Generation.thumbnail_sha256)


@pytest.fixture
def old(committed, storage, monkeypatch):
    """Five pictures that were delivered before their hashes were recorded, in pieces of two."""
    monkeypatch.setattr(registry, "PIECE", 2)
    with committed.begin() as session:
        images = making.delivered(session, storage, 5)
        for image in images:
            for kind in ("preview", "thumbnail"):
                data = f"{kind} of {image.id}".encode()
                storage.put(getattr(image, f"{kind}_key"), data, content_type="image/webp")
        return [image.id for image in images]


def expected(image_id):
    of_files = (f"{kind} of {image_id}".encode() for kind in ("preview", "thumbnail"))
    return tuple(hashlib.sha256(data).hexdigest() for data in of_files)


def hashes(committed):
    with committed() as session:
        return session.execute(select(Generation.id, *HASHES).order_by(Generation.id)).all()


def test_old_pictures_get_the_hashes_of_their_files(committed, storage, old):
    before = {info.key: storage.get(info.key) for info in storage.list()}
    pieces = []
    done = registry.backfill(unit_of_work, storage, on_piece=pieces.append)
    assert (done.hashed, done.missing, pieces) == (5, [], [2, 2, 1])
    assert hashes(committed) == [(each, *expected(each)) for each in old]
    assert {info.key: storage.get(info.key) for info in storage.list()} == before
    with committed() as session:
        [found] = registry_queries.by_sha256(session, expected(old[3])[1])
        assert found.generation_id == old[3]


def test_a_run_that_was_interrupted_is_continued(committed, storage, old):
    def stop_after_the_first(_pictures):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        registry.backfill(unit_of_work, storage, on_piece=stop_after_the_first)
    assert [row.preview_sha256 is not None for row in hashes(committed)] == [True] * 2 + [False] * 3
    assert registry.backfill(unit_of_work, storage).hashed == 3
    assert registry.backfill(unit_of_work, storage).hashed == 0


def test_pictures_without_files_are_named_and_stop_nobody(committed, storage, old):
    with committed.begin() as session:
        storage.delete(session.get(Generation, old[0]).preview_key)
        session.execute(
            update(Generation)
            .where(Generation.id == old[1])
            .values(preview_key=None, thumbnail_key=None, image_key=None, deleted_at="2026-11-01")
        )
    done = registry.backfill(unit_of_work, storage)
    assert (done.hashed, done.missing) == (3, [old[0]])


def test_a_storage_that_does_not_answer_ends_the_run(committed, storage, old, monkeypatch):
    def silent(_key):
        raise StorageUnavailable

    monkeypatch.setattr(storage, "get", silent)
    with pytest.raises(StorageUnavailable):
        registry.backfill(unit_of_work, storage)
    assert {row.preview_sha256 for row in hashes(committed)} == {None}


def test_a_picture_whose_owner_leaves_meanwhile_gets_no_hashes(
    committed, storage, old, monkeypatch
):
    get = storage.get

    def leave(key):
        with committed.begin() as session:
            session.execute(
                update(Generation).values(preview_key=None, image_key=None, deleted_at="2026-11-01")
            )
        return get(key)

    monkeypatch.setattr(storage, "get", leave)
    assert registry.backfill(unit_of_work, storage).hashed == 0
    assert {row.preview_sha256 for row in hashes(committed)} == {None}
