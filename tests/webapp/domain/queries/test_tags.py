import pytest
from sqlalchemy import update

from tests import making
from tests.statements import plan_of
from webapp.domain.errors import StyleNotFound, TagNotFound
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Artwork, Tag
from webapp.domain.queries import searching, tags as tag_queries
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.tags import TagView
from webapp.domain.queries.viewing import Viewer

ANYBODY = Viewer()
USES = {"boat": 3, "sea": 3, "watercolor": 9, "rowboat": 9, "boat house": 1, "a": 2, "unused": 0}


@pytest.fixture
def tags(session):
    """Some tags by name, two of them hidden."""
    made = {name: Tag(name=name, style_count=uses) for name, uses in USES.items()}
    made["flagged boat"] = Tag(name="flagged boat", style_count=50, is_flagged=True)
    made["boat off"] = Tag(name="boat off", style_count=50, is_active=False)
    session.add_all(made.values())
    session.flush()
    return made


def walk(fetch, limit):
    seen, cursor = [], None
    while True:
        page = fetch(PageRequest(limit, cursor))
        seen += [each.name for each in page.results]
        cursor = page.next_cursor
        if cursor is None:
            return seen


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_popular_tags_come_first_and_equals_by_name(session, tags, limit):
    seen = walk(lambda page: tag_queries.popular(session, page=page), limit)
    assert seen == ["rowboat", "watercolor", "boat", "sea", "a", "boat house"]


def test_popular_tags_are_read_in_the_order_of_their_index(session):
    plan = plan_of(session, lambda: tag_queries.popular(session, page=PageRequest()))
    assert "ix_tags_popular" in plan
    assert "Sort" not in plan


def on_sale(session, *words, **columns):
    made = making.style(session, **columns)
    made.tags = [made.name.lower(), *words]
    session.flush()


def test_the_tags_of_popular_styles_lead_to_styles_on_sale(session, tags):
    on_sale(session, "sea", "boat", "flagged boat")
    on_sale(session, "sea", "never counted")
    on_sale(session, "watercolor", is_active=False)
    on_sale(session, "a", name="Rowboat")
    assert tag_queries.of_popular_styles(session, limit=9) == ["sea", "a", "boat"]
    assert tag_queries.of_popular_styles(session, limit=1) == ["sea"]


def test_only_the_most_used_styles_are_asked_for_their_tags(session, tags, monkeypatch):
    monkeypatch.setattr(tag_queries, "POPULAR_STYLES", 1)
    on_sale(session, "sea", usage_count=3)
    on_sale(session, "boat", usage_count=2)
    assert tag_queries.of_popular_styles(session, limit=9) == ["sea"]
    plan = plan_of(session, lambda: tag_queries.of_popular_styles(session, limit=9))
    assert "ix_styles_popular" in plan


@pytest.mark.parametrize("walked", [0, 1, searching.WALKED])
@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize(
    "typed, expected",
    [
        ("BOAT", ["boat", "boat house", "rowboat"]),
        ("wat", ["watercolor"]),
        ("a", ["a", "rowboat", "watercolor", "boat", "sea", "boat house"]),
        ("t  h", ["boat house"]),
        ("%", []),
        ("b_at", []),
        ("꽈배기", []),
        ("바다", ["sea"]),
        ("배", ["boat", "boat house", "rowboat"]),
        (" ", []),
    ],
)
def test_tags_that_begin_so_come_before_those_that_contain_it(
    session, tags, monkeypatch, typed, expected, limit, walked
):
    monkeypatch.setattr(searching, "WALKED", walked)
    assert walk(lambda page: tag_queries.search(session, text=typed, page=page), limit) == expected


def test_names_that_are_tags_in_use_have_their_number_of_uses(session, tags):
    names = ["sea", "boat", "unused", "boat off", "flagged boat", "dragon"]
    assert tag_queries.uses(session, names) == {"sea": 3, "boat": 3}


def test_the_tag_itself_is_never_lost_among_the_more_used(session, tags):
    assert list(tag_queries.containing(session, "boat", 1).items()) == [("boat", 3), ("rowboat", 9)]
    assert tag_queries.containing(session, "oat", 1) == {"rowboat": 9}
    assert tag_queries.containing(session, "boat off", 5) == {}


def test_a_tag_tells_how_many_styles_on_sale_have_it(session, tags):
    for columns in ({}, {}, {"is_active": False}, {"is_flagged": True}, {"tags": ["x", "sea"]}):
        making.style(session, **{"tags": ["x", "boat"]} | columns)
    seen = tag_queries.detail(session, tag_id=tags["boat"].id)
    assert seen == TagView(
        id=tags["boat"].id,
        name="boat",
        usage_count=3,
        style_count=2,
        created_at=tags["boat"].created_at,
    )


@pytest.mark.parametrize("name", ["flagged boat", "boat off", "unused"])
def test_a_hidden_tag_is_not_found(session, tags, name):
    for tag_id in (tags[name].id, 10**9):
        with pytest.raises(TagNotFound) as refused:
            tag_queries.detail(session, tag_id=tag_id)
        assert refused.value.details == {"id": tag_id}


def image(session, style, *prompt, buyer=None, **values):
    """A delivered public image, by somebody else each time."""
    buyer = buyer or making.user(session)
    [made] = making.order(session, buyer, style, prompt_tags=["boat"])
    values = {
        "prompt_tags": list(prompt),
        "status": "completed",
        "is_public": True,
        "image_key": "images/1.png",
        "image_sha256": "a" * 64,
    } | values
    session.execute(update(Generation).where(Generation.id == made.id).values(**values))


def work(session, style, idx, *words, **columns):
    defaults = {
        "filename": "x.png",
        "upload_key": f"uploads/{style.id}-{idx}",
        "declared_size": 1,
        "content_type": "image/png",
        "status": "valid",
    }
    session.add(Artwork(style_id=style.id, idx=idx, tags=list(words), **defaults | columns))
    session.flush()


def recommended(session, style, viewer=ANYBODY):
    found = tag_queries.recommended(session, style_id=style.id, viewer=viewer)
    return [(each.name, each.source, each.score) for each in found]


def test_what_people_prompt_comes_first_then_what_was_trained(session):
    style = making.style(session, name="Ink", tags=["ink", "boat", "pier", "harbor"])
    work(session, style, 0, "ink", "boat", "pier")
    work(session, style, 1, "ink", "boat", "sea")
    work(session, style, 2, "ink", "fog", status="rejected", code="IMAGE_CORRUPT")
    work(session, style, 3, "ink", "mud", is_removed=True)
    for _ in range(3):
        image(session, style, "ink", "sea")
        image(session, style, "sea", "moon")
        image(session, style, "never", status="failed", is_public=False)
    assert recommended(session, style) == [
        ("sea", "usage", 1.0),
        ("moon", "usage", 0.75),
        ("boat", "training", 0.5),
        ("pier", "training", 0.25),
        ("harbor", "training", 0),
    ]


def test_words_of_private_and_flagged_images_never_appear(session):
    style = making.style(session, tags=["ink", "boat"])
    for _ in range(3):
        image(session, style, "dragon", is_public=False)
        image(session, style, "hat", is_flagged=True)
    assert recommended(session, style) == [("boat", "training", 0)]


def test_words_of_buyers_appear_once_three_of_them_have_shown_them(session):
    style = making.style(session, tags=["ink", "boat"])
    eager = making.user(session, tokens=500)
    for _ in range(5):
        image(session, style, "dragon", "moon", buyer=eager)
    image(session, style, "moon")
    assert recommended(session, style) == [("boat", "training", 0)]
    image(session, style, "moon")
    assert recommended(session, style) == [
        ("moon", "usage", 1.0),
        ("boat", "training", 0),
    ]


def test_the_artists_own_tags_need_no_three_buyers(session):
    style = making.style(session, tags=["ink", "boat"])
    work(session, style, 0, "ink", "lighthouse")
    image(session, style, "boat", "lighthouse", "dragon")
    image(session, style, "boat")
    assert recommended(session, style) == [
        ("boat", "usage", 1.0),
        ("lighthouse", "usage", 0.75),
    ]


def test_a_style_nobody_used_has_its_training_tags_without_its_name(session):
    style = making.style(session, tags=["ink", "boat"])
    assert recommended(session, style) == [("boat", "training", 0)]


@pytest.mark.parametrize("block", [{"is_flagged": True}, {"is_active": False}])
def test_a_tag_that_moderation_blocked_is_not_recommended(session, block):
    style = making.style(session, tags=["ink", "boat", "pier"])
    for _ in range(3):
        image(session, style, "sea", "moon")
    for name in ("sea", "boat"):
        session.add(Tag(name=name, style_count=1, **block))
    session.flush()
    assert [name for name, _, _ in recommended(session, style)] == ["moon", "pier"]


def test_at_most_twenty_are_recommended(session):
    style = making.style(session, tags=["ink", *(f"trained {n}" for n in range(30))])
    for _ in range(3):
        image(session, style, *(f"word {n}" for n in range(15)))
    found = recommended(session, style)
    assert [source for _, source, _ in found] == ["usage"] * 15 + ["training"] * 5


def test_only_the_latest_images_are_asked(session, monkeypatch):
    monkeypatch.setattr(tag_queries, "RECENT_IMAGES", 6)
    style = making.style(session, tags=["ink"])
    for word in ("old", "newer", "newest"):
        for _ in range(3):
            image(session, style, word)
    assert {name for name, _, _ in recommended(session, style)} == {"newer", "newest"}


def test_the_style_of_an_artist_who_left_has_nothing_left_to_recommend(session):
    style = making.style(session, tags=[], is_active=False)
    assert recommended(session, style, Viewer(is_admin=True)) == []


@pytest.mark.parametrize("columns", [{"is_active": False}, {"training_status": "pending"}])
def test_a_hidden_style_recommends_to_its_artist_only(session, columns):
    style = making.style(session, tags=["ink", "boat"], **columns)
    with pytest.raises(StyleNotFound):
        recommended(session, style)
    assert recommended(session, style, Viewer(style.artist_id)) == [("boat", "training", 0)]
