import pytest
from sqlalchemy import update

from tests import making
from tests.statements import statements
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.services import follows

MOST_STATEMENTS = 12


@pytest.fixture
def images(session, buyer, style, finish):
    """Twenty-three public pictures in the artist's style, the newest last, and one private."""
    making.ledger.grant(session, buyer.id, 1000, key="for a wall")
    made = [making.order(session, buyer, style)[0] for _ in range(24)]
    return [finish(each, is_public=each is not made[-1]).id for each in made][:-1]


def shown(page):
    return [int(link.rsplit("/", 1)[1]) for link in page.links() if link.startswith("/g/")]


def test_an_artist_is_shown_with_styles_followers_and_pictures_in_them(
    session, client, artist, style, images
):
    session.execute(update(User).where(User.id == artist.user_id).values(bio="Ink and rain."))
    session.commit()
    page = Page(client.get(f"/users/{artist.user_id}"))
    assert artist.artist_name in page.text
    assert "0 followers" in page.text
    assert "Ink and rain." in page.text
    lists = {f"/?artist_id={artist.user_id}", f"/styles?artist_id={artist.user_id}"}
    assert {f"/styles/{style.id}", *lists} <= set(page.links())
    assert shown(page) == images[::-1][:20]


def test_pictures_lead_on_as_a_page_and_as_a_piece(client, artist, images):
    page = Page(client.get(f"/users/{artist.user_id}"))
    [more] = [link for link in page.links() if "cursor=" in link]
    assert shown(Page(client.get(more))) == images[::-1][20:]
    piece = Page(client.get(more, headers={"HX-Request": "true"}))
    assert shown(piece) == images[::-1][20:]
    assert piece.all("html") == []


def test_an_artist_shows_own_orders_on_a_tab_of_their_own(
    session, client, artist, style, images, finish
):
    making.ledger.grant(session, artist.user_id, 100, key="own")
    own = making.order(session, session.get(User, artist.user_id), style)[0]
    finish(own, is_public=True)
    address = f"/users/{artist.user_id}?of=own"
    assert address in Page(client.get(f"/users/{artist.user_id}")).links()
    assert shown(Page(client.get(address))) == [own.id]


def test_who_is_no_artist_shows_public_pictures_alone(client, buyer, images):
    page = Page(client.get(f"/users/{buyer.id}"))
    assert f"/?artist_id={buyer.id}" not in page.links()
    assert shown(page) == images[::-1][:20]
    assert "Styles" not in [text.strip() for text in page.texts if "followers" in text]
    assert page.all("h2", id="styles-title") == []
    assert page.all("form", **{"class": "follow"}) == []


def test_names_and_bios_are_never_taken_for_markup(session, client, artist):
    artist.artist_name = "<b>Bold</b> & Co"
    session.commit()
    answer = client.get(f"/users/{artist.user_id}")
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; Co" in answer.text
    assert Page(answer).all("b") == []


def test_a_closed_account_has_no_page(session, client, artist):
    session.execute(update(User).where(User.id == artist.user_id).values(is_active=False))
    session.commit()
    assert client.get(f"/users/{artist.user_id}").status_code == 404


def test_following_and_stopping_by_a_plain_form_leads_back(session, buyer_client, buyer, artist):
    address = f"/users/{artist.user_id}"
    [form] = Page(buyer_client.get(address)).all("form", **{"class": "follow"})
    fields = {"csrf_token": buyer_client.csrf_token, "next": "/styles?tags=boat"}
    buyer_client.csrf_token = None
    answer = buyer_client.post(form["action"], data=fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/styles?tags=boat")
    assert follows.is_following(session, user_id=buyer.id, followed_id=artist.user_id)
    assert buyer_client.post(form["action"], data=fields).status_code == 303  # sent twice
    page = Page(buyer_client.get(address))
    assert "1 follower" in page.text
    [form] = page.all("form", **{"class": "follow"})
    buyer_client.post(form["action"], data=fields)
    assert not follows.is_following(session, user_id=buyer.id, followed_id=artist.user_id)


def test_a_follow_leads_nowhere_but_into_this_site(buyer_client, artist):
    answer = buyer_client.post(f"/users/{artist.user_id}/follow", data={"next": "//elsewhere"})
    assert answer.headers["Location"] == "/"


def test_a_visitor_who_wants_to_follow_is_led_to_sign_in(client, artist):
    address = f"/users/{artist.user_id}"
    assert f"/login?next={address}" in Page(client.get(address)).links()
    assert client.post(f"{address}/follow").headers["Location"].startswith("/login")


def test_a_follow_without_its_token_is_refused(session, buyer_client, buyer, artist):
    buyer_client.csrf_token = None
    answer = buyer_client.post(f"/users/{artist.user_id}/follow", data={"csrf_token": "forged"})
    assert answer.status_code == 403
    assert not follows.is_following(session, user_id=buyer.id, followed_id=artist.user_id)


def test_nobody_follows_themselves(artist_client, artist):
    page = Page(artist_client.get(f"/users/{artist.user_id}"))
    assert page.all("form", **{"class": "follow"}) == []
    assert "/me" in page.links()
    assert artist_client.post(f"/users/{artist.user_id}/follow").status_code == 400


def test_an_empty_page_leads_on(client, artist, buyer):
    for user_id in (artist.user_id, buyer.id):
        page = Page(client.get(f"/users/{user_id}"))
        assert "No public pictures yet." in page.text
        assert "/styles" in page.links()


def test_pictures_that_moderation_hid_are_not_shown(session, client, artist, images):
    session.execute(update(Generation).where(Generation.id == images[-1]).values(is_flagged=True))
    session.commit()
    assert images[-1] not in shown(Page(client.get(f"/users/{artist.user_id}")))


def test_a_person_asks_the_database_as_often_as_it_may(session, buyer_client, artist, images):
    with statements(session) as seen:
        buyer_client.get(f"/users/{artist.user_id}")
    assert len(seen) <= MOST_STATEMENTS
