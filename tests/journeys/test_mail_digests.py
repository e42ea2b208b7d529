"""A mail digest from the choice to one click that ends it, on the running product."""

import httpx
import pytest

from tests.client import data
from tests.mailing import parts, post_office
from tests.waiting import wait_for

SETTINGS = "/notifications/settings"
READY = "SELECT status FROM mail_digests WHERE user_id = :id ORDER BY id DESC LIMIT 1"


@pytest.fixture
def post(stack):
    with post_office(port=stack.smtp_port) as running:
        yield running


@pytest.fixture
def reader(stack, person):
    """Somebody who wants digests, and whom somebody else follows."""
    reader, fan = person("Mina"), person("Jun")
    reader.send("PATCH", SETTINGS, json={"mail_digest": "daily"}).raise_for_status()
    user_id = reader.me["id"]
    fan.post(f"/users/{user_id}/follow")
    earlier = "clock_timestamp() - interval '%s'"
    stack.execute(
        f"UPDATE notifications SET created_at = {earlier % '2 minutes'} WHERE recipient_id = :id",
        id=user_id,
    )
    stack.execute(
        "UPDATE mail_digest_settings SET due_at = clock_timestamp(),"
        f" covered_until = {earlier % '1 hour'} WHERE user_id = :id",
        id=user_id,
    )
    return reader


def queue(stack):
    done = stack.flask("task", "run", "queue_mail_digests")
    assert done.returncode == 0, done.stderr


def test_who_asks_for_it_gets_one_mail_and_ends_it_with_one_click(stack, reader, post):
    queue(stack)
    wait_for(lambda: post.letters, "the mail", seconds=60, explain=stack.sender.tail)
    [mail] = post.mails
    assert (mail["To"], mail["Subject"]) == (
        reader.me["email"],
        "1 new notification · Style License",
    )
    text, html = parts(mail)
    assert "follows you." in text
    assert f'<a href="{stack.site}/users/' in html
    wait_for(lambda: stack.value(READY, id=reader.me["id"]) == "sent", "its record", seconds=30)

    link = mail["List-Unsubscribe"][1:-1]
    assert httpx.get(link).status_code == 200
    assert reader.get(SETTINGS)["mail_digest"] == "daily"
    answer = httpx.post(link, data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.history) == (200, [])
    assert reader.get(SETTINGS)["mail_digest"] == "off"
    queue(stack)
    assert len(post.letters) == 1


# `make test` has it without a process: tests/tasks/on_cpu/test_send_mail_digest.py.
@pytest.mark.long
def test_a_worker_that_is_killed_after_the_mail_sends_no_second_one(stack, reader, post):
    with stack.sender.dies_at("after_mail"):
        queue(stack)
    wait_for(
        lambda: stack.value(READY, id=reader.me["id"]) == "unknown",
        "another worker to find the digest",
        seconds=120,
        explain=stack.sender.tail,
    )
    assert len(post.letters) == 1
    assert data(reader.send("GET", SETTINGS))["mail_digest"] == "daily"
