import json

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests import making
from tests.database import at_once
from webapp.domain.models.generation import Generation
from webapp.domain.secret_rules import NOT_GIVEN
from webapp.domain.services import watermarks
from webapp.domain.services.watermarks import Watermark
from webapp.domain.settings import SettingsError, settings

COLUMNS = (Generation.watermark_number, Generation.watermark_key_number)


@pytest.fixture
def keys(monkeypatch):
    """Give the site other keys of watermarks."""

    def give(**of_number):
        monkeypatch.setenv("WATERMARK_KEYS", json.dumps(of_number))
        settings.cache_clear()

    yield give
    monkeypatch.undo()
    settings.cache_clear()


def without_watermark(session, image):
    columns = {"watermark_number": None, "watermark_key_number": None}
    session.execute(update(Generation).where(Generation.id == image.id).values(columns))


def test_every_ordered_image_has_a_number_of_its_own_and_the_newest_key(session, keys):
    keys(**{"2": "a" * 32, "11": "b" * 32, "3": "c" * 32})
    images = making.order(session, making.user(session), making.style(session), count=4)
    drawn = session.execute(select(*COLUMNS)).all()
    assert len({number for number, _ in drawn}) == len(images) == 4
    assert {key for _, key in drawn} == {11}
    assert watermarks.keys() == {2: b"a" * 32, 11: b"b" * 32, 3: b"c" * 32}


def test_a_process_without_the_keys_draws_and_reads_no_watermark(keys):
    keys(**{"1": NOT_GIVEN})
    for use in (watermarks.draw, watermarks.keys):
        with pytest.raises(SettingsError, match="WATERMARK_KEYS"):
            use()


def test_the_watermark_of_an_image_never_changes(session, keys):
    image = making.generation(session)
    keys(**{"1": "a" * 32, "2": "b" * 32})
    expected = Watermark(image.watermark_number, image.watermark_key_number)
    assert watermarks.assigned(session, image.id) == expected
    assert watermarks.assigned(session, image.id) == expected
    assert expected.key_number == 1


def test_an_image_ordered_before_there_were_watermarks_gets_one_once(committed):
    with committed.begin() as session:
        image = making.generation(session)
        without_watermark(session, image)

    def assigned():
        with committed.begin() as mine:
            return watermarks.assigned(mine, image.id)

    found = at_once(*[assigned] * 4)
    assert len(set(found)) == 1
    with committed() as session:
        assert session.execute(select(*COLUMNS)).all() == [(found[0].number, found[0].key_number)]


@pytest.mark.parametrize("number", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_all_64_bits_of_a_number_are_stored_and_found(session, number):
    image = making.generation(session)
    image.watermark_number = number
    session.flush()
    session.expire_all()
    assert image.watermark_number == number
    same = select(Generation.id).where(Generation.watermark_number == number)
    assert session.scalars(same).all() == [image.id]


@pytest.mark.parametrize("column", ["watermark_number", "watermark_key_number"])
def test_a_number_and_its_key_are_recorded_together(session, column):
    making.generation(session)
    with pytest.raises(IntegrityError, match="ck_generations_watermark"):
        session.execute(update(Generation).values({column: None}))


def test_no_number_is_given_twice(session):
    images = making.order(session, making.user(session), making.style(session), count=2)
    with pytest.raises(IntegrityError, match="ix_generations_watermark"):
        session.execute(update(Generation).values(watermark_number=images[0].watermark_number))
