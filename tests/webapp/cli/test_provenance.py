import pytest
from sqlalchemy import select

from tests import making
from webapp.app import create_app
from webapp.domain.gateways.storage import configured_storage
from webapp.domain.models.generation import Generation
from webapp.domain.settings import settings


def backfill():
    return create_app().test_cli_runner().invoke(args=["provenance", "backfill"])


@pytest.fixture
def storage():
    """The storage that the command reads."""
    return configured_storage(settings())


@pytest.fixture
def image(committed, storage):
    with committed.begin() as session:
        made = making.generation(session, storage)
        making.finish(session, storage, made)
        return made


def test_the_command_counts_the_pictures_that_got_hashes(committed, image):
    answer = backfill()
    assert answer.exit_code == 0, answer.output
    assert "1 pictures got their hashes" in answer.output
    with committed() as session:
        assert session.scalar(select(Generation.preview_sha256)) is not None
    assert "0 pictures got their hashes" in backfill().output


def test_the_command_names_pictures_whose_files_are_missing(image, storage):
    storage.delete(image.thumbnail_key)
    answer = backfill()
    assert answer.exit_code == 1
    assert f"Files are missing of 1 pictures: {image.id}" in answer.output
