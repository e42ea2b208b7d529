import pytest
from sqlalchemy import update

from tests import making
from tests.webapp.conftest import make_app
from tests.webapp.pages.reading import Page
from webapp.domain import pipelines
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import TrainingStatus
from webapp.domain.services import follows
from webapp.domain.settings import settings

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


def test_a_card_is_called_by_its_title_or_else_by_its_style(client, session, wall, style):
    session.execute(
        update(Generation).where(Generation.id == wall[-1]).values(description="At the pier")
    )
    session.commit()
    page = Page(client.get("/?limit=2"))
    assert len(page.all("b", **{"class": "title"})) == 1
    assert "At the pier" in page.text
    assert page.links().count(f"/styles/{style.id}") == 2


def test_a_page_of_the_browsers_history_stays_as_long_as_it_was(client, wall):
    [more] = [link for link in Page(client.get("/")).links() if "cursor=" in link]
    piece = Page(client.get(f"{more}&limit=2", headers=FRAGMENT))
    assert shown(piece) == wall[::-1][20:22]
    [following] = [link for link in piece.links() if "cursor=" in link]
    assert "limit" not in following


def test_visitors_see_the_most_liked_first_and_people_who_are_signed_in_the_newest(
    client, buyer_client, session, wall
):
    liked = wall[0]
    session.execute(update(Generation).where(Generation.id == liked).values(like_count=9))
    session.commit()
    assert shown(Page(client.get("/")))[0] == liked
    assert shown(Page(buyer_client.get("/")))[0] == shown(Page(client.get("/?sort=recent")))[0]
    assert shown(Page(buyer_client.get("/")))[0] != liked
    assert shown(Page(buyer_client.get("/?sort=popular")))[0] == liked
    for page in (Page(client.get("/")), Page(buyer_client.get("/"))):
        [chosen] = [each for each in page.all("a") if each.get("aria-current") == "true"]
        assert chosen["href"] == "/"


def test_filters_stand_in_the_address_and_can_be_taken_off(client, session, wall):
    session.execute(
        update(Generation).where(Generation.id == wall[3]).values(prompt_tags=["boat", "fog"])
    )
    session.commit()
    page = Page(client.get("/?sort=recent&tags=boat"))
    assert len(shown(page)) == 20
    assert {"/?sort=recent", "/?sort=recent&tags=boat&tags=sea"} <= set(page.links())
    both = Page(client.get("/?tags=boat&tags=fog"))
    assert shown(both) == [wall[3]]
    assert {"/?tags=boat", "/?tags=fog", "/?sort=recent&tags=boat&tags=fog"} <= set(both.links())
    assert {each["value"] for each in both.all("input", type="hidden", name="tags")} == {
        "boat",
        "fog",
    }


def test_tags_that_no_picture_has_lead_back_to_all(client, wall):
    empty = Page(client.get("/?tags=lighthouse"))
    assert shown(empty) == []
    assert "/" in [link["href"] for link in empty.all("a", role="button")]


def test_a_korean_word_filters_by_its_english_tag_which_is_shown(client, session, wall):
    session.execute(
        update(Generation).where(Generation.id == wall[3]).values(prompt_tags=["boat", "fog"])
    )
    session.commit()
    page = Page(client.get("/", query_string={"tags": "안개, 배"}))
    assert shown(page) == [wall[3]]
    assert {each["value"] for each in page.all("input", type="hidden", name="tags")} == {
        "boat",
        "fog",
    }
    assert {"/?tags=boat", "/?tags=fog"} <= set(page.links())


def test_a_tag_that_is_none_is_told_at_its_field_above_the_pictures_without_it(client, wall):
    answer = client.get("/", query_string={"sort": "recent", "tags": "꽈배기"})
    page = Page(answer)
    assert answer.status_code == 422
    assert "Tags are English words: “꽈배기” is not in our Korean dictionary." in page.text
    [field] = page.all("input", id="tag")
    assert (field["value"], field["aria-describedby"]) == ("꽈배기", "tag-problem")
    names = [each.get("id", name) for name, each in page.elements]
    assert names.index("tag") < names.index("tag-problem") < names.index("wall")
    assert shown(page) == wall[::-1][:20]
    [more] = [link for link in page.links() if "cursor=" in link]
    assert shown(Page(client.get(more))) == wall[::-1][20:]


def test_the_other_filters_stay_when_a_tag_is_none(client, session, wall):
    session.execute(
        update(Generation).where(Generation.id == wall[3]).values(prompt_tags=["boat", "fog"])
    )
    session.commit()
    for tags in (["fog", "꽈배기"], ["안개, 꽈배기"]):
        page = Page(client.get("/", query_string={"tags": tags}))
        assert shown(page) == [wall[3]]
        assert [each["value"] for each in page.all("input", type="hidden", name="tags")] == ["fog"]
        assert page.all("input", id="tag")[0]["value"] == tags[-1]
    too_long = Page(client.get("/", query_string={"tags": "fog" * 50}))
    assert len(shown(too_long)) == 20


def test_the_pictures_of_one_artist_are_named_for_them(client, session, storage, wall, style):
    other = making.style(session, storage)
    session.execute(update(Generation).where(Generation.id == wall[0]).values(style_id=other.id))
    session.commit()
    page = Page(client.get(f"/?artist_id={other.artist_id}"))
    assert shown(page) == [wall[0]]
    assert f"Remove filter Artist {other.artist_id}" in page.text


def test_whom_one_follows_is_for_the_signed_in(client, session, buyer_client, buyer, wall, style):
    answer = client.get("/?following=1")
    assert answer.headers["Location"] == "/login?next=/?following%3D1"
    empty = Page(buyer_client.get("/?following=1"))
    assert shown(empty) == []
    assert "/styles" in [link["href"] for link in empty.all("a", role="button")]
    follows.follow(session, user=buyer, followed_id=style.artist_id)
    session.commit()
    assert shown(Page(buyer_client.get("/?following=1"))) == wall[::-1][:20]


def test_an_empty_wall_leads_on(client):
    assert "/styles" in Page(client.get("/")).links()


@pytest.fixture
def demo_client(bind, storage, shared_apps, monkeypatch):
    """Somebody unknown at a site whose sign-in and payment are sandboxes."""
    sandboxes = {"GOOGLE_BASE_URL": "http://localhost:1", "TOSS_BASE_URL": "http://localhost:2"}
    yield bind(shared_apps.get(monkeypatch, **sandboxes)).test_client()
    settings.cache_clear()


@pytest.fixture
def run(session, storage):
    """A training that a worker is at, 61 % done."""
    made = making.training(session, storage)
    made.progress = {"progress_percent": 61}
    making.change_job(session, making.job_of(session, made).id, state="running")
    pipelines.advance_style(session, made.style_id, TrainingStatus.TRAINING)
    session.commit()
    return made


def test_a_demo_site_shows_what_is_being_trained_and_where_to_watch(demo_client, run):
    page = Page(demo_client.get("/"))
    assert "Training in progress: 61 %" in page.text
    assert f"/login?next=/styles/{run.style_id}" in page.links()
    [banner] = page.all("p", **{"hx-get": "/training"})
    piece = Page(demo_client.get(banner["hx-get"], headers=FRAGMENT))
    assert "61 %" in piece.text
    assert piece.all("html") == []


def test_the_banner_is_gone_when_nothing_is_trained(demo_client, session, run):
    pipelines.advance_style(session, run.style_id, TrainingStatus.FAILED)
    session.commit()
    assert Page(demo_client.get("/")).all("p", **{"hx-get": "/training"}) == []
    assert demo_client.get("/training", headers=FRAGMENT).data == b""


def test_what_is_trained_elsewhere_is_nobodys_business(client, run):
    assert "61 %" not in Page(client.get("/")).text
    assert client.get("/training", headers=FRAGMENT).status_code == 404


@pytest.mark.parametrize("address", ["/", "/styles/{style}"])
def test_who_sees_pictures_of_the_demo_model_is_told(bind, monkeypatch, client, style, address):
    there = address.format(style=style.id)
    assert "small demonstration model" in Page(client.get(there)).text
    real = bind(make_app(monkeypatch, BASE_MODEL="sd15")).test_client()
    assert "small demonstration model" not in Page(real.get(there)).text
