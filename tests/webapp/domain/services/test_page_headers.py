import pytest

from tests import making
from tests.statements import statements
from webapp.domain.models.notification import NotificationType
from webapp.domain.services import notifications, page_headers
from webapp.domain.services.page_headers import PageHeader


@pytest.fixture
def person(session):
    """A person with three unread notifications of different subjects."""
    made = making.user(session, tokens=70)
    for kind, target_type in (
        (NotificationType.REFUND, "purchase"),
        (NotificationType.STYLE_TRAINED, "style"),
        (NotificationType.FOLLOW, "user"),
    ):
        notifications.notify(session, made.id, kind, target_type=target_type, target_id=1)
    return made


def test_the_header_has_tokens_and_unread_notifications(session, person):
    assert page_headers.read(session, person.id, most_unread=9) == PageHeader(70, 3)
    assert page_headers.read(session, person.id, most_unread=2) == PageHeader(70, 2)


def test_what_the_page_shows_is_read_and_not_counted_any_more(session, person):
    seen = (notifications.of_style(1), notifications.of_targets("purchase"))
    with statements(session) as sent:
        header = page_headers.read(session, person.id, *seen, most_unread=9)
    assert (header, len(sent)) == (PageHeader(70, 1), 1)
    assert notifications.unread_count(session, person.id) == 1


def test_what_others_were_told_stays_unread(session, person):
    other = making.user(session)
    assert (
        page_headers.read(session, other.id, notifications.of_style(1), most_unread=9).unread == 0
    )
    assert notifications.unread_count(session, person.id) == 3


def test_a_notification_that_is_changed_at_the_same_time_is_not_waited_for(committed):
    with committed.begin() as session:
        person = making.user(session)
        kind, about = NotificationType.STYLE_TRAINED, {"target_type": "style", "target_id": 1}
        told_id = notifications.notify(session, person.id, kind, **about)
    with committed.begin() as session, committed.begin() as beside:
        notifications.mark_read(beside, person.id, told_id)
        assert not notifications.mark_seen(session, person.id, notifications.of_style(1))
