"""Several images become public or private together, and every count stays exact."""

import pytest
from sqlalchemy import select

from tests import making
from tests.database import at_once
from webapp.domain.errors import GenerationNotFound, InvalidTransition, TryOutPrivate
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.style import Tag
from webapp.domain.services import counters, generations, notifications, visibility


@pytest.fixture
def person(session):
    return making.user(session, tokens=500)


def delivered(session, storage, person, style, *tags, is_public=False):
    made = making.order(session, person, style, prompt_tags=list(tags))[0]
    making.finish(session, storage, made, is_public=is_public)
    session.refresh(made)
    return made


def change(session, person, *images, is_public):
    ids = [image.id for image in images]
    return visibility.change(session, user_id=person.id, generation_ids=ids, is_public=is_public)


def uses(session):
    """Of each tag: by how many images and by how many people it is used."""
    rows = session.execute(select(Tag.name, Tag.image_count, Tag.user_count))
    return {name: (images, users) for name, images, users in rows if images or users}


def counts_are_exact(session):
    of_images = [each for each in counters.COUNTERS if each.column in {"image_count", "user_count"}]
    assert len(of_images) == 2
    return all(counters.recount(session, each)[0] == [] for each in of_images)


def test_images_are_shown_and_hidden_together(session, storage, person):
    style, other = making.style(session, storage), making.user(session, tokens=100)
    delivered(session, storage, other, style, "boat", is_public=True)
    shown = delivered(session, storage, person, style, "sea", is_public=True)
    first = delivered(session, storage, person, style, "boat", "sea")
    second = delivered(session, storage, person, style, "boat", "fog")

    assert change(session, person, second, first, shown, is_public=True) == [first.id, second.id]
    assert uses(session) == {"boat": (3, 2), "sea": (2, 1), "fog": (1, 1)}
    assert counts_are_exact(session)

    assert change(session, person, first, second, is_public=False) == [first.id, second.id]
    assert uses(session) == {"boat": (1, 1), "sea": (1, 1)}
    assert change(session, person, first, is_public=False) == []
    assert counts_are_exact(session)


def test_what_others_were_told_of_images_goes_when_these_are_hidden(session, storage, person):
    style, other = making.style(session, storage), making.user(session)
    image = delivered(session, storage, person, style, "boat", is_public=True)
    for recipient in (person, other):
        notifications.notify(
            session,
            recipient.id,
            NotificationType.COMMENT,
            target_type="generation",
            target_id=image.id,
        )
    change(session, person, image, is_public=False)
    told = session.scalars(
        select(Notification.recipient_id).where(Notification.type == NotificationType.COMMENT)
    )
    assert told.all() == [person.id]


def test_a_hidden_image_becomes_public_without_being_counted(session, storage, person):
    image = delivered(session, storage, person, making.style(session, storage), "boat")
    image.is_flagged = True
    session.flush()
    assert change(session, person, image, is_public=True) == [image.id]
    assert uses(session) == {}


def test_all_or_none_and_only_ones_own(session, storage, person):
    style, other = making.style(session, storage), making.user(session, tokens=100)
    mine = delivered(session, storage, person, style, "boat")
    theirs = delivered(session, storage, other, style, "boat", is_public=True)
    (failed,) = making.order(session, person, style)
    generations.cancel(session, user_id=person.id, generation_id=failed.id)
    made = making.try_out(session, making.trained(session, storage))
    artist = session.get(User, made.user_id)
    for owner, image, error in (
        (person, theirs, GenerationNotFound),
        (person, failed, InvalidTransition),
        (artist, made, TryOutPrivate),
    ):
        first = mine if owner is person else made
        savepoint = session.begin_nested()
        with pytest.raises(error):
            change(session, owner, first, image, is_public=True)
        savepoint.rollback()
    session.expire_all()
    assert not session.get(Generation, mine.id).is_public
    assert uses(session) == {"boat": (1, 1)}


def test_people_who_show_and_hide_the_same_tags_at_once_never_deadlock(committed, storage):
    people, tags = [], ["anchor", "crane", "dune", "elm"]
    with committed.begin() as session:
        style = making.style(session, storage)
        for turn in range(4):
            person = making.user(session, tokens=200)
            words = tags[turn:] + tags[:turn]
            images = [delivered(session, storage, person, style, word, "boat") for word in words]
            people.append((person.id, [image.id for image in images]))

    def turn_over(user_id, ids):
        for is_public in (True, False, True):
            with committed.begin() as session:
                visibility.change(session, user_id=user_id, generation_ids=ids, is_public=is_public)

    results = at_once(*(lambda each=each: turn_over(*each) for each in people))
    assert results == [None] * 4
    with committed() as session:
        assert uses(session) == dict.fromkeys(tags, (4, 4)) | {"boat": (16, 4)}
