import pytest
from sqlalchemy import update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.services import generations


@pytest.fixture
def stranger_client(session, sign_in):
    return sign_in(making.user(session))


def test_a_private_picture_is_there_for_its_owner_only(
    client, stranger_client, buyer_client, ordered, finish
):
    image = finish(ordered)
    assert client.get(f"/g/{image.id}").status_code == 404
    assert stranger_client.get(f"/g/{image.id}").status_code == 404
    assert buyer_client.get(f"/g/{image.id}").status_code == 200


def test_words_seed_and_price_are_for_the_owner(client, buyer_client, ordered, finish):
    image = finish(ordered, is_public=True)
    own, foreign = (Page(who.get(f"/g/{image.id}")).text for who in (buyer_client, client))
    assert "Seed 7" in own
    assert "Price 10 tokens" in own
    assert "Seed" not in foreign
    assert "Price" not in foreign


def test_a_picture_leads_to_its_style_its_certificate_and_its_file(client, ordered, finish):
    image = finish(ordered, is_public=True)
    page = Page(client.get(f"/g/{image.id}"))
    assert f"/styles/{image.style_id}" in page.links()
    assert f"/l/{image.license_public_id}" in page.links()
    assert f"/api/v1/generations/{image.id}/image?download=1" in page.links()
    assert "made by AI" in page.text


def test_names_are_never_taken_for_markup(client, session, style, artist, ordered, finish):
    artist.artist_name = "<b>Bold</b> & Co"
    session.commit()
    image = finish(ordered, is_public=True)
    answer = client.get(f"/g/{image.id}")
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; Co" in answer.text
    assert Page(answer).all("b") == []


def test_a_picture_that_failed_says_so_and_what_came_back(session, buyer_client, ordered):
    generations.pipelines.advance_generation(session, ordered.id, "processing")
    generations.fail(session, ordered.id, "GPU_OOM", "inside")
    session.commit()
    text = Page(buyer_client.get(f"/g/{ordered.id}")).text
    assert "ran out of memory" in text
    assert "All 10 tokens came back to you." in text
    assert "inside" not in text


def test_tiles_tell_where_pictures_stand(session, buyer_client, ordered):
    generations.pipelines.advance_generation(session, ordered.id, "processing")
    session.execute(
        update(Generation).values(progress={"progress_percent": 38, "estimated_seconds": 3})
    )
    session.commit()
    page = Page(buyer_client.get(f"/g/tiles?id={ordered.id}"))
    assert page.all("html") == []
    assert page.all("progress", value="38")
    assert "38 % 3 seconds" in page.text


def test_a_waiting_picture_can_be_cancelled_and_a_running_one_not(session, buyer_client, ordered):
    address = f"/g/tiles?id={ordered.id}"
    assert [each for each in Page(buyer_client.get(address)).all("button") if "data-cancel" in each]
    generations.pipelines.advance_generation(session, ordered.id, "processing")
    session.commit()
    assert Page(buyer_client.get(address)).all("button") == []


def test_tiles_of_others_are_not_shown(stranger_client, session, sign_in, ordered, finish):
    image = finish(ordered, is_public=True)
    assert stranger_client.get(f"/g/tiles?id={image.id}").status_code == 404
    owner = session.get(User, image.user_id)
    assert sign_in(owner).get(f"/g/tiles?id={image.id}").status_code == 200


def test_the_owner_finds_the_switch_that_shows_a_picture(client, buyer_client, ordered, finish):
    image = finish(ordered)
    [form] = Page(buyer_client.get(f"/g/{image.id}")).all("form", **{"class": "visibility"})
    assert form["data-generation"] == str(image.id)
    changed = buyer_client.patch(f"/api/v1/generations/{image.id}", json={"is_public": True})
    assert changed.status_code == 200
    assert Page(client.get(f"/g/{image.id}")).all("form", **{"class": "visibility"}) == []
