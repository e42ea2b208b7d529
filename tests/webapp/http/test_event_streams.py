import json
import re
import socket
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from tests import making
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.extensions import db
from webapp.http import draining, event_streams

GENERATIONS = "/api/v1/generations"
SERVING = Path(__file__).parents[3] / "webapp/serving.py"
POLL_SECONDS = event_streams.POLL_SECONDS  # as the product has it


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch):
    monkeypatch.setattr(event_streams, "POLL_SECONDS", 0.001)


def opened(client, path):
    answer = client.get(path, buffered=False)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    return answer, iter(answer.response)


def parsed(message: bytes):
    fields = dict(line.split(": ", 1) for line in message.decode().strip().split("\n"))
    return fields["event"], fields["id"], json.loads(fields["data"])


def stable(data):
    """Return the fields that two answers share: signed URLs contain the time of signing."""
    return {name: value for name, value in data.items() if not name.endswith("_url")}


def test_a_stream_sends_the_present_state_then_each_change_then_the_end(
    buyer_client, ordered, worker, finish
):
    path = f"{GENERATIONS}/{ordered.id}"
    answer, messages = opened(buyer_client, f"{path}/events")
    name, number, data = parsed(next(messages))
    assert (name, number) == ("update", "1")
    assert data == buyer_client.get(path).json["data"]

    progress = {"current_step": 5, "total_steps": 10, "progress_percent": 50}
    report = {"generation_id": ordered.id, "attempt": 1, "progress": progress}
    worker("PATCH", "/inference/progress", report)
    name, number, data = parsed(next(messages))
    assert (name, number, data["status"]) == ("update", "2", "processing")
    assert data["progress"]["progress_percent"] == 50

    finish(ordered)
    name, number, data = parsed(next(messages))
    assert (name, number, data["status"]) == ("end", "3", "completed")
    assert stable(data) == stable(buyer_client.get(path).json["data"])
    assert list(messages) == []
    answer.close()


def test_a_finished_image_is_sent_at_once_as_the_end(buyer_client, ordered):
    buyer_client.post(f"{GENERATIONS}/{ordered.id}/cancel")
    answer, messages = opened(buyer_client, f"{GENERATIONS}/{ordered.id}/events")
    assert [parsed(message)[0] for message in messages] == ["end"]
    answer.close()


def test_a_quiet_stream_sends_heartbeats(buyer_client, ordered, monkeypatch):
    monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0)
    answer, messages = opened(buyer_client, f"{GENERATIONS}/{ordered.id}/events")
    next(messages)
    assert next(messages).startswith(b":")
    answer.close()


def test_a_process_that_drains_sends_its_streams_to_another(buyer_client, ordered, monkeypatch):
    monkeypatch.setattr(draining, "_begun", threading.Event())
    path = f"{GENERATIONS}/{ordered.id}/events"
    answer, messages = opened(buyer_client, path)
    assert parsed(next(messages))[0] == "update"
    draining.begin()
    assert list(messages) == [b"retry: 3000\n\n"]
    answer.close()
    late, messages = opened(buyer_client, path)
    assert [message.split(b":")[0] for message in messages] == [b"event", b"retry"]
    late.close()


def test_a_hidden_image_has_no_stream(client, session, ordered, finish, monkeypatch):
    session.execute(update(Style).values(training_status="completed"))
    finish(ordered, is_public=True)
    session.execute(update(Generation).values(status="processing", is_public=False))
    session.commit()
    assert client.get(f"{GENERATIONS}/{ordered.id}/events").status_code == 404


def test_between_two_polls_a_stream_holds_no_connection(real_app, committed, storage, monkeypatch):
    with committed() as session:
        made = making.generation(session, storage)
        buyer = session.get(making.User, made.user_id)
        session.commit()
        client = signed_in_client(real_app, session, buyer)
    answer, messages = opened(client, f"{GENERATIONS}/{made.id}/events")
    next(messages)
    with real_app.app_context():
        assert db.engine.pool.checkedout() == 0
    with committed() as session:
        session.execute(update(Generation).values(description="changed later"))
        session.execute(update(Generation).values(updated_at=func.clock_timestamp()))
        session.commit()
    assert parsed(next(messages))[2]["description"] == "changed later"
    with real_app.app_context():
        assert db.engine.pool.checkedout() == 0
    answer.close()


def test_the_limits_of_streams_are_those_of_the_manual():
    serving = SERVING.read_text()
    threads, processes = (
        int(re.findall(rf"^{name} = (\d+)$", serving, re.MULTILINE)[0])
        for name in ("threads", "workers")
    )
    most = event_streams.MOST_STREAMS
    manual = (SERVING.parents[1] / "docs/performance.md").read_text(encoding="utf-8")
    said = manual.partition("**Event streams have no processes of their own.**")[2].partition(
        "\n\n"
    )[0]
    for words in (
        f"one of the {threads} threads",
        f"every {POLL_SECONDS} s",
        f"{most} per process, {2 * processes * most} in the four processes of compose",
        f"{threads - most} threads of each stay",
    ):
        assert words in said, words


def test_streams_leave_threads_for_requests(buyer_client, ordered, monkeypatch):
    # Read as text, because importing it configures a process of gunicorn.
    [threads] = re.findall(r"^threads = (\d+)$", SERVING.read_text(), re.MULTILINE)
    assert int(threads) > event_streams.MOST_STREAMS
    monkeypatch.setattr(event_streams, "_streams", threading.Semaphore(1))
    path = f"{GENERATIONS}/{ordered.id}/events"
    answer, messages = opened(buyer_client, path)
    next(messages)
    refused = buyer_client.get(path)
    assert (refused.status_code, error_code(refused)) == (503, "SERVICE_UNAVAILABLE")
    assert refused.headers["Retry-After"]
    answer.close()
    answer.close()
    again, _ = opened(buyer_client, path)
    assert buyer_client.get(path).status_code == 503
    again.close()


def test_a_stream_ends_when_its_client_closes_the_connection(buyer_client, ordered):
    ours, theirs = socket.socketpair()
    with ours:
        answer = buyer_client.get(
            f"{GENERATIONS}/{ordered.id}/events",
            buffered=False,
            environ_overrides={"gunicorn.socket": ours},
        )
        messages = iter(answer.response)
        assert parsed(next(messages))[0] == "update"
        theirs.close()
        assert list(messages) == []
        answer.close()
    assert not event_streams._streams_of


def test_the_number_of_streams_is_limited_per_user(buyer_client, ordered, monkeypatch):
    monkeypatch.setattr(event_streams, "MOST_OF_ONE", 2)
    path = f"{GENERATIONS}/{ordered.id}/events"
    first, second = (opened(buyer_client, path)[0] for _ in range(2))
    refused = buyer_client.get(path)
    assert (refused.status_code, error_code(refused)) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.json["error"]["details"]["limit"] == 2
    assert refused.headers["Retry-After"]
    event_streams._add_stream("another user")
    event_streams._remove_stream("another user")
    second.close()
    second.close()
    third = opened(buyer_client, path)[0]
    assert buyer_client.get(path).status_code == 429
    third.close()
    first.close()
    assert not event_streams._streams_of


def test_a_training_is_streamed_to_its_end(session, storage, sign_in):
    run = making.training(session, storage, step="train_style")
    session.commit()
    artist_id = session.scalar(select(Style.artist_id).where(Style.id == run.style_id))
    client = sign_in(session.get(making.User, artist_id))
    answer, messages = opened(client, f"/api/v1/styles/{run.style_id}/events")
    name, _, data = parsed(next(messages))
    assert (name, data["training_status"]) == ("update", "pending")
    session.execute(update(Style).values(training_status="failed"))
    session.commit()
    name, _, data = parsed(next(messages))
    assert (name, data["training_status"]) == ("end", "failed")
    assert list(messages) == []
    answer.close()
