import hashlib

import pytest

from tests import making
from webapp.app import create_app
from webapp.domain.db import unit_of_work
from webapp.domain.models.license import Certificate
from webapp.domain.services import certificate_files
from webapp.domain.settings import settings


@pytest.fixture
def delivered(committed, storage, monkeypatch):
    """Three delivered pictures by certificate, in pieces of two."""
    monkeypatch.setattr(certificate_files, "PIECE", 2)
    with committed.begin() as session:
        found = {}
        for image in making.delivered(session, storage, 3):
            certificate = session.query(Certificate).filter_by(generation_id=image.id).one()
            data = storage.get(image.image_key)
            certificate.image_sha256, image.image_size = hashlib.sha256(data).hexdigest(), len(data)
            found[certificate.public_id] = image
        return found


def run(*arguments):
    return create_app().test_cli_runner().invoke(args=["license", "check-files", *arguments])


def test_all_pictures_are_there(delivered, storage):
    for sizes_only in (False, True):
        checked = certificate_files.check(unit_of_work, storage, sizes_only=sizes_only)
        assert (checked.count, checked.problems) == (3, [])
    answer = run()
    assert answer.exit_code == 0
    assert answer.output.splitlines()[-1] == "ok: the pictures of 3 certificates are there"


def test_a_missing_and_an_altered_picture_are_named(delivered, storage):
    (gone, missing), (changed, altered), _ = delivered.items()
    storage.delete(missing.image_key)
    same_size = bytes(len(storage.get(altered.image_key)))
    storage.put(altered.image_key, same_size, content_type="image/png")
    found = certificate_files.check(unit_of_work, storage)
    assert found.problems == [(gone, "missing"), (changed, "another file")]
    assert certificate_files.check(unit_of_work, storage, sizes_only=True).problems == [
        (gone, "missing")
    ]
    answer = run()
    assert answer.exit_code == 1
    assert f"{gone}: missing" in answer.output
    assert "2 of 3 pictures" in answer.output


def test_a_picture_that_was_deleted_with_its_account_is_not_looked_for(
    delivered, committed, storage
):
    with committed.begin() as session:
        [image, *_] = delivered.values()
        made = session.merge(image)
        made.deleted_at, made.is_public, made.image_key = made.created_at, False, None
    assert certificate_files.check(unit_of_work, storage).count == 2
    assert settings().storage_url.startswith("folder://")
