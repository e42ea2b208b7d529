import pytest
from sqlalchemy import update

from tests import making
from tests.webapp.pages.reading import Page
from webapp.domain.models.generation import Generation

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def wall(session, buyer, style, finish):
    """Twenty-three public pictures, the newest last."""
    making.ledger.grant(session, buyer.id, 1000, key="for a wall")
    made = [making.order(session, buyer, style)[0] for _ in range(23)]
    return [finish(each, is_public=True).id for each in made]


def shown(page):
    return [int(link.rsplit("/", 1)[1]) for link in page.links() if link.startswith("/g/")]


def test_the_wall_shows_the_newest_first_and_leads_on(client, wall):
    page = Page(client.get("/"))
    assert shown(page) == wall[::-1][:20]
    [more] = [link for link in page.links() if "cursor=" in link]
    following = Page(client.get(more))
    assert shown(following) == wall[::-1][20:]
    assert len(following.all("h1")) == 1


def test_scripts_get_only_the_next_cards(client, wall):
    [more] = [link for link in Page(client.get("/")).links() if "cursor=" in link]
    piece = Page(client.get(more, headers=FRAGMENT))
    assert shown(piece) == wall[::-1][20:]
    assert piece.all("html") == []


def test_a_restored_history_entry_gets_the_whole_page(client, wall):
    headers = FRAGMENT | {"HX-History-Restore-Request": "true"}
    assert Page(client.get("/", headers=headers)).all("html")


def test_private_pictures_are_not_on_the_wall(client, session, wall):
    session.execute(update(Generation).where(Generation.id == wall[-1]).values(is_public=False))
    session.commit()
    assert wall[-1] not in shown(Page(client.get("/")))


def test_a_filter_stands_in_the_address_and_can_be_taken_off(client, wall):
    page = Page(client.get("/?tags=boat"))
    assert len(shown(page)) == 20
    assert [chip for chip in page.all("a") if chip.get("class") == "chip"]
    empty = Page(client.get("/?tags=lighthouse"))
    assert shown(empty) == []
    assert "/styles" in empty.links()


def test_an_empty_wall_leads_on(client):
    assert "/styles" in Page(client.get("/")).links()
