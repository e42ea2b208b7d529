"""One id from the browser to the GPU and back, in the lines of every process on the way."""

import json
import secrets

from tests.stack import REAL_ENGINE
from tests.waiting import wait_for


def lines(process, request_id):
    """What a process logged under a request."""
    text = process.log.read_text(errors="replace")
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in found if line.get("request_id") == request_id]


def tasks_done(process, request_id):
    """The tasks of a request that a process ended."""
    return {line["task"] for line in lines(process, request_id) if line["event"] == "task done"}


def test_an_order_is_followed_by_its_request_id_and_nothing_private_is_logged(
    stack, trained, person
):
    stack.use_engine(REAL_ENGINE)
    buyer = person("Haneul")
    request_id = f"order-{secrets.token_hex(4)}"
    answer = buyer.send(
        "POST",
        "/generations",
        json={"style_id": trained.id, "prompt_tags": ["boat", "zanzibar"]},
        headers={"X-Request-ID": request_id},
    )
    assert answer.status_code == 201, answer.text
    assert buyer.final(answer.json()["data"]["id"])["status"] == "completed"

    paths = [line.get("path") for line in lines(stack.web, request_id)]
    assert "/api/v1/generations" in paths
    assert "/api/v1/webhooks/inference/complete" in paths
    tasks = ["render_images", "stamp_signature", "deliver_generation"]
    published = [line["step"] for line in lines(stack.relay, request_id)]
    assert sorted(set(published)) == sorted(tasks)
    for process, task in zip((stack.gpu, stack.stamper, stack.cashier), tasks, strict=True):
        done = wait_for(lambda process=process: tasks_done(process, request_id), task)
        assert done == {task}, process.name
    events = [line["event"] for line in lines(stack.gpu, request_id)]
    assert events.index("job claimed") < events.index("result reported")

    for process in (stack.web, stack.relay, stack.gpu, stack.stamper, stack.cashier):
        text = process.log.read_text(errors="replace")
        assert "zanzibar" not in text, process.name
        assert "@example.com" not in text, process.name
