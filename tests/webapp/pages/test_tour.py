"""The three steps of a new account, above the pages where they are done."""

import pytest

from tests import making
from tests.pages import MOST_STATEMENTS
from tests.statements import statements
from tests.webapp.pages.reading import Page


@pytest.fixture
def newcomer(buyer, buyer_client):
    """A buyer whose tour has begun in this browser."""
    buyer_client.set_cookie("tour", str(buyer.id))
    return buyer_client


@pytest.fixture
def picture(session, style, finish):
    """A public picture of somebody else."""
    [made] = making.order(session, making.user(session), style)
    return finish(made, is_public=True)


def step(page: Page) -> str | None:
    """The step that a page shows."""
    shown = [each["class"] for each in page.all("section") if "tour" in each.get("class", "")]
    return shown[0].split()[-1] if shown else None


def test_each_step_leads_to_its_control_and_to_the_next_step(newcomer, picture, style):
    gallery = Page(newcomer.get("/"))
    assert step(gallery) == "step-1"
    assert {"#wall", "/styles", f"/g/{picture.id}"} <= set(gallery.links())
    assert gallery.all("ul", id="wall")

    opened = Page(newcomer.get(f"/g/{picture.id}"))
    assert step(opened) == "step-2"
    control = f"/styles/{style.id}?like={picture.id}#generate"
    assert opened.links().count(control) == 2  # in the tour, and the button itself
    assert f"/styles/{style.id}#works" in opened.links()

    form = Page(newcomer.get(control))
    assert step(form) == "step-2"
    assert {"#generate", "#works"} <= set(form.links())
    assert form.all("section", id="generate")
    assert form.all("div", id="works")


def test_artists_have_no_tour_on_their_own_styles(artist, artist_client, style):
    artist_client.set_cookie("tour", str(artist.user_id))
    assert step(Page(artist_client.get("/styles"))) == "step-1"
    assert step(Page(artist_client.get(f"/styles/{style.id}"))) is None


def test_a_style_is_found_as_well_as_a_picture(newcomer, style):
    page = Page(newcomer.get("/styles"))
    assert step(page) == "step-1"
    assert f"/styles/{style.id}#generate" in page.links()
    assert step(Page(newcomer.get("/styles?q=nothing"))) == "step-1"


def test_a_delivered_picture_is_what_every_page_leads_to(newcomer, ordered, finish):
    assert step(Page(newcomer.get("/"))) == "step-1"
    finish(ordered)
    for path in ("/", "/styles", f"/styles/{ordered.style_id}"):
        page = Page(newcomer.get(path))
        assert (path, step(page)) == (path, "step-3")
        assert f"/g/{ordered.id}" in page.links()
    own = Page(newcomer.get(f"/g/{ordered.id}"))
    assert step(own) == "step-3"
    assert "#picture-actions" in own.links()
    assert "download the picture and its certificate" in own.text
    assert "To the download" in own.text
    assert own.all("div", id="picture-actions")
    assert len([link for link in own.links() if link.startswith("/l/")]) == 2


def welcome(client) -> None:
    """Let the next page be the first one of a new account."""
    with client.session_transaction() as kept:
        kept["welcome"] = True


@pytest.mark.parametrize("path", ["/", "/styles", "/wallet", "/g/{picture}", "/styles/{style}"])
def test_the_tokens_are_named_once_on_the_first_page_whichever_it_is(newcomer, picture, path):
    welcome(newcomer)
    first = path.format(picture=picture.id, style=picture.style_id)
    assert Page(newcomer.get(first)).text.count("100 tokens are yours.") == 1
    for following in (first, "/", "/styles", f"/g/{picture.id}", f"/styles/{picture.style_id}"):
        assert "tokens are yours." not in Page(newcomer.get(following)).text


def test_who_skips_the_tour_was_told_of_the_tokens(newcomer):
    welcome(newcomer)
    assert "100 tokens are yours." in Page(newcomer.get("/")).text
    newcomer.post("/tour/end", data={"next": "/"})
    assert "are yours." not in Page(newcomer.get("/")).text


def test_tokens_that_are_not_there_are_not_named(newcomer, session, buyer):
    making.take_tokens(session, buyer.id, 100)
    session.commit()
    welcome(newcomer)
    assert "are yours." not in Page(newcomer.get("/")).text


def test_who_ends_the_tour_stays_on_the_page_and_sees_it_no_more(newcomer, picture):
    answer = newcomer.post("/tour/end", data={"next": f"/g/{picture.id}"})
    assert (answer.status_code, answer.location) == (303, f"/g/{picture.id}")
    assert step(Page(newcomer.get(f"/g/{picture.id}"))) is None
    assert newcomer.post("/tour/end", data={"next": "//evil.example"}).location == "/"


def test_only_the_new_account_in_its_own_browser_sees_the_tour(
    client, buyer_client, session, sign_in
):
    assert step(Page(client.get("/"))) is None
    assert step(Page(buyer_client.get("/"))) is None
    other = making.user(session)
    session.commit()
    client = sign_in(other)
    client.set_cookie("tour", str(other.id + 1))  # left by who used this browser before
    assert step(Page(client.get("/"))) is None


def test_pages_with_the_tour_ask_no_oftener_than_others(
    session, newcomer, ordered, finish, picture
):
    finish(ordered)
    for path in ("/", "/styles", f"/styles/{ordered.style_id}", f"/g/{ordered.id}"):
        with statements(session) as sent:
            newcomer.get(path)
        assert (path, len(sent) <= MOST_STATEMENTS) == (path, True)
