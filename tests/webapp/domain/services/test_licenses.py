from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests import making
from webapp.domain.models.license import Certificate
from webapp.domain.models.style import Style
from webapp.domain.services import licenses


@pytest.fixture
def image(session):
    made = making.generation(session)
    made.image_sha256 = "a" * 64
    session.flush()
    return made


def test_a_certificate_says_who_licensed_which_image_to_whom(session, image):
    style = session.get(Style, image.style_id)
    style.valid_to = datetime.now(ZoneInfo("Asia/Seoul")).date() + timedelta(days=30)
    licenses.issue(session, image, style, "0f" * 8)
    session.flush()

    [found] = session.scalars(select(Certificate))
    session.refresh(found)
    assert found.public_id == image.license_public_id
    assert (found.artist_id, found.licensee_id) == (style.artist_id, image.user_id)
    assert (found.image_sha256, found.adapter_sha256) == ("a" * 64, making.ADAPTER_SHA256)
    assert (found.width, found.height, found.license_type) == (512, 512, "commercial")
    assert (found.status, found.valid_to) == ("valid", style.valid_to)
    assert abs(found.valid_from - datetime.now(ZoneInfo("Asia/Seoul")).date()) <= timedelta(days=1)
    assert found.perceptual_hash == "0f" * 8


def test_an_image_has_one_certificate(session, image):
    style = session.get(Style, image.style_id)
    licenses.issue(session, image, style, "0f" * 8)
    session.flush()
    licenses.issue(session, image, style, "0f" * 8)
    with pytest.raises(IntegrityError):
        session.flush()


def test_public_ids_cannot_be_guessed_from_each_other(session):
    images = making.order(session, making.user(session), making.style(session), count=4)
    ids = [image.license_public_id for image in images]
    assert len({public_id[:6] for public_id in ids}) == 4
    assert all(len(public_id) == 18 for public_id in ids)


def test_the_address_of_a_certificate_is_short_and_public():
    assert licenses.certificate_url("https://example.org", "L_x") == "https://example.org/l/L_x"
