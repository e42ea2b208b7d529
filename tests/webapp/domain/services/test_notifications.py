from datetime import timedelta

from sqlalchemy import func, select, update

from tests import making
from tests.database import at_once
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.services import notifications

DONE = NotificationType.GENERATION_COMPLETE


def tell(session, recipient_id, *, event="7", kind=DONE):
    notifications.notify(
        session, recipient_id, kind, target_type="generation", target_id=7, event=event
    )


def told(session):
    return session.scalar(select(func.count()).select_from(Notification))


def test_an_event_is_told_once_however_often_it_is_reported(session):
    person = making.user(session)
    for _ in range(3):
        tell(session, person.id)
    assert told(session) == 1


def test_other_events_other_kinds_and_other_people_are_told_too(session):
    person, other = making.user(session), making.user(session)
    tell(session, person.id)
    tell(session, person.id, event="8")
    tell(session, person.id, kind=NotificationType.GENERATION_FAILED)
    tell(session, other.id)
    assert told(session) == 4


def test_an_event_told_in_parallel_is_told_once(committed):
    with committed.begin() as session:
        person = making.user(session)

    def run():
        with committed.begin() as mine:
            tell(mine, person.id)

    assert at_once(*[run] * 8) == [None] * 8
    with committed() as session:
        assert told(session) == 1


def test_what_was_read_no_longer_counts(session):
    person = making.user(session)
    tell(session, person.id)
    tell(session, person.id, event="8")
    assert notifications.unread_count(session, person.id) == 2

    session.execute(update(Notification).values(is_read=True))
    assert notifications.unread_count(session, person.id) == 0


def test_what_happens_once_to_a_thing_needs_no_name(session):
    person = making.user(session)
    made = [
        notifications.notify(session, person.id, DONE, target_type=target_type, target_id=7)
        for target_type in ("generation", "style", "generation")
    ]
    assert [bool(each) for each in made] == [True, True, False]


def test_old_notifications_are_deleted_read_and_unread_ones_apart(session):
    person = making.user(session)
    month = timedelta(days=30)
    for event, is_read, days in (("old", True, 31), ("new", True, 29), ("unread", False, 99)):
        tell(session, person.id, event=event)
        session.execute(
            update(Notification)
            .where(Notification.dedupe_key == f"{DONE.value}:{event}")
            .values(is_read=is_read, created_at=func.now() - timedelta(days=days))
        )
    assert notifications.purge(session, is_read=True, older_than=month, limit=10) == 1
    kept = session.scalars(select(Notification.dedupe_key)).all()
    assert sorted(kept) == [f"{DONE.value}:new", f"{DONE.value}:unread"]
    assert notifications.purge(session, is_read=False, older_than=4 * month, limit=10) == 0
    assert notifications.purge(session, is_read=False, older_than=month, limit=10) == 1


def test_unread_news_are_counted(session):
    person = making.user(session)
    for event in range(5):
        tell(session, person.id, event=str(event))
    assert notifications.unread_count(session, person.id) == 5
