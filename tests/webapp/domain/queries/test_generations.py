import pytest
from sqlalchemy import update

from tests import making
from tests.statements import plan_of, statements
from webapp.domain.errors import GenerationNotFound
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.queries import feed as feed_queries, generations as generation_queries
from webapp.domain.queries.feed import FeedFilter
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations

ANYBODY = Viewer()


def finish(session, storage, made, **columns):
    generations.pipelines.advance_generation(session, made.id, "processing")
    generations.complete(
        session,
        made.id,
        "0" * 16,
        image_key=f"images/{made.id}.png",
        preview_key=f"previews/{made.id}.webp",
        thumbnail_key=f"thumbnails/{made.id}.webp",
        image_sha256="a" * 64,
        image_size=100,
    )
    session.execute(
        update(Generation).where(Generation.id == made.id).values(**{"is_public": True} | columns)
    )
    return made


def feed(session, storage, **filters):
    page = feed_queries.pictures(
        session, storage, viewer=ANYBODY, filters=FeedFilter(**filters), page=PageRequest()
    )
    return [card.id for card in page.results]


def test_the_feed_is_public_completed_and_unflagged(session, storage):
    style, buyer = making.style(session), making.user(session)
    shown, private, flagged, _queued = making.order(session, buyer, style, count=4)
    finish(session, storage, shown)
    finish(session, storage, private, is_public=False)
    finish(session, storage, flagged, is_flagged=True)
    assert feed(session, storage) == [shown.id]


def test_the_feed_is_sorted_and_filtered(session, storage):
    first_style, second_style = (making.style(session, base_model="sd15") for _ in range(2))
    buyer, other = making.user(session), making.user(session)
    liked = finish(
        session,
        storage,
        making.order(session, buyer, first_style, prompt_tags=["a", "b"])[0],
        like_count=5,
    )
    recent = finish(
        session, storage, making.order(session, other, second_style, prompt_tags=["b"])[0]
    )
    assert feed(session, storage) == [recent.id, liked.id]
    assert feed(session, storage, sort="popular") == [liked.id, recent.id]
    assert feed(session, storage, tags=("a", "b")) == [liked.id]
    assert feed(session, storage, tags_any=("a", "b")) == [recent.id, liked.id]
    assert feed(session, storage, style_id=second_style.id) == [recent.id]
    assert feed(session, storage, artist_id=first_style.artist_id) == [liked.id]
    assert feed(session, storage, user_id=other.id) == [recent.id]
    assert feed(session, storage, following=True) == []


def test_the_feed_is_read_in_the_order_of_its_indexes(session, storage):
    for sort, index in (("recent", "ix_generations_feed"), ("popular", "ix_generations_popular")):
        plan = plan_of(session, lambda sort=sort: feed(session, storage, sort=sort))
        assert index in plan
        assert "Sort" not in plan.partition("Limit")[2], "cut before it is sorted"


def detail(session, storage, made, viewer):
    return generation_queries.detail(session, storage, generation_id=made.id, viewer=viewer)


def test_a_private_image_is_its_owners_and_the_administrators(session, storage):
    made = making.generation(session, storage)
    owner = Viewer(user_id=made.user_id)
    artist_id = session.get(Style, made.style_id).artist_id
    assert detail(session, storage, made, owner).price_tokens == 10
    assert detail(session, storage, made, Viewer(user_id=0, is_admin=True)).batch_id
    for viewer in (ANYBODY, Viewer(user_id=artist_id), Viewer(user_id=made.user_id + 1000)):
        with pytest.raises(GenerationNotFound):
            detail(session, storage, made, viewer)


def test_a_completed_image_has_addresses_and_a_licence(session, storage):
    made = finish(session, storage, making.generation(session, storage))
    seen = detail(session, storage, made, Viewer(user_id=made.user_id))
    for name, kind in (("result", "image"), ("preview", "preview"), ("thumbnail", "thumbnail")):
        assert f"/storage/{kind}s/{made.id}." in getattr(seen, f"{name}_url")
    assert seen.license.public_id == made.license_public_id
    assert seen.progress is None


@pytest.mark.parametrize("sort", ["recent", "popular"])
def test_an_artists_feed_is_all_styles_of_the_artist_in_one_order(session, storage, sort):
    old, buyer = making.style(session), making.user(session)
    made = making.order(session, buyer, old, count=2)
    old.is_active = False
    session.flush()
    new = making.style(session, of=session.get(making.Artist, old.artist_id))
    made += making.order(session, buyer, new, count=2)
    for each, likes in zip(made, (3, 1, 1, 2), strict=True):
        finish(session, storage, each, like_count=likes)
    finish(session, storage, making.order(session, buyer, making.style(session))[0])
    expected = {"recent": [3, 2, 1, 0], "popular": [0, 3, 2, 1]}[sort]
    shown = feed(session, storage, sort=sort, artist_id=old.artist_id)
    assert shown == [made[place].id for place in expected]


def test_a_failed_image_has_a_reason(session, storage):
    made = making.generation(session, storage)
    generations.fail(session, made.id, "INVALID_PROMPT", "It cannot be drawn.")
    owner = Viewer(user_id=made.user_id)
    seen = detail(session, storage, made, owner)
    assert seen.failure.cause == "INVALID_PROMPT"
    assert seen.refunded is True


def test_the_stamp_changes_whenever_the_detail_does(session, storage):
    made = making.generation(session, storage)
    seen = {generation_queries.stamp(session, made.id)[:1]}
    before = generation_queries.stamp(session, made.id)
    assert generation_queries.stamp(session, made.id) == before
    generations.pipelines.advance_generation(session, made.id, "processing")
    after = generation_queries.stamp(session, made.id)
    assert after != before
    session.execute(update(Generation).values(progress={"progress_percent": 1}))
    assert str(generation_queries.stamp(session, made.id)) != str(after)
    assert seen == {("queued",)}


def test_lists_and_details_take_one_statement(session, storage):
    style, buyer = making.style(session), making.user(session)
    for made in making.order(session, buyer, style, count=4):
        finish(session, storage, made)
    with statements(session) as seen:
        feed(session, storage)
    assert len(seen) == 1
    with statements(session) as seen:
        page = generation_queries.own(
            session, storage, user_id=buyer.id, filters=OwnFilter(), page=PageRequest()
        )
    assert (len(seen), len(page.results)) == (1, 4)
    with statements(session) as seen:
        detail(session, storage, made, ANYBODY)
    assert len(seen) == 1


def test_ones_images_being_made_are_found_and_named_ones_in_any_state(session, storage):
    buyer = making.user(session)
    done, lost, first, second = making.order(session, buyer, making.style(session), count=4)
    finish(session, storage, done)
    generations.fail(session, lost.id, "GPU_OOM", "")

    def own(**filters):
        page = generation_queries.own(
            session, storage, user_id=buyer.id, filters=OwnFilter(**filters), page=PageRequest()
        )
        return [picture.id for picture in page.results]

    assert own(unfinished=True) == [second.id, first.id]
    foreign = making.generation(session)
    assert own(ids=(lost.id, first.id, foreign.id, 2**70)) == [first.id, lost.id]
    assert own(ids=()) == []
