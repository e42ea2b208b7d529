"""Webhooks with real workers and a real receiver: what happens is told, also after a kill."""

import threading

import pytest
from style_license import verify_webhook

from tests.failing_server import failing_server
from tests.stack import REAL_ENGINE
from tests.waiting import wait_for


@pytest.fixture
def receiver():
    with failing_server() as server:
        yield server


def register(somebody, receiver, path, *events):
    """Add an address; return it with its secret."""
    body = {"url": f"{receiver.url}{path}", "events": events}
    return somebody.post("/users/me/webhooks", json=body)


def received(receiver, path, secret):
    """The verified messages that came to a path."""
    return [
        verify_webhook(body, headers, secret)
        for _, each, body, headers in list(receiver.requests)
        if each == path
    ]


def test_buyer_and_artist_are_told_of_a_picture(stack, trained, person, receiver):
    stack.use_engine(REAL_ENGINE)
    buyer = person()
    of_buyer = register(buyer, receiver, "/buyer", "generation.completed", "generation.failed")
    of_artist = register(trained.artist, receiver, "/artist", "generation.sold")
    # The first answer is an error, so it is sent again after five seconds.
    receiver.statuses = [500]
    try:
        made = buyer.order(trained.id).json()["data"]["id"]
        assert buyer.final(made)["status"] == "completed"
        wait_for(
            lambda: len(receiver.requests) >= 3, "all messages", seconds=60, explain=stack.tails
        )
    finally:
        path = f"/users/me/webhooks/{of_artist['id']}"
        assert trained.artist.send("DELETE", path).status_code == 204
    completed = received(receiver, "/buyer", of_buyer["secret"])
    sold = received(receiver, "/artist", of_artist["secret"])
    assert {each.type for each in completed} == {"generation.completed"}
    assert {each.type for each in sold} == {"generation.sold"}
    assert len({each.id for each in completed}) == len({each.id for each in sold}) == 1
    assert completed[0].data["generation_id"] == sold[0].data["generation_id"] == made
    certificate = buyer.get(f"/licenses/{completed[0].data['license_id']}")
    assert certificate["style"]["id"] == trained.id
    stack.wait_until_quiet()


@pytest.mark.long
def test_a_message_whose_worker_is_killed_is_delivered_again(stack, person, receiver):
    somebody = person()
    webhook = register(somebody, receiver, "/hook", "generation.completed")
    starts = stack.sender.starts
    gate = threading.Event()
    receiver.on_request = lambda: gate.wait(60)
    somebody.post(f"/users/me/webhooks/{webhook['id']}/test")
    wait_for(lambda: receiver.requests, "the message", seconds=30, explain=stack.tails)
    stack.sender.kill()
    receiver.on_request = lambda: None
    gate.set()
    wait_for(lambda: stack.sender.starts > starts, "another worker")
    messages = delivered(stack, somebody, receiver, webhook)
    assert len(messages) >= 2
    assert len({each.id for each in messages}) == 1


# No storm sends messages, so its worker dies at their failpoints here.
@pytest.mark.long
@pytest.mark.parametrize("place", ["after_claim", "before_commit"])
def test_a_message_is_delivered_at_whichever_step_its_worker_dies(stack, person, receiver, place):
    somebody = person()
    webhook = register(somebody, receiver, "/hook", "generation.completed")
    with stack.sender.dies_at(place):
        somebody.post(f"/users/me/webhooks/{webhook['id']}/test")
    messages = delivered(stack, somebody, receiver, webhook)
    assert messages
    assert len({each.id for each in messages}) == 1


def delivered(stack, somebody, receiver, webhook):
    """Wait until the only message of an address is delivered; return what came."""

    def is_delivered():
        listed = somebody.get(f"/users/me/webhooks/{webhook['id']}/deliveries")
        return [each["status"] for each in listed["results"]] == ["delivered"]

    wait_for(is_delivered, "the message to be delivered", seconds=90, explain=stack.tails)
    stack.wait_until_quiet()
    return received(receiver, "/hook", webhook["secret"])
