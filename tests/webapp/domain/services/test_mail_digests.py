from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text, update

from tests import making
from tests.database import at_once
from tests.mailing import due, follow, reader, setting_of
from webapp.domain import jobs, market
from webapp.domain.errors import NotFound, ValidationFailed
from webapp.domain.models.account import User
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.mail_digest import (
    DigestFrequency,
    MailDigest,
    MailDigestSetting,
    MailDigestStatus,
)
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.notification_setting import NotificationKind
from webapp.domain.queries import notifications as notification_queries
from webapp.domain.services import (
    accounts,
    job_attempts,
    leaving,
    likes,
    mail_digest_settings,
    mail_digests,
    notification_settings,
    notifications,
)
from webapp.domain.services.accounts import GoogleIdentity

OFF, DAILY, WEEKLY = DigestFrequency.OFF, DigestFrequency.DAILY, DigestFrequency.WEEKLY
REFUSAL = "550 no such user"
# Of each digest another one, long ago: two of a person may not even pass through the same day.
OTHER_DAYS = text("DATE '2000-01-01' + id::int")


def seoul(moment):
    return market.local(datetime.fromisoformat(moment).replace(tzinfo=UTC))


def choose(session, person, frequency, **more):
    options = {"language": "en", "is_offered": True} | more
    mail_digest_settings.choose(session, user=person, frequency=frequency, **options)


def digests(session, person):
    return session.scalars(
        select(MailDigest)
        .where(MailDigest.user_id == person.id)
        .order_by(MailDigest.id)
        .execution_options(populate_existing=True)
    ).all()


def claim(session, job_id):
    return job_attempts.claim(session, job_id, "send_mail_digest")


@pytest.mark.parametrize(
    "now, daily, weekly",
    [
        # 2026-11-30 is a Monday; Seoul is nine hours ahead of UTC.
        ("2026-11-29T22:59:59", "2026-11-30T08:00", "2026-11-30T08:00"),
        ("2026-11-29T23:00:00", "2026-12-01T08:00", "2026-12-07T08:00"),
        ("2026-11-30T14:59:00", "2026-12-01T08:00", "2026-12-07T08:00"),
        ("2026-11-30T15:01:00", "2026-12-01T08:00", "2026-12-07T08:00"),
        ("2026-12-06T22:00:00", "2026-12-07T08:00", "2026-12-07T08:00"),
    ],
)
def test_a_digest_is_due_in_the_morning_of_the_market(environment, now, daily, weekly):
    for frequency, expected in ((DAILY, daily), (WEEKLY, weekly)):
        found = mail_digest_settings.next_due(frequency, seoul(now))
        assert f"{found:%Y-%m-%dT%H:%M}" == expected


def test_the_first_digest_begins_with_the_choice_and_the_same_choice_changes_nothing(session):
    person = making.user(session)
    choose(session, person, DAILY)
    first = setting_of(session, person)
    before = (first.covered_until, first.due_at, first.secret)
    choose(session, person, DAILY, language="ko")
    again = setting_of(session, person)
    assert (again.covered_until, again.due_at, again.secret) == before
    choose(session, person, WEEKLY)
    weekly = setting_of(session, person)
    assert (weekly.frequency, weekly.covered_until) == (WEEKLY, before[0])
    choose(session, person, OFF)
    assert setting_of(session, person).due_at is None
    choose(session, person, DAILY)
    on_again = setting_of(session, person)
    # Old links have ended; what happened while it was off is not told.
    assert (on_again.secret == before[2], on_again.covered_until > before[0]) == (False, True)


def test_a_site_without_mails_offers_no_digest(session):
    person = making.user(session)
    with pytest.raises(ValidationFailed) as refused:
        choose(session, person, DAILY, is_offered=False)
    assert list(refused.value.details["fields"]) == ["mail_digest"]
    choose(session, person, OFF, is_offered=False)
    assert session.get(MailDigestSetting, person.id) is None


def test_what_is_due_is_queued_once_and_the_next_one_is_tomorrow(session):
    person = reader(session)
    job_id = due(session, person)
    assert session.get_one(Job, job_id).kind == JobKind.MAIL_DIGEST
    assert setting_of(session, person).due_at > datetime.now(UTC)
    # Even if it is due again on the same day: one digest for each person and day.
    due(session, person)
    assert len(digests(session, person)) == 1
    assert mail_digests.queue_due(session, limit=10) == 0


def test_what_is_many_hours_late_waits_for_the_next_morning(session):
    person = reader(session, frequency=WEEKLY)
    session.execute(
        update(MailDigestSetting).values(due_at=jobs.NOW - mail_digests.LATE - timedelta(minutes=1))
    )
    assert mail_digests.queue_due(session, limit=10) == 1
    assert digests(session, person) == []
    wait = setting_of(session, person).due_at - datetime.now(UTC)
    assert timedelta(0) < wait <= timedelta(days=1)


def test_a_closed_account_gets_nothing_until_it_is_open_again(session):
    person = reader(session)
    session.execute(update(MailDigestSetting).values(due_at=jobs.NOW - timedelta(seconds=1)))
    session.execute(update(User).where(User.id == person.id).values(is_active=False))
    assert mail_digests.queue_due(session, limit=10) == 0
    assert digests(session, person) == []


def test_queueing_goes_on_in_pieces(session):
    people = [reader(session) for _ in range(5)]
    session.execute(update(MailDigestSetting).values(due_at=jobs.NOW - timedelta(seconds=1)))
    assert [mail_digests.queue_due(session, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [len(digests(session, person)) for person in people] == [1] * 5


def test_tasks_at_the_same_time_queue_each_digest_once(committed):
    with committed.begin() as session:
        people = [reader(session) for _ in range(8)]
        session.execute(update(MailDigestSetting).values(due_at=jobs.NOW - timedelta(seconds=1)))

    def queue():
        with committed.begin() as session:
            return mail_digests.queue_due(session, limit=8)

    at_once(*[queue] * 6)
    queue()
    with committed() as session:
        assert [len(digests(session, person)) for person in people] == [1] * 8
        assert session.scalar(select(func.count()).select_from(Job)) == 8


def test_a_digest_that_another_worker_began_is_never_begun_again(session):
    person = reader(session)
    follow(session, person)
    lease = claim(session, due(session, person))
    order = mail_digests.begin(session, lease)
    assert (order.email, order.name) == (person.email, person.display_name)
    session.execute(update(Job).values(state="queued"))  # its lease ran out
    second = claim(session, lease.job_id)
    assert mail_digests.begin(session, second) == MailDigestStatus.UNKNOWN
    assert not mail_digests.record_sent(session, lease, order, count=1)
    [digest] = digests(session, person)
    assert (digest.status, digest.finished_at is not None) == (MailDigestStatus.UNKNOWN, True)
    # What it may not have told is told by the next one.
    assert setting_of(session, person).covered_until < order.until


def test_what_was_sent_is_not_told_again(session, storage):
    person = reader(session)
    follow(session, person)
    lease = claim(session, due(session, person))
    order = mail_digests.begin(session, lease)
    assert mail_digests.record_sent(session, lease, order, count=1)
    [digest] = digests(session, person)
    assert (digest.status, digest.notification_count) == (MailDigestStatus.SENT, 1)
    assert setting_of(session, person).covered_until == order.until


@pytest.mark.parametrize("change", [{"is_active": False}, {"deleted_at": jobs.NOW}])
def test_an_account_that_is_closed_meanwhile_gets_nothing(session, change):
    person = reader(session)
    lease = claim(session, due(session, person))
    session.execute(update(User).where(User.id == person.id).values(change))
    session.expire_all()
    assert mail_digests.begin(session, lease) == MailDigestStatus.SKIPPED


def test_a_digest_that_is_switched_off_meanwhile_is_not_sent(session):
    person = reader(session)
    lease = claim(session, due(session, person))
    choose(session, person, OFF)
    assert mail_digests.begin(session, lease) == MailDigestStatus.SKIPPED


def test_delays_grow_and_end(session):
    person = reader(session)
    job_id = due(session, person)
    waits = []
    for _ in mail_digests.RETRY_SECONDS:
        lease = claim(session, job_id)
        mail_digests.begin(session, lease)
        assert mail_digests.record_delayed(session, lease, "421 busy") == MailDigestStatus.QUEUED
        job = session.get_one(Job, job_id, populate_existing=True)
        waits.append(round((job.run_at - datetime.now(UTC)).total_seconds(), -1))
        session.execute(update(Job).values(run_at=jobs.NOW))
    assert waits == list(mail_digests.RETRY_SECONDS)
    lease = claim(session, job_id)
    mail_digests.begin(session, lease)
    assert mail_digests.record_delayed(session, lease, "421 busy") == MailDigestStatus.FAILED
    [digest] = digests(session, person)
    assert (digest.status, digest.failure) == (MailDigestStatus.FAILED, "421 busy")
    # The address is not to blame.
    assert setting_of(session, person).refusals == 0
    assert sum(mail_digests.RETRY_SECONDS) < jobs.DEADLINES[JobKind.MAIL_DIGEST].total_seconds()


def refuse(session, person):
    session.execute(update(MailDigest).values(day=OTHER_DAYS))
    lease = claim(session, due(session, person))
    order = mail_digests.begin(session, lease)
    assert mail_digests.record_refused(session, lease, order, REFUSAL)


def stopped(session, person):
    return session.scalar(
        select(func.count()).where(
            Notification.recipient_id == person.id,
            Notification.type == NotificationType.MAIL_DIGEST_STOPPED,
        )
    )


def test_three_refusals_in_a_row_switch_the_digest_off_and_say_so(session):
    person = reader(session)
    for _ in range(2):
        refuse(session, person)
    assert (setting_of(session, person).frequency, stopped(session, person)) == (DAILY, 0)
    refuse(session, person)
    setting = setting_of(session, person)
    assert (setting.frequency, setting.due_at, stopped(session, person)) == (OFF, None, 1)
    choose(session, person, DAILY)
    assert setting_of(session, person).refusals == 0


def test_a_sent_mail_forgets_the_refusals_before_it(session):
    person = reader(session)
    for _ in range(2):
        refuse(session, person)
    session.execute(update(MailDigest).values(day=OTHER_DAYS))
    lease = claim(session, due(session, person))
    mail_digests.record_sent(session, lease, mail_digests.begin(session, lease), count=1)
    refuse(session, person)
    assert setting_of(session, person).frequency == DAILY


def test_another_address_begins_without_refusals_and_ends_the_old_links(session):
    person = reader(session)
    for _ in range(2):
        refuse(session, person)
    link = mail_digest_settings.signature(setting_of(session, person))
    person.email = "new@example.org"
    session.flush()
    refuse(session, person)
    setting = setting_of(session, person)
    assert (setting.refusals, setting.email, setting.frequency) == (1, "new@example.org", DAILY)
    with pytest.raises(NotFound):
        mail_digest_settings.unsubscribe(session, person.id, link)


def test_the_next_digest_goes_to_the_address_of_the_last_sign_in(session):
    person = reader(session)
    before = setting_of(session, person)
    old_link = mail_digest_settings.signature(before)
    moved = GoogleIdentity(person.google_sub, "new@example.org", person.display_name)
    accounts.sign_in(session, moved)
    order = mail_digests.begin(session, claim(session, due(session, person)))
    assert (order.email, order.link_signature == old_link) == ("new@example.org", False)
    with pytest.raises(NotFound):
        mail_digest_settings.unsubscribe(session, person.id, old_link)
    mail_digest_settings.unsubscribe(session, person.id, order.link_signature)
    assert setting_of(session, person).frequency == OFF


def test_a_link_switches_off_its_own_digest_only_and_again_and_again(session):
    person, other = reader(session), reader(session)
    link = mail_digest_settings.signature(setting_of(session, person))
    for wrong in ("", "a" * 64, link[:-1], link.upper(), "ä" * 64):
        with pytest.raises(NotFound):
            mail_digest_settings.unsubscribe(session, person.id, wrong)
    for stranger in (other.id, making.user(session).id, 0):
        with pytest.raises(NotFound):
            mail_digest_settings.unsubscribe(session, stranger, link)
    assert setting_of(session, person).frequency == DAILY
    for _ in range(2):
        mail_digest_settings.unsubscribe(session, person.id, link)
        assert setting_of(session, person).frequency == OFF
    assert setting_of(session, other).frequency == DAILY


def test_a_job_that_ends_by_itself_ends_its_digest(session):
    person = reader(session)
    lease = claim(session, due(session, person))
    mail_digests.begin(session, lease)
    session.execute(update(Job).values(step="refund", state="queued"))
    assert job_attempts.abandon(session, lease.job_id)
    assert [each.status for each in digests(session, person)] == [MailDigestStatus.FAILED]


def test_old_digests_are_purged_and_open_ones_stay(session):
    people = [reader(session) for _ in range(3)]
    leases = [claim(session, due(session, person)) for person in people]
    mail_digests.end(session, leases[0], MailDigestStatus.SKIPPED)
    mail_digests.end(session, leases[1], MailDigestStatus.SKIPPED)
    old = jobs.NOW - mail_digests.KEPT - timedelta(hours=1)
    session.execute(
        update(MailDigest).where(MailDigest.user_id != people[1].id).values(created_at=old)
    )
    assert mail_digests.purge(session, limit=10) == 1
    assert [len(digests(session, person)) for person in people] == [0, 1, 1]


def test_who_leaves_takes_choice_digests_and_jobs_along(session):
    person = reader(session)
    due(session, person)
    leaving.leave(session, user=session.get_one(User, person.id), confirm=person.username)
    assert session.get(MailDigestSetting, person.id) is None
    assert digests(session, person) == []
    assert session.scalar(select(func.count()).where(Job.kind == JobKind.MAIL_DIGEST)) == 0


def test_news_are_unread_of_their_time_and_of_kinds_that_are_on(session):
    person = reader(session)
    read_one, *unread = [follow(session, person) for _ in range(3)]
    read_id = session.scalars(
        select(Notification.id).where(Notification.actor_id == read_one.id)
    ).one()
    notifications.mark_read(session, person.id, read_id)
    session.execute(
        update(MailDigestSetting).values(covered_until=jobs.NOW - timedelta(minutes=10))
    )

    def news(**changes):
        now = datetime.now(UTC)
        span = {"since": now - timedelta(minutes=10), "until": now, "most": 9} | changes
        return notification_queries.news(session, user_id=person.id, **span)

    assert {each.actor.username for each in news().newest} == {each.username for each in unread}
    assert (news(most=1).count, len(news(most=1).newest)) == (2, 1)
    assert news(since=datetime.now(UTC) - timedelta(minutes=1)).count == 0
    assert news(until=datetime.now(UTC) - timedelta(minutes=5)).count == 0
    off = {NotificationKind.FOLLOWS: False}
    notification_settings.change(session, user=person, in_bell=off)
    assert news().count == 0


def test_likes_are_told_once_in_a_digest(session, storage):
    person = reader(session)
    style = making.style(session, storage)
    making.ledger.grant(session, person.id, 1000, key="for pictures of a reader")
    [picture] = making.order(session, person, style)
    making.finish(session, storage, picture, is_public=True)
    notifications.mark_all_read(session, person.id)
    for _ in range(3):
        likes.like(session, user=making.user(session), generation_id=picture.id)
    now = datetime.now(UTC)
    found = notification_queries.news(
        session,
        user_id=person.id,
        since=now - timedelta(hours=1),
        until=now + timedelta(minutes=1),
        most=9,
    )
    assert (found.count, [each.count for each in found.newest]) == (1, [3])
