from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from tests.webapp.pages.reading import Page
from webapp.domain.models.license import Certificate


def test_a_certificate_says_who_licensed_what_to_whom(client, image, artist):
    page = Page(client.get(f"/l/{image.license_public_id}"))
    for text in (artist.artist_name, image.image_sha256, "Commercial licence", "Valid", "UTC"):
        assert text in page.text
    assert f"/g/{image.id}" in page.links()
    assert f"http://localhost:8000/l/{image.license_public_id}" in page.links()


def test_a_private_picture_and_its_owner_stay_private(client, ordered, finish, buyer):
    image = finish(ordered)
    answer = client.get(f"/l/{image.license_public_id}")
    assert image.image_sha256 in answer.text
    assert buyer.username not in answer.text
    assert Page(answer).all("img") == []
    assert f"/g/{image.id}" not in Page(answer).links()


def test_an_unknown_certificate_is_not_found(client):
    assert client.get("/l/L_unknown").status_code == 404


def test_an_old_exclusive_licence_can_be_read_and_says_that_it_is_no_longer_sold(
    client, session, image
):
    session.execute(update(Certificate).values(license_type="exclusive"))
    session.commit()
    text = Page(client.get(f"/l/{image.license_public_id}")).text
    assert "Exclusive licence (no longer sold)" in text
    assert "nobody else gets this image" not in text
    answer = client.get(f"/api/v1/licenses/{image.license_public_id}")
    assert answer.json["data"]["license_type"] == "exclusive"


@pytest.mark.parametrize(
    "columns, word",
    [
        ({"status": "revoked"}, "Revoked"),
        ({"valid_to": datetime.now(ZoneInfo("Asia/Seoul")).date() - timedelta(days=1)}, "Expired"),
        ({"valid_to": datetime.now(ZoneInfo("Asia/Seoul")).date()}, "Valid"),
    ],
)
def test_a_certificate_that_no_longer_holds_says_so(client, session, image, columns, word):
    session.execute(update(Certificate).values(**columns))
    session.commit()
    page = Page(client.get(f"/l/{image.license_public_id}"))
    assert page.text.split("Sign in", 1)[1].strip().startswith(word)
