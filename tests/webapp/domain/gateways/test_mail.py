import ssl
from contextlib import ExitStack

import pytest

from tests.broker import free_port
from tests.mailing import SENDER, parts, post_office
from tests.mailing_tls import self_signed
from tests.waiting import wait_for
from webapp.domain.gateways.mail import (
    Mail,
    MailDelayed,
    MailOutcomeUnknown,
    MailRejected,
    RecipientRefused,
    SmtpMailer,
    configured_mailer,
)
from webapp.domain.mail_settings import MailServer, Tls, mail_server
from webapp.domain.settings import settings
from webapp.sandbox.smtp import SILENCE

LINK = f"https://styles.example/unsubscribe/12345/{'a' * 64}"


def mail(**changes):
    fields = {
        "message_id": "digest-7",
        "recipient": "mina@example.org",
        "subject": "새 알림 3건 · Style License",
        "text": "안녕하세요\n.\n..with dots\n",
        "html": "<p>안녕하세요</p>\n",
        "language": "ko",
        "unsubscribe_url": LINK,
    }
    return Mail(**fields | changes)


def mailer(post, *, tls=Tls.OFF, user="", password="", seconds=5, context=None):
    server = MailServer("127.0.0.1", post.port, tls, user, password)
    return SmtpMailer(server, sender=SENDER, seconds=seconds, context=context)


@pytest.fixture
def post():
    with post_office() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine: the context of a server, and that of who trusts it."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_a_mail_arrives_with_both_parts_and_one_click_to_end_it(post):
    mailer(post).send(mail())
    [letter], [arrived] = post.letters, post.mails
    assert (letter.sender, letter.recipients) == ("no-reply@styles.example", ("mina@example.org",))
    assert arrived["From"] == SENDER
    assert arrived["To"] == "mina@example.org"
    assert arrived["Subject"] == "새 알림 3건 · Style License"
    assert arrived["Message-ID"] == "<digest-7@styles.example>"
    assert arrived["List-Unsubscribe"] == f"<{LINK}>"
    assert arrived["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert arrived["Auto-Submitted"] == "auto-generated"
    assert arrived["Content-Language"] == "ko"
    text, html = parts(arrived)
    assert text == "안녕하세요\n.\n..with dots\n"
    assert html == "<p>안녕하세요</p>\n"


def test_a_long_link_stands_in_one_line_as_it_is(post):
    mailer(post).send(mail())
    assert f"\r\nList-Unsubscribe: <{LINK}>\r\n".encode() in post.letters[0].content
    longest = max(len(line) for line in post.letters[0].content.split(b"\r\n"))
    assert longest < 998


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "3 new\r\nBcc: everybody@example.org"},
        {"subject": "3 new\nBcc: everybody@example.org"},
        {"recipient": "mina@example.org\r\nBcc: everybody@example.org"},
        {"unsubscribe_url": f"{LINK}\r\nBcc: everybody@example.org"},
        {"language": "ko\r\nBcc: everybody@example.org"},
    ],
)
def test_a_line_break_makes_no_header(post, changes):
    with pytest.raises((MailRejected, ValueError)):
        mailer(post).send(mail(**changes))
    assert post.letters == []


@pytest.mark.parametrize(
    "recipient", ["한@example.org", "two words@example.org", "a@b\x07.example"]
)
def test_an_address_that_no_server_takes_is_refused_here(post, recipient):
    with pytest.raises(RecipientRefused):
        mailer(post).send(mail(recipient=recipient))
    assert post.letters == []


@pytest.mark.parametrize(
    "command, answer, error",
    [
        ("RCPT", "550 5.1.1 no such user", RecipientRefused),
        ("RCPT", "450 4.2.1 try later", MailDelayed),
        ("MAIL", "550 not from you", MailDelayed),
        ("DATA", "451 try later", MailDelayed),
        ("END", "554 5.7.1 spam", MailRejected),
        ("END", "452 4.2.2 mailbox full", MailDelayed),
        ("CONNECT", "421 too busy", MailDelayed),
        ("CONNECT", None, MailDelayed),
        ("RCPT", None, MailDelayed),
        ("MAIL", SILENCE, MailDelayed),
        ("END", None, MailOutcomeUnknown),
        ("END", SILENCE, MailOutcomeUnknown),
    ],
)
def test_each_answer_of_a_server_has_its_meaning(post, command, answer, error):
    post.answers[command] = answer
    with pytest.raises(error) as raised:
        mailer(post, seconds=2 if answer == SILENCE else 60).send(mail())
    if error is MailOutcomeUnknown:
        wait_for(lambda: post.letters, "the letter to be taken")
    if answer and error is not MailOutcomeUnknown:
        assert answer[:3] in str(raised.value)
    # What was taken is never said to have been refused or delayed.
    assert len(post.letters) == (error is MailOutcomeUnknown)


@pytest.mark.parametrize("answer", [None, SILENCE, "500 what?"])
def test_a_mail_that_was_taken_is_sent_whatever_the_server_says_to_the_goodbye(post, answer):
    post.answers["QUIT"] = answer
    mailer(post, seconds=2 if answer == SILENCE else 60).send(mail())
    assert len(post.letters) == 1


def test_a_server_that_is_not_there_delays():
    server = MailServer("127.0.0.1", free_port(), Tls.OFF, "", "")
    with pytest.raises(MailDelayed):
        SmtpMailer(server, sender=SENDER, seconds=1).send(mail())


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
def test_the_password_and_the_mail_are_encrypted(certificate, tls):
    context, trusting = certificate
    users = {"site": "a password"}
    implicit = tls is Tls.IMPLICIT
    with post_office(tls=context, is_tls_implicit=implicit, users=users) as post:
        sending = mailer(post, tls=tls, user="site", password="a password", context=trusting)
        sending.send(mail())
        wrong = mailer(post, tls=tls, user="site", password="another", context=trusting)
        with pytest.raises(MailDelayed, match="535"):
            wrong.send(mail())
    [letter] = post.letters
    assert (letter.is_encrypted, letter.user) == (True, "site")


def test_nothing_is_sent_to_a_server_whose_certificate_is_not_trusted(certificate):
    strict = ssl.create_default_context()
    with post_office(tls=certificate[0]) as post, pytest.raises(MailDelayed, match="certificate"):
        mailer(post, tls=Tls.STARTTLS, context=strict).send(mail())
    assert post.letters == []


def test_nothing_is_sent_in_the_clear_when_encryption_is_asked_for(post):
    with pytest.raises(MailDelayed, match="STARTTLS"):
        mailer(post, tls=Tls.STARTTLS).send(mail())
    assert post.letters == []


def test_without_a_server_there_is_no_mailer(environment, monkeypatch, post):
    assert configured_mailer(settings()) is None
    with ExitStack() as stack:
        stack.callback(settings.cache_clear)
        monkeypatch.setenv("SMTP_URL", post.url)
        monkeypatch.setenv("MAIL_FROM", SENDER)
        settings.cache_clear()
        configured_mailer(settings()).send(mail())
        monkeypatch.undo()
    assert len(post.letters) == 1


@pytest.mark.parametrize(
    "url, server",
    [
        (
            "smtp://me:p%40ss@mail.example:2525",
            MailServer("mail.example", 2525, Tls.STARTTLS, "me", "p@ss"),
        ),
        ("smtp://mail.example", MailServer("mail.example", 587, Tls.STARTTLS, "", "")),
        ("smtps://mail.example", MailServer("mail.example", 465, Tls.IMPLICIT, "", "")),
        ("smtp://relay:25?tls=off", MailServer("relay", 25, Tls.OFF, "", "")),
        ("smtp://127.0.0.1:8025", MailServer("127.0.0.1", 8025, Tls.OFF, "", "")),
    ],
)
def test_an_address_says_how_the_server_is_reached(url, server):
    assert mail_server(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example:587",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:port",
        "smtp://mail.example/path",
        "smtp://mail.example?tls=on",
        "smtps://mail.example?tls=off",
        "smtp://me:secret-word@relay:25?tls=off",
        "smtp://[broken",
    ],
)
def test_an_address_that_is_wrong_is_refused_without_its_password(url):
    with pytest.raises(ValueError, match=r"is no address|has options|without encryption") as raised:
        mail_server(url)
    assert "secret-word" not in str(raised.value)
