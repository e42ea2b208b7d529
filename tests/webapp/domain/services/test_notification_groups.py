import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from webapp.domain.models.generation import Generation
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.queries import notifications as notification_queries
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.services import (
    comments,
    generations,
    leaving,
    likes,
    moderation,
    notifications,
)


@pytest.fixture
def owner(session):
    return making.user(session, tokens=1000)


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


@pytest.fixture
def image(session, storage, owner, style):
    """A public picture whose owner has read that it is ready."""
    made = making.order(session, owner, style)[0]
    making.finish(session, storage, made, is_public=True)
    notifications.mark_all_read(session, owner.id)
    return made


@pytest.fixture
def told(session, storage, owner):
    """Return the owner's notifications of a type."""

    def read(kind=NotificationType.LIKE):
        page = notification_queries.own(
            session, storage, user_id=owner.id, unread_only=False, page=PageRequest()
        )
        return [each for each in page.results if each.type == kind]

    return read


def like(session, image, person=None):
    person = person or making.user(session)
    likes.like(session, user=person, generation_id=image.id)
    return person


def test_likes_of_several_people_are_one_notification_of_the_latest(session, image, told):
    people = [like(session, image) for _ in range(4)]
    (one,) = told()
    assert (one.actor.id, one.count, one.is_read) == (people[-1].id, 4, False)
    assert (one.target_id, one.target.generation_id) == (image.id, image.id)


def test_another_like_makes_the_notification_new_again(session, owner, image, told):
    like(session, image)
    (first,) = told()
    before = notification_queries.stamp(session, owner.id)
    like(session, image)
    assert notification_queries.stamp(session, owner.id) != before
    notifications.mark_all_read(session, owner.id)
    like(session, image)
    (again,) = told()
    assert (again.id, again.is_read) == (first.id, False)
    assert again.created_at > first.created_at
    assert notifications.unread_count(session, owner.id) == 1


def test_ones_own_like_is_not_counted(session, owner, image, told):
    like(session, image, owner)
    assert told() == []
    like(session, image)
    assert [each.count for each in told()] == [1]


def test_another_is_named_when_the_latest_takes_the_like_back(session, owner, image, told):
    like(session, image, owner)
    first, second = like(session, image), like(session, image)
    likes.unlike(session, user=second, generation_id=image.id)
    assert [(each.actor.id, each.count) for each in told()] == [(first.id, 1)]
    likes.unlike(session, user=first, generation_id=image.id)
    assert told() == []


def test_who_is_not_named_takes_the_like_back_without_a_trace(session, image, told):
    first, second = like(session, image), like(session, image)
    likes.unlike(session, user=first, generation_id=image.id)
    assert [(each.actor.id, each.count) for each in told()] == [(second.id, 1)]


def test_another_is_named_when_the_latest_leaves(session, image, told):
    first, second = like(session, image), like(session, image)
    leaving.leave(session, user=second, confirm=second.username)
    assert [(each.actor.id, each.count) for each in told()] == [(first.id, 1)]
    leaving.leave(session, user=first, confirm=first.username)
    assert told() == []


def test_pictures_have_notifications_of_their_own(session, storage, owner, style, image, told):
    other = making.order(session, owner, style)[0]
    making.finish(session, storage, other, is_public=True)
    like(session, image)
    like(session, other)
    assert [each.target_id for each in told()] == [other.id, image.id]


def test_likes_in_parallel_are_one_notification(committed, storage):
    with committed.begin() as session:
        made = making.generation(session, storage)
        making.finish(session, storage, made, is_public=True)
        people = [making.user(session) for _ in range(8)]

    def likes_it(person):
        def run():
            with committed.begin() as session:
                likes.like(session, user=person, generation_id=made.id)

        return run

    assert at_once(*map(likes_it, people)) == [None] * 8
    with committed() as session:
        query = select(Notification.actor_id).where(Notification.type == NotificationType.LIKE)
        (actor_id,) = session.scalars(query)
        assert actor_id in {person.id for person in people}
        assert session.get_one(Generation, made.id).like_count == 8


def test_likes_taken_back_in_parallel_leave_no_notification(committed, storage):
    with committed.begin() as session:
        made = making.generation(session, storage)
        making.finish(session, storage, made, is_public=True)
        people = [like(session, made) for _ in range(8)]

    def unlikes_it(person):
        def run():
            with committed.begin() as session:
                likes.unlike(session, user=person, generation_id=made.id)

        return run

    assert at_once(*map(unlikes_it, people)) == [None] * 8
    with committed() as session:
        query = select(func.count()).where(Notification.type == NotificationType.LIKE)
        assert session.scalar(query) == 0


def say(session, image, person, text="Lovely.", parent_id=None):
    return comments.post(
        session, user=person, generation_id=image.id, content=text, parent_id=parent_id
    )


@pytest.fixture
def heard(told):
    """Return the owner's notifications of comments: actor, number, target, words."""
    return lambda: [
        (each.actor.id, each.count, each.target_id, each.target.excerpt)
        for each in told(NotificationType.COMMENT)
    ]


def test_the_comments_of_one_person_on_a_picture_are_one_notification_of_the_latest(
    session, owner, image, told, heard
):
    loud, calm = making.user(session), making.user(session)
    said = [say(session, image, loud, f"No. {at}") for at in range(13)]
    other = say(session, image, calm)
    assert heard() == [(calm.id, 1, other, "Lovely."), (loud.id, 13, said[-1], "No. 12")]
    notifications.mark_all_read(session, owner.id)
    say(session, image, loud)
    assert [each.is_read for each in told(NotificationType.COMMENT)] == [False, True]


def test_comments_on_two_pictures_are_two_notifications(
    session, storage, owner, style, image, heard
):
    [other] = making.order(session, owner, style)
    making.finish(session, storage, other, is_public=True)
    person = making.user(session)
    said = [say(session, where, person) for where in (image, other)]
    assert [each[2] for each in heard()] == said[::-1]


def test_replies_are_told_to_whom_they_reply_and_not_counted_for_the_owner(
    session, storage, owner, image, heard
):
    first, second = making.user(session), making.user(session)
    parent = say(session, image, first)
    for _ in range(2):
        say(session, image, second, "I agree.", parent_id=parent)
    assert heard() == [(first.id, 1, parent, "Lovely.")]
    on_own_comment = say(session, image, owner, "Thank you.")
    reply = say(session, image, second, "Gladly.", parent_id=on_own_comment)
    assert heard()[0] == (second.id, 1, reply, "Gladly.")
    page = notification_queries.own(
        session, storage, user_id=first.id, unread_only=True, page=PageRequest()
    )
    assert [(each.count, each.actor.id) for each in page.results] == [(2, second.id)]


def test_the_latest_other_comment_is_named_when_one_is_deleted_or_hidden(session, image, heard):
    person, admin = making.user(session), making.user(session, role="admin")
    first, second, third = (say(session, image, person, f"No. {at}") for at in range(3))
    comments.delete(session, user=person, comment_id=third)
    assert heard() == [(person.id, 2, second, "No. 1")]
    moderation.change_comment(
        session, admin=admin, comment_id=second, is_hidden=True, reason="rude"
    )
    assert heard() == [(person.id, 1, first, "No. 0")]
    comments.delete(session, user=person, comment_id=first)
    assert heard() == []


def test_a_notification_of_a_single_comment_from_before_there_were_groups_goes_with_it(
    session, owner, image, heard
):
    person = making.user(session)
    say(session, image, person, "Older.")
    comment_id = say(session, image, person)
    of_comments = update(Notification).where(Notification.type == NotificationType.COMMENT)
    session.execute(of_comments.values(dedupe_key=f"comment:{comment_id}"))
    assert heard() == [(person.id, 1, comment_id, "Lovely.")]
    comments.delete(session, user=person, comment_id=comment_id)
    assert heard() == []


def test_the_comments_of_who_leaves_are_told_no_longer(session, image, heard):
    gone, stays = making.user(session), making.user(session)
    for person in (gone, stays, gone):
        say(session, image, person)
    leaving.leave(session, user=gone, confirm=gone.username)
    assert [(actor, count) for actor, count, *_ in heard()] == [(stays.id, 1)]


def test_the_finished_pictures_of_an_order_are_one_notification(
    session, storage, owner, style, told
):
    made = making.order(session, owner, style, count=3)
    ready = NotificationType.GENERATION_COMPLETE
    for finished, image in enumerate(made, start=1):
        making.finish(session, storage, image)
        (one,) = told(ready)
        assert (one.count, one.target_id, one.is_read) == (finished, image.id, False)
    assert making.violations(session) == []


def test_a_failed_picture_of_an_order_is_told_by_itself(session, storage, owner, style, told):
    good, bad = making.order(session, owner, style, count=2)
    making.finish(session, storage, good)
    generations.fail(session, bad.id, "TIMEOUT", "too late")
    assert [each.count for each in told(NotificationType.GENERATION_COMPLETE)] == [1]
    assert [each.target_id for each in told(NotificationType.GENERATION_FAILED)] == [bad.id]


def test_an_order_whose_notification_is_lost_is_found_by_the_check(session, storage, owner, style):
    made = making.order(session, owner, style, count=2)
    for image in made:
        making.finish(session, storage, image)
    session.execute(update(Notification).values(dedupe_key="lost"))
    (found,) = making.violations(session, only="I10 one notification per finished generation")
    assert f"generation {made[0].id} was told 0 times" in found


def test_to_open_any_picture_of_an_order_marks_its_notification_as_read(
    session, storage, owner, style
):
    made = making.order(session, owner, style, count=2)
    other = making.order(session, owner, style)[0]
    for image in (*made, other):
        making.finish(session, storage, image)
    assert notifications.unread_count(session, owner.id) == 2
    opened = notifications.of_pictures([made[0].id])
    assert not notifications.mark_seen(session, making.user(session).id, opened)
    assert notifications.unread_count(session, owner.id) == 2
    assert notifications.mark_seen(session, owner.id, opened)
    assert not notifications.mark_seen(session, owner.id, opened)
    assert notifications.unread_count(session, owner.id) == 1
