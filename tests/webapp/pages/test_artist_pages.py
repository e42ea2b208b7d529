"""The page of an artist, the form that changes it, and the buttons that pin pictures."""

import io

import pytest
from sqlalchemy import select

from tests import images, making
from tests.webapp.pages.reading import Page
from webapp.domain.models.account import User
from webapp.domain.models.artist_page import ArtistPage, PinnedPicture
from webapp.domain.services import artist_pages, collections

FORM = "/me/page"


@pytest.fixture
def shown(session, storage, artist, style, finish):
    """Three public pictures in the artist's style."""
    buyer = making.user(session, tokens=500)
    made = [finish(making.order(session, buyer, style)[0], is_public=True) for _ in range(3)]
    return [each.id for each in made]


def fields(client, **changes):
    """The fields of the form as they stand on the page."""
    page = Page(client.get(FORM))
    rows = {
        name: [each.get("value", "") for each in page.all("input", name=name)]
        for name in ("link_url", "link_label")
    }
    return {"about": "", **rows, **changes}


def test_the_form_changes_text_links_and_banner(artist_client, client, artist, style):
    answer = artist_client.post(
        FORM,
        data=fields(
            artist_client,
            about="I draw harbors.\n\nIn ink.",
            link_url=["", "https://example.org/a", "https://shop.example.com"],
            link_label=["", "Portfolio", ""],
            banner=(io.BytesIO(images.jpeg(1600, 500)), "banner.jpg"),
        ),
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me/page?saved=page")
    again = Page(artist_client.get("/me/page?saved=page"))
    assert "Your artist page is saved." in again.text
    urls = [each["value"] for each in again.all("input", name="link_url")]
    assert urls == ["https://example.org/a", "https://shop.example.com/", "", "", ""]
    answer = client.get(f"/users/{artist.user_id}")
    page = Page(answer)
    for words in ("About", "I draw harbors.", "In ink.", "Portfolio example.org", "1 style"):
        assert words in page.text
    for url in ("https://example.org/a", "https://shop.example.com/"):
        [link] = page.all("a", href=url)
        assert link["rel"] == "nofollow ugc noopener"
    [shown] = page.all("img", **{"class": "banner"})
    assert client.get(shown["src"]).mimetype == "image/webp"
    assert answer.text.count("<p>I draw harbors.</p>") == 1
    assert page.own_code() == []


def test_the_banner_goes_by_its_checkbox(artist_client, session):
    data = fields(artist_client, banner=(io.BytesIO(images.png(800, 300)), "b.png"))
    artist_client.post(FORM, data=data)
    assert session.scalar(select(ArtistPage.banner_key)).startswith("banners/")
    artist_client.post(FORM, data=fields(artist_client))  # stays when no file is chosen
    assert session.scalar(select(ArtistPage.banner_key)) is not None
    artist_client.post(FORM, data=fields(artist_client, remove_banner="1"))
    assert session.scalar(select(ArtistPage.banner_key)) is None


def test_a_refused_form_says_why_and_keeps_what_was_written(artist_client, session):
    answer = artist_client.post(
        FORM,
        data=fields(
            artist_client,
            about="Ink.",
            link_url=["https://example.org", "javascript:alert(1)"],
            link_label=["", "Click"],
        ),
    )
    assert answer.status_code == 422
    page = Page(answer)
    assert "Each link needs the address of a public web page" in page.text
    inputs = page.all("input", name="link_url")
    assert [each["value"] for each in inputs[:2]] == ["https://example.org", "javascript:alert(1)"]
    assert ["aria-invalid" in each for each in inputs] == [False, True, False, False, False]
    assert "Ink." in answer.text
    assert page.all("a", href="javascript:alert(1)") == []
    assert session.scalars(select(ArtistPage)).all() == []


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"about": "x" * 2001}, "Use at most 2,000 characters."),
        ({"about": "in\u200bvisible"}, "Contains invisible characters."),
        ({"banner": (io.BytesIO(b"<svg/>"), "b.png")}, "format"),
        ({"banner": "text"}, "Must be a file."),
    ],
)
def test_each_wrong_field_has_its_words(artist_client, changes, words):
    answer = artist_client.post(
        FORM, data=fields(artist_client, **changes), content_type="multipart/form-data"
    )
    assert answer.status_code == 422
    assert words in Page(answer).text


def test_nothing_that_an_artist_writes_is_markup(artist_client, session, storage, client, artist):
    artist_client.post(
        FORM,
        data=fields(
            artist_client,
            about="<script>alert(1)</script> & [x](javascript:alert(1))",
            link_url=['https://example.org/"><b>'],
            link_label=['"><i>Shop'],
        ),
    )
    answer = client.get(f"/users/{artist.user_id}")
    page = Page(answer)
    assert page.own_code() == []
    assert page.all("i") == page.all("b") == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; [x]" in answer.text


def test_visitors_are_led_to_sign_in_and_others_to_become_an_artist(client, buyer_client):
    assert client.get(FORM).headers["Location"].startswith("/login?next=")
    for answer in (
        buyer_client.get(FORM),
        buyer_client.post(FORM, data={"about": "x"}),
        buyer_client.post(f"{FORM}/pictures/1/pin"),
        buyer_client.post(f"{FORM}/pictures/1/unpin"),
    ):
        assert answer.headers["Location"].startswith("/become-artist")
    assert "/me/page" not in Page(buyer_client.get("/me/settings")).links()


def test_settings_and_the_own_profile_lead_to_the_form(artist_client, artist):
    for address in ("/me/settings", f"/users/{artist.user_id}"):
        assert FORM in Page(artist_client.get(address)).links()


def test_pictures_are_pinned_on_the_own_page_without_scripts(
    artist_client, client, session, artist, shown
):
    address = f"/users/{artist.user_id}"
    pins = [f"/me/page/pictures/{each}/pin" for each in shown]
    page = Page(artist_client.get(address))
    assert {each["action"] for each in page.all("form", **{"class": "pin"})} == set(pins)
    answer = artist_client.post(pins[0])
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{address}#pinned")
    page = Page(artist_client.get(address))
    unpin = f"/me/page/pictures/{shown[0]}/unpin"
    actions = {each["action"] for each in page.all("form", **{"class": "pin"})}
    assert actions == {unpin, *pins[1:]}
    visitor = Page(client.get(address))
    assert "Pinned" in visitor.text
    assert visitor.all("form", **{"class": "pin"}) == []
    for _ in range(2):  # sent twice
        assert artist_client.post(unpin).status_code == 303
    assert session.scalars(select(PinnedPicture)).all() == []
    assert "Pinned" not in Page(client.get(address)).text


def test_no_more_pins_are_offered_once_six_are_pinned(
    artist_client, session, storage, artist, style, finish, shown
):
    buyer = making.user(session, tokens=500)
    more = [finish(making.order(session, buyer, style)[0], is_public=True).id for _ in range(4)]
    for each in [*shown, *more[:3]]:
        artist_client.post(f"/me/page/pictures/{each}/pin")
    page = Page(artist_client.get(f"/users/{artist.user_id}"))
    actions = [each["action"] for each in page.all("form", **{"class": "pin"})]
    assert len(actions) == 6
    assert all(each.endswith("/unpin") for each in actions)
    assert artist_client.post(f"/me/page/pictures/{more[3]}/pin").status_code == 409


def test_a_page_says_in_its_description_what_the_artist_wrote(session, storage, client, artist):
    person = session.get(User, artist.user_id)
    artist_pages.edit(session, storage, user=person, about="Ink and rain.")
    session.commit()
    [described] = Page(client.get(f"/users/{artist.user_id}")).all("meta", name="description")
    assert described["content"] == "Ink and rain."


def test_public_collections_stand_on_the_profile_of_their_owner(session, client, buyer, shown):
    for number in range(7):
        made = collections.create(session, user=buyer, name=f"Shore {number}", is_public=True)
        collections.add(session, user=buyer, collection_id=made, generation_id=shown[0])
    private = collections.create(session, user=buyer, name="Secret")
    collections.add(session, user=buyer, collection_id=private, generation_id=shown[0])
    collections.create(session, user=buyer, name="Nothing in it", is_public=True)
    session.commit()
    page = Page(client.get(f"/users/{buyer.id}"))
    named = [number for number in range(7) if f"Shore {number}" in page.text]
    assert named == [2, 3, 4, 5, 6]
    assert "Secret" not in page.text
    assert "Nothing in it" not in page.text
    every = f"/users/{buyer.id}/collections"
    assert every in page.links()
    first = Page(client.get(f"{every}?limit=5"))
    [more] = [link for link in first.links() if "cursor=" in link]
    rest = Page(client.get(more, headers={"HX-Request": "true"}))
    assert "Shore 1" in rest.text
    assert rest.all("html") == []
    assert "Secret" not in first.text + rest.text
    assert client.get("/users/999999999/collections").status_code == 404
