"""Counters counted again: what is wrong is put right, what is right stays, whatever comes in."""

from contextlib import contextmanager
from itertools import pairwise

import pytest
from sqlalchemy import select, text

from tests import making
from tests.database import at_once
from webapp.domain.models.comment import Comment
from webapp.domain.models.follow import Follow
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.like import Like
from webapp.domain.models.style import Tag
from webapp.domain.services import counters, likes, tags, task_cursors
from webapp.domain.services.counters import COUNTERS, Repair

BY_NAME = {str(counter): counter for counter in COUNTERS}
LIKES = BY_NAME["generations.like_count"]
IMAGES_OF_TAGS, USERS_OF_TAGS = BY_NAME["tags.image_count"], BY_NAME["tags.user_count"]


def completed(session, **columns):
    """A delivered public image."""
    made = making.generation(session)
    columns = {"image_key": "k", "image_sha256": "a" * 64, "is_public": True} | columns
    for name, value in {"status": GenerationStatus.COMPLETED, **columns}.items():
        setattr(made, name, value)
    session.flush()
    return made


@pytest.fixture
def community(session):
    """One image of one style with two likes, a comment and its reply; its owner has a follower.

    The tag "boat" is used by the image, by its style, and by another that was trained.
    """
    image = completed(session)
    making.generation(session)
    making.style(session, training_status="training")
    boat = Tag(name="boat")
    session.add(boat)
    fans = [making.user(session) for _ in range(2)]
    session.add_all(Like(generation_id=image.id, user_id=fan.id) for fan in fans)
    comment = Comment(generation_id=image.id, user_id=fans[0].id, content="a")
    session.add(comment)
    session.flush()
    session.add(
        Comment(generation_id=image.id, user_id=fans[1].id, content="b", parent_id=comment.id)
    )
    session.add(Follow(follower_id=fans[0].id, followed_id=image.user_id))
    session.flush()
    return {
        "styles.usage_count": (image.style_id, 1),
        "generations.like_count": (image.id, 2),
        "generations.comment_count": (image.id, 2),
        "comments.reply_count": (comment.id, 1),
        "users.follower_count": (image.user_id, 1),
        "tags.style_count": (boat.id, 2),
        "tags.image_count": (boat.id, 1),
        "tags.user_count": (boat.id, 1),
    }


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("wrong", [0, 9])
def test_a_counter_that_is_wrong_is_put_right_once(session, community, name, wrong):
    row_id, truth = community[name]
    counter = BY_NAME[name]
    at = f"{counter.table} SET {counter.column}"
    session.execute(text(f"UPDATE {at} = {wrong} WHERE id = {row_id}"))
    repairs, last = counters.recount(session, counter)
    assert repairs == [Repair(row_id, wrong, truth)]
    assert last is not None
    assert counters.recount(session, counter)[0] == []
    query = text(f"SELECT {counter.column} FROM {counter.table} WHERE id = {row_id}")
    assert session.scalar(query) == truth


def test_rows_are_counted_in_bounded_batches_to_the_end(session):
    images = [completed(session, like_count=5) for _ in range(5)]
    after, repaired, sizes = 0, [], []
    while after is not None:
        repairs, after = counters.recount(session, LIKES, after=after, limit=2)
        repaired += [repair.id for repair in repairs]
        sizes.append(len(repairs))
    assert repaired == [image.id for image in images]
    assert all(earlier < later for earlier, later in pairwise(repaired))
    assert max(sizes) <= 2


def test_likes_that_come_in_meanwhile_are_counted_once_and_a_wrong_start_is_repaired(committed):
    with committed.begin() as session:
        image = completed(session, like_count=1000)
        fans = [making.user(session) for _ in range(12)]

    def like(fan):
        with committed.begin() as session:
            likes.like(session, user=fan, generation_id=image.id)

    def recount():
        with committed.begin() as session:
            return counters.recount(session, LIKES)[0]

    calls = [lambda fan=fan: like(fan) for fan in fans]
    results = at_once(*calls[:6], recount, *calls[6:], recount, recount)
    assert [found for found in results if isinstance(found, Exception)] == []
    repaired = [repair for found in results if found for repair in found]
    assert len(repaired) == 1, "the drift is found once, and nothing else is"
    assert recount() == []
    with committed() as session:
        assert session.scalar(select(Generation.like_count)) == 12


def test_a_like_that_is_under_way_is_neither_lost_nor_counted_twice(committed):
    with committed.begin() as session:
        image = completed(session, like_count=7)
        fan = making.user(session)
    with committed() as liking:
        # The like is written, and its counter is not yet moved.
        liking.add(Like(generation_id=image.id, user_id=fan.id))
        liking.flush()
        with committed.begin() as session:
            assert counters.recount(session, LIKES)[0] == [Repair(image.id, 7, 0)]
        likes._count(liking, image.id, 1)
        liking.commit()
    with committed.begin() as session:
        assert counters.recount(session, LIKES)[0] == []
        assert session.scalar(select(Generation.like_count)) == 1


def test_an_image_that_is_just_being_shown_is_neither_lost_nor_counted_twice(committed):
    with committed.begin() as session:
        image = completed(session, is_public=False)
        boat, sea = Tag(name="boat", image_count=7, user_count=2), Tag(name="sea")
        session.add_all([boat, sea])
    with committed() as showing:
        # The image is public, and its tags are not yet counted.
        showing.get(Generation, image.id).is_public = True
        showing.flush()
        with committed.begin() as session:
            assert counters.recount(session, IMAGES_OF_TAGS)[0] == [Repair(boat.id, 7, 0)]
            assert counters.recount(session, USERS_OF_TAGS)[0] == [Repair(boat.id, 2, 0)]
        tags.count_shown(showing, showing.get(Generation, image.id), was=False)
        showing.commit()
    with committed.begin() as session:
        for counter in (IMAGES_OF_TAGS, USERS_OF_TAGS):
            assert counters.recount(session, counter)[0] == []
        counts = session.execute(select(Tag.image_count, Tag.user_count))
        assert set(counts.all()) == {(1, 1)}


def test_a_flagged_image_counts_for_no_tag(session):
    completed(session, is_flagged=True)
    session.add(Tag(name="boat", image_count=1, user_count=1))
    session.flush()
    for counter in (IMAGES_OF_TAGS, USERS_OF_TAGS):
        [repair] = counters.recount(session, counter)[0]
        assert (repair.was, repair.now) == (1, 0)


def test_a_run_ends_when_its_time_is_up_and_the_next_one_continues(session):
    for image in (completed(session), completed(session)):
        image.like_count = 5
    session.flush()

    @contextmanager
    def unit_of_work():
        yield session

    found, runs = [], 0
    while task_cursors.resume(session, counters.CURSOR, apart=task_cursors.NIGHTLY) is not None:
        found += counters.recount_on(unit_of_work, seconds=0)
        runs += 1
    assert [len(repairs) for counter, repairs in found if counter is LIKES] == [2]
    assert runs > len(COUNTERS)  # one batch each
    assert list(counters.recount_on(unit_of_work, seconds=60)) == []
