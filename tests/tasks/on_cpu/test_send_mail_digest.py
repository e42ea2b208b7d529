from contextlib import contextmanager
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, update

from tasks.on_cpu import attempt, housekeeping, send_mail_digest as module
from tasks.on_cpu.send_mail_digest import send_mail_digest
from tests import making
from tests.database import at_once
from tests.mailing import SENDER, due, follow, parts, post_office, reader, setting_of
from webapp.domain import due_jobs, jobs
from webapp.domain.models.account import User
from webapp.domain.models.job import Job
from webapp.domain.models.mail_digest import MailDigest, MailDigestSetting, MailDigestStatus
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.notification_setting import NotificationKind
from webapp.domain.services import comments, likes, notification_settings, notifications
from webapp.domain.settings import settings
from webapp.sandbox.smtp import SILENCE

SITE = "http://localhost:8000"


@pytest.fixture
def post(storage, monkeypatch):
    """A mail server that the worker of this process knows."""
    with post_office() as running:
        monkeypatch.setenv("SMTP_URL", running.url)
        monkeypatch.setenv("MAIL_FROM", SENDER)
        settings.cache_clear()
        module.mailer.cache_clear()
        yield running
    module.mailer.cache_clear()
    settings.cache_clear()


@pytest.fixture
def person(committed, post):
    with committed.begin() as session:
        return reader(session, display_name="Mina Park")


def queue(committed, person):
    with committed.begin() as session:
        return due(session, person)


def status(committed):
    with committed() as session:
        return session.scalars(select(MailDigest.status).order_by(MailDigest.id)).all()


def tell_followers(committed, person, count=1, **columns):
    with committed.begin() as session:
        return [follow(session, person, **columns) for _ in range(count)]


@contextmanager
def counted(outcome):
    """That one attempt more is counted with an outcome."""

    def value():
        return REGISTRY.get_sample_value("mail_digests_total", {"outcome": outcome}) or 0

    before = value()
    yield
    assert value() == before + 1


def test_a_person_gets_what_is_new_in_one_mail(committed, post, person):
    followers = tell_followers(committed, person, 2)
    with counted("sent"):
        send_mail_digest(job_id=queue(committed, person))
    assert status(committed) == [MailDigestStatus.SENT]
    [mail] = post.mails
    assert (mail["To"], mail["Subject"]) == (
        person.email,
        "2 new notifications · Style License",
    )
    with committed() as session:
        from_link = f"{SITE}/unsubscribe/{person.id}/"
        assert mail["List-Unsubscribe"].startswith(f"<{from_link}")
        assert setting_of(session, person).due_at is not None
    text, html = parts(mail)
    for part in (text, html):
        assert "Mina Park" in part
        for each in followers:
            assert f"@{each.username} follows you." in part
        assert all(f"{SITE}/users/{each.id}" in part for each in followers)
        assert f"{SITE}/notifications/settings" in part
        assert mail["List-Unsubscribe"][1:-1] in part
        assert "no advertising" in part
    assert "<img" not in html
    assert "src=" not in html


def test_a_mail_is_in_the_language_of_the_account_else_of_the_choice(committed, post):
    for chosen, own in (("ko", None), ("en", "ko")):
        with committed.begin() as session:
            person = reader(session, language=chosen, display_name="한소라")
            session.execute(update(User).where(User.id == person.id).values(language=own))
        tell_followers(committed, person)
        send_mail_digest(job_id=queue(committed, person))
    for mail in post.mails:
        text, html = parts(mail)
        assert (mail["Subject"], mail["Content-Language"]) == ("새 알림 1건 · Style License", "ko")
        assert "한소라님, 안녕하세요." in text
        assert '<html lang="ko">' in html
        assert "년" in text  # the day


def test_names_are_text_in_html_and_never_headers(committed, post, person):
    name = '<b onclick="x">"&\r\nBcc: all@example.org'
    with committed.begin() as session:
        session.execute(update(User).where(User.id == person.id).values(display_name=name))
    tell_followers(committed, person)
    send_mail_digest(job_id=queue(committed, person))
    [mail] = post.mails
    assert [header for header in mail if header.lower() == "bcc"] == []
    assert post.letters[0].recipients == (person.email,)
    text, html = parts(mail)
    assert "<b" not in html.replace("<body", "").replace("<br>", "")
    assert "&lt;b onclick=&#34;x&#34;&gt;&#34;&amp; Bcc: all@example.org" in html
    assert not [line for line in text.splitlines() if line.startswith("Bcc:")]


def test_a_worker_that_knows_no_storage_sends_mails(committed, storage, post, person, monkeypatch):
    with committed.begin() as session:
        style = making.style(session)
        [picture] = making.order(session, session.get_one(User, person.id), style)
        making.finish(session, storage, picture, is_public=True)
        session.execute(update(Notification).values(created_at=jobs.NOW - timedelta(minutes=2)))
    job_id = queue(committed, person)
    monkeypatch.setenv("STORAGE_URL", "not-given")
    settings.cache_clear()
    attempt.storage.cache_clear()
    send_mail_digest(job_id=job_id)
    assert status(committed) == [MailDigestStatus.SENT]
    assert len(post.mails) == 1


def test_strangers_write_nothing_into_the_mail_but_names_that_are_no_links(
    committed, storage, post, person
):
    """Mail programs make links of bare host names, and the site signs the mail."""
    with committed.begin() as session:
        style = making.style(session, name="Go to http://evil.example/x or 악성。한국")
        [picture] = making.order(session, session.get_one(User, person.id), style)
        making.finish(session, storage, picture, is_public=True)
        stranger = making.user(session, display_name="Your account: evil.example")
        stranger.username = "pay.evil.example"
        comments.post(
            session,
            user=stranger,
            generation_id=picture.id,
            parent_id=None,
            content="Log in at evil.example",
        )
        likes.like(session, user=stranger, generation_id=picture.id)
        session.execute(update(Notification).values(created_at=jobs.NOW - timedelta(minutes=2)))
    send_mail_digest(job_id=queue(committed, person))
    for part in parts(post.mails[0]):
        assert "@pay.\u2060evil.\u2060example wrote a comment." in part
        assert "likes your picture in “Go to http:\u2060/\u2060/\u2060evil." in part
        assert "악성。\u2060한국" in part
        for text in ("evil.example", "Your account", "Log in"):
            assert text not in part


def test_many_notifications_are_counted_and_the_newest_are_listed(committed, post, person):
    tell_followers(committed, person, module.MOST_NOTIFICATIONS + 4)
    send_mail_digest(job_id=queue(committed, person))
    [mail] = post.mails
    text, _ = parts(mail)
    assert mail["Subject"].startswith(f"{module.MOST_NOTIFICATIONS + 4} new")
    assert text.count("follows you.") == module.MOST_NOTIFICATIONS
    assert "More notifications on the site: 4" in text


def test_nothing_is_sent_when_there_is_nothing_new(committed, post, person):
    with counted("skipped"):
        send_mail_digest(job_id=queue(committed, person))
    assert (post.letters, status(committed)) == ([], [MailDigestStatus.SKIPPED])


def test_nothing_is_sent_of_what_was_read_or_of_a_kind_that_is_off(committed, post, person):
    tell_followers(committed, person)
    with committed.begin() as session:
        off = {NotificationKind.FOLLOWS: False}
        notification_settings.change(session, user=person, in_bell=off)
        read_id = notifications.notify(
            session,
            person.id,
            NotificationType.REFUND,
            target_type="purchase",
            target_id=1,
        )
        notifications.mark_read(session, person.id, read_id)
    send_mail_digest(job_id=queue(committed, person))
    assert post.letters == []


@pytest.mark.parametrize("change", [{"is_active": False}, {"deleted_at": jobs.NOW}])
def test_nothing_is_sent_to_who_has_left_or_is_blocked(committed, post, person, change):
    tell_followers(committed, person)
    job_id = queue(committed, person)
    with committed.begin() as session:
        session.execute(update(User).where(User.id == person.id).values(change))
    send_mail_digest(job_id=job_id)
    assert (post.letters, status(committed)) == ([], [MailDigestStatus.SKIPPED])


def test_a_second_message_sends_no_second_mail(committed, post, person):
    tell_followers(committed, person)
    job_id = queue(committed, person)
    send_mail_digest(job_id=job_id)
    send_mail_digest(job_id=job_id)
    assert len(post.letters) == 1


def test_workers_at_the_same_time_send_one_mail(committed, post, person):
    tell_followers(committed, person)
    job_id = queue(committed, person)

    def work():
        send_mail_digest(job_id=job_id)

    at_once(*[work] * 4)
    assert (len(post.letters), status(committed)) == (1, [MailDigestStatus.SENT])


@pytest.mark.parametrize("point, mails", [("before_mail", 0), ("after_mail", 1)])
def test_a_worker_that_is_killed_while_sending_leaves_no_second_mail(
    committed, post, person, monkeypatch, point, mails
):
    """At most once: whether the mail was sent is not known, so it is not sent again."""

    class Killed(BaseException):
        pass

    def die(name):
        if name == point:
            raise Killed

    tell_followers(committed, person)
    job_id = queue(committed, person)
    with monkeypatch.context() as patch:
        patch.setattr(module, "failpoint", die)
        with pytest.raises(Killed):
            send_mail_digest(job_id=job_id)
    assert status(committed) == [MailDigestStatus.SENDING]
    with committed.begin() as session:
        session.execute(update(Job).values(lease_until=jobs.NOW - timedelta(seconds=1)))
        assert due_jobs.requeue_expired(session) == 1
    with counted("unknown"):
        send_mail_digest(job_id=job_id)
    assert (len(post.letters), status(committed)) == (mails, [MailDigestStatus.UNKNOWN])
    # The next morning tells it, because it is still not read.
    with committed.begin() as session:
        session.execute(update(MailDigest).values(day=MailDigest.day - 1))
    send_mail_digest(job_id=queue(committed, person))
    assert len(post.letters) == mails + 1


def test_an_answer_that_is_lost_is_not_asked_for_a_second_time(
    committed, post, person, monkeypatch
):
    monkeypatch.setattr(module.mailer(), "_seconds", 3)
    tell_followers(committed, person)
    post.answers["END"] = SILENCE
    job_id = queue(committed, person)
    send_mail_digest(job_id=job_id)
    send_mail_digest(job_id=job_id)
    assert (len(post.letters), status(committed)) == (1, [MailDigestStatus.UNKNOWN])


def test_a_busy_server_is_tried_again_later(committed, post, person):
    tell_followers(committed, person)
    job_id = queue(committed, person)
    post.answers["RCPT"] = "450 try later"
    with counted("queued"):
        send_mail_digest(job_id=job_id)
    assert (post.letters, status(committed)) == ([], [MailDigestStatus.QUEUED])
    post.answers.clear()
    with committed.begin() as session:
        session.execute(update(Job).values(run_at=jobs.NOW))
    send_mail_digest(job_id=job_id)
    assert (len(post.letters), status(committed)) == (1, [MailDigestStatus.SENT])


def test_a_worker_without_a_server_says_so(committed, person, monkeypatch):
    tell_followers(committed, person)
    job_id = queue(committed, person)
    monkeypatch.setattr(module, "mailer", lambda: None)
    send_mail_digest(job_id=job_id)
    with committed() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.failure_message) == (
            "queued",
            "SMTP_URL is not set for this worker.",
        )
    monkeypatch.undo()


def test_an_address_that_is_refused_three_times_gets_no_more(committed, post, person):
    tell_followers(committed, person)
    post.answers["RCPT"] = "550 5.1.1 no such user"
    for _ in range(3):
        with committed.begin() as session:
            session.execute(update(MailDigest).values(day=MailDigest.day - 1))
        with counted("refused"):
            send_mail_digest(job_id=queue(committed, person))
    with committed() as session:
        setting = setting_of(session, person)
        assert (setting.frequency, setting.due_at) == ("off", None)
        told = session.scalars(
            select(Notification.type).where(Notification.recipient_id == person.id)
        ).all()
    assert told.count(NotificationType.MAIL_DIGEST_STOPPED) == 1


def test_a_rejected_mail_ends_and_blames_nobody(committed, post, person):
    tell_followers(committed, person)
    post.answers["END"] = "554 looks like spam"
    with counted("failed"):
        send_mail_digest(job_id=queue(committed, person))
    with committed() as session:
        digest = session.scalars(select(MailDigest)).one()
        assert (digest.status, digest.failure) == ("failed", "554 looks like spam")
        assert setting_of(session, person).refusals == 0


def test_beat_queues_what_is_due_only_where_mails_are_sent(committed, person, monkeypatch):
    with committed.begin() as session:
        session.execute(update(MailDigestSetting).values(due_at=jobs.NOW - timedelta(seconds=1)))
    with monkeypatch.context() as patch:
        patch.delenv("SMTP_URL")
        patch.delenv("MAIL_FROM")
        settings.cache_clear()
        housekeeping.queue_mail_digests()
        assert status(committed) == []
    settings.cache_clear()
    housekeeping.queue_mail_digests()
    housekeeping.queue_mail_digests()
    assert status(committed) == [MailDigestStatus.QUEUED]
