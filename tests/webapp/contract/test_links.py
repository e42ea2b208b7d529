"""Each link of the document, followed once from an answer to the example of where it leads."""

import pytest

from tests import making
from tests.webapp import documented
from tests.webapp.conftest import WORKER_HEADERS
from webapp.domain.models.account import User

POINTER = "$response.body#"
# What an address or a body that was put together wrongly would be answered.
WRONG = {"INVALID_REQUEST", "VALIDATION_ERROR", "NOT_FOUND"}


@pytest.fixture
def known(style, ordered, finish, session, storage, buyer):
    """Values of the examples that must name something real."""
    finish(making.order(session, buyer, style)[0], is_public=True)
    making.training(session, storage, step="train_style")
    session.commit()
    return {"style_id": style.id, "generation_id": ordered.id, "notification_id": 1}


@pytest.fixture
def callers(client, known, buyer_client, sign_in, session, storage):
    artist = making.artist(session, storage)
    making.style(session, of=artist, training_status="failed", adapter_sha256=None)
    session.commit()
    return {
        "public": client,
        "signed in": buyer_client,
        "artist": sign_in(session.get(User, artist.user_id)),
        "internal": client,
    }


@pytest.fixture
def operations(app):
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in documented.document(app)["paths"].items()
        for method, operation in methods.items()
    }


def sources(operations):
    """Operations whose answers have links, by their own names only."""
    return {
        name: links
        for name, (_, _, operation) in operations.items()
        for answer in operation["responses"].values()
        if (links := answer.get("links")) and not operation["description"].startswith("Same as")
    }


def send(caller, operation, values, body=None):
    """Send the example of an operation, with some values and fields of our own."""
    method, path, said = operation
    content = said.get("requestBody", {}).get("content", {}).get("application/json")
    options = {}
    if content is not None:
        example = content["example"]
        options["json"] = example | {k: values[k] for k in values if k in example} | (body or {})
    if {"internal": []} in said["security"] and {"session": []} not in said["security"]:
        source = said["parameters"][-1]["schema"].get("enum", ["training-server"])[0]
        options["headers"] = WORKER_HEADERS | {"X-Request-Source": source}
    return caller.open(f"/api/v1{path.format(**values)}", method=method, **options)


def resolved(expressions, answer):
    """The values that a link takes from an answer; None for what does not stand there."""
    found = {}
    for name, expression in expressions.items():
        value = answer.json
        for step in expression.removeprefix(POINTER).split("/")[1:]:
            value = value[int(step)] if isinstance(value, list) else value.get(step)
            if value is None:
                break
        found[name] = value
    return found


def test_every_link_leads_to_what_it_names(callers, operations, known):
    followed = {}
    for name, links in sources(operations).items():
        said = operations[name][2]
        caller = callers[said["description"].rpartition("Access: ")[2].rstrip(".")]
        answer = send(caller, operations[name], known)
        assert answer.status_code in {200, 201}, (name, answer.text)
        for target, link in links.items():
            values = resolved(link.get("parameters", {}), answer)
            body = resolved(link.get("requestBody", {}), answer)
            if None in {*values.values(), *body.values()}:
                continue
            led = send(caller, operations[target], known | values, body)
            if led.status_code >= 400:
                assert led.json["error"]["code"] not in WRONG, (name, target, led.text)
            followed.setdefault(name, {})[target] = led.status_code
    assert set(followed) == set(sources(operations))
    assert followed["generations.create"]["generations.read"] == 200
    assert followed["generations.create"]["generations.cancel"] == 200
    assert followed["styles.create"]["styles.read"] == 200
    assert followed["styles.list_styles"]["generations.create"] == 401
    assert followed["webhooks.claim"]["webhooks.training_progress"] == 200
