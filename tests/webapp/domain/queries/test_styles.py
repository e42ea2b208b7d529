import pytest
from sqlalchemy import update

from tests import making
from tests.statements import plan_of, statements
from webapp.domain.errors import StyleNotFound, ValidationFailed
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.queries import style_detail, styles as style_queries
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.style_detail import OwnStyleView, StyleStats
from webapp.domain.queries.styles import StyleFilter
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generations

ANYBODY = Viewer()


def ids(session, storage, viewer=ANYBODY, **filters):
    page = style_queries.catalogue(
        session, storage, filters=StyleFilter(**filters), viewer=viewer, page=PageRequest()
    )
    return [each.id for each in page.results]


def finish(session, made, number):
    generations.pipelines.advance_generation(session, made.id, "processing")
    generations.complete(
        session,
        made.id,
        "0" * 16,
        image_key=f"images/{made.id}.png",
        preview_key=None,
        thumbnail_key=None,
        image_sha256="a" * 64,
        image_size=number,
    )


def test_the_most_used_style_comes_first_and_failures_do_not_count(session, storage):
    little, much, failed = (making.style(session, storage) for _ in range(3))
    buyer = making.user(session)
    for style, uses in ((little, 1), (much, 3)):
        for number in range(uses):
            finish(session, making.order(session, buyer, style)[0], number)
    for _ in range(4):
        made = making.order(session, buyer, failed)[0]
        generations.fail(session, made.id, "INVALID_PROMPT", "")
    assert ids(session, storage, sort="popular") == [much.id, little.id, failed.id]
    assert ids(session, storage) == [failed.id, much.id, little.id]


def test_the_catalogue_is_read_in_the_order_of_its_indexes(session, storage):
    for sort, index in (("recent", "ix_styles_recent"), ("popular", "ix_styles_popular")):
        plan = plan_of(session, lambda sort=sort: ids(session, storage, sort=sort))
        assert index in plan
        assert "Sort" not in plan.partition("Limit")[2], "cut before it is sorted"


def test_tags_asks_for_all_and_tags_any_for_one(session, storage):
    both = making.style(session, tags=["name one", "a", "b"])
    first = making.style(session, tags=["name two", "a"])
    second = making.style(session, tags=["name three", "b"])
    assert ids(session, storage, tags=("A ", "b")) == [both.id]
    assert ids(session, storage, tags_any=("a", "b")) == [second.id, first.id, both.id]
    assert ids(session, storage, tags=("a",), tags_any=("c",)) == []
    with pytest.raises(ValidationFailed) as refused:
        ids(session, storage, tags=("꽈배기",))
    assert "꽈배기" in refused.value.details["fields"]["tags"][0]


def test_a_korean_word_filters_by_its_tag(session, storage):
    sea = making.style(session, tags=["name one", "sea"])
    making.style(session, tags=["name two", "boat"])
    assert ids(session, storage, tags=("바다",)) == [sea.id]
    assert ids(session, storage, tags_any=("바다", "cat")) == [sea.id]


def test_the_catalogue_holds_only_what_is_for_sale(session, storage):
    shown = making.style(session)
    for columns in (
        {"is_active": False},
        {"is_flagged": True},
        {"training_status": "pending"},
        {"training_status": "failed"},
    ):
        making.style(session, **columns)
    assert ids(session, storage) == [shown.id]


def test_unfinished_styles_are_listed_to_their_artist_only(session, storage):
    mine = making.style(session, training_status="training")
    making.style(session, training_status="training")
    me = Viewer(user_id=mine.artist_id)
    assert ids(session, storage, me, training_status="training") == [mine.id]
    assert ids(session, storage, me, training_status="all") == [mine.id]
    assert ids(session, storage, training_status="all") == []


def test_filters_of_artist_and_licence_hold(session, storage):
    personal = making.style(session, license_type="personal")
    commercial = making.style(session, license_type="commercial")
    assert ids(session, storage, license_type="personal") == [personal.id]
    assert ids(session, storage, artist_id=commercial.artist_id) == [commercial.id]
    assert ids(session, storage, following=True) == []


@pytest.mark.parametrize(
    "columns", [{"is_active": False}, {"is_flagged": True}, {"training_status": "failed"}]
)
def test_a_hidden_style_exists_for_its_artist_and_administrators_only(session, storage, columns):
    style = making.style(session, **columns)
    for viewer in (ANYBODY, Viewer(user_id=making.user(session).id)):
        with pytest.raises(StyleNotFound):
            style_detail.detail(session, storage, style_id=style.id, viewer=viewer)
    for viewer in (Viewer(user_id=style.artist_id), Viewer(user_id=0, is_admin=True)):
        seen = style_detail.detail(session, storage, style_id=style.id, viewer=viewer)
        assert isinstance(seen, OwnStyleView)


def test_likes_are_averaged_over_completed_images(session, storage):
    style = making.style(session)
    made = making.order(session, making.user(session), style, count=3)
    for number, each in enumerate(made[:2]):
        finish(session, each, number)
        session.execute(
            update(Generation).where(Generation.id == each.id).values(like_count=number)
        )
    seen = style_detail.detail(session, storage, style_id=style.id, viewer=ANYBODY)
    assert seen.stats == StyleStats(total_generations=2, avg_likes=0.5)


def test_an_artists_list_tells_what_each_style_earned(session, storage):
    style = making.style(session, price_tokens=30)
    finish(session, making.order(session, making.user(session), style)[0], 1)
    page = style_queries.own(session, storage, artist_id=style.artist_id, page=PageRequest())
    assert page.results[0].total_earned_tokens == 30


def test_the_stamp_changes_whenever_the_detail_does(session, storage):
    run = making.training(session, storage)
    before = style_detail.stamp(session, run.style_id)
    assert style_detail.stamp(session, run.style_id) == before
    run.progress = {"progress_percent": 5}
    session.flush()
    after = style_detail.stamp(session, run.style_id)
    assert after != before
    session.execute(update(Style).values(training_status="failed"))
    assert style_detail.stamp(session, run.style_id) != after


def test_a_list_takes_one_statement_and_a_detail_at_most_five(session, storage):
    styles = [making.style(session, storage) for _ in range(5)]
    viewer = Viewer(user_id=styles[0].artist_id)
    with statements(session) as seen:
        ids(session, storage)
    assert len(seen) == 1
    with statements(session) as seen:
        style_queries.own(session, storage, artist_id=styles[0].artist_id, page=PageRequest())
    assert len(seen) == 1
    for with_decided, most in ((False, 3), (True, 5)):
        with statements(session) as seen:
            style_detail.detail(
                session,
                storage,
                style_id=styles[0].id,
                viewer=viewer,
                with_decided=with_decided,
            )
        assert len(seen) <= most
