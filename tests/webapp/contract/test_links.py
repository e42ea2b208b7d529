"""Each link of the document, followed once from an answer to the example of where it leads."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import making, sets_albums
from tests.webapp import documented
from tests.webapp.conftest import WORKER_HEADERS
from webapp.domain.models.account import Role, User
from webapp.domain.models.style import Tag
from webapp.domain.services import artist_pages, collections, sets_credits

POINTER = "$response.body#"
RULE = {
    "name": "Grey",
    "preset_id": "interior",
    "concepts": {"Wall": {"action": "recolor", "value": "#808080"}},
}
# What an address or a body that was put together wrongly would be answered.
WRONG = {"INVALID_REQUEST", "VALIDATION_ERROR"}


@pytest.fixture
def callers(client, buyer_client, sets_client, sign_in, session, storage):
    artist = making.artist(session, storage)
    making.style(session, of=artist, training_status="failed", adapter_sha256=None)
    making.payout(session, artist.user_id)
    admin = making.user(session, role=Role.ADMIN)
    session.commit()
    return {
        "public": client,
        "signed in": buyer_client,
        "artist": sign_in(session.get(User, artist.user_id)),
        "admin": sign_in(admin),
        "Sets account": sets_client,
        "internal": client,
    }


@pytest.fixture
def known(
    buyer_client,
    sets_client,
    anonymous_account,
    style,
    ordered,
    finish,
    session,
    storage,
    buyer,
):
    """Something real for every parameter: a market in which each list has an entry."""
    shown = finish(making.order(session, buyer, style)[0], is_public=True)
    making.training(session, storage, step="train_style")
    # words of one person's images alone are not listed
    session.execute(update(Tag).where(Tag.name == "boat").values(style_count=1))
    session.commit()

    # Room for the one job and the credits for what the links create beside it.
    anonymous_account.pro_until = making.jobs.NOW + timedelta(days=1)
    sets_credits.grant(session, anonymous_account.id, 500, key="links")
    job = sets_albums.album(session, storage, of=anonymous_account, photos=1)
    instance = sets_albums.instance(session, sets_albums.photos_of(session, job)[0], storage)
    session.commit()

    def made(path, **body):
        return buyer_client.post(f"/api/v1{path}", json=body).json["data"]

    made(f"/users/{style.artist_id}/follow")
    made(f"/generations/{shown.id}/like")
    artist = session.get_one(User, style.artist_id)
    artist_pages.pin(session, user=artist, generation_id=shown.id)
    piers = collections.create(session, user=artist, name="Piers", is_public=True)
    collections.add(session, user=artist, collection_id=piers, generation_id=shown.id)
    session.commit()
    making.asked_back(session, buyer)
    (work,) = making.artworks(session, style, count=1)
    making.show_artworks(session, style, [work], titles=["Pier"])
    session.commit()
    made("/keys", name="Shop")
    hook = {"url": "https://shop.example/webhooks", "events": ["generation.completed"]}
    made("/users/me/webhooks", **hook)
    collection_id = made("/collections", name="Harbours", is_public=True)["id"]
    buyer_client.put(f"/api/v1/collections/{collection_id}/pictures/{shown.id}")
    target = {"target_type": "generation", "target_id": shown.id}
    (told,) = buyer_client.get("/api/v1/notifications").json["data"]["results"]
    return {
        "style_id": style.id,
        "generation_id": shown.id,
        "user_id": style.artist_id,
        "artwork_id": work.id,
        "tag_id": session.scalar(select(Tag.id).where(Tag.name == "boat")),
        "notification_id": told["id"],
        "collection_id": collection_id,
        "comment_id": made(f"/generations/{shown.id}/comments", content="How quiet.")["id"],
        "report_id": made("/reports", reason="spam", **target)["id"],
        "payout_id": making.payout(session, style.artist_id),
        "order_id": made("/tokens/purchase", package_id="basic_100")["order_id"],
        "public_id": shown.license_public_id,
        "target_id": style.id,
        "job_id": job.public_id,
        "instance_id": instance.public_id,
        "preset_id": "interior",
        "rule_id": sets_client.post("/api/v1/sets/rules", json=RULE).json["data"]["id"],
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
    options["query_string"] = {
        each["name"]: each["example"]
        for each in said["parameters"]
        if each["in"] == "query" and each["required"]
    }
    if said["security"] == [{"internal": []}]:
        (source,) = (each for each in said["parameters"] if each["in"] == "header")
        options["headers"] = WORKER_HEADERS | {source["name"]: source["schema"]["enum"][0]}
    return caller.open(f"/api/v1{path.format(**values)}", method=method, **options)


def resolved(expressions, answer):
    """The values that a link takes from an answer; None for what does not stand there."""
    found = {}
    for name, expression in expressions.items():
        value = answer.json
        for step in expression.removeprefix(POINTER).split("/")[1:]:
            value = (value or [None])[int(step)] if step.isdigit() else value.get(step)
            if value is None:
                break
        found[name] = value
    return found


def follow(callers, operations, known, name, links):
    """Follow the links of one answer; return where they led, with what was answered there."""
    said = operations[name][2]
    caller = callers[said["description"].rpartition("Access: ")[2].rstrip(".")]
    answer = send(caller, operations[name], known)
    assert answer.status_code in {200, 201}, (name, answer.text)
    led = {}
    for target, link in links.items():
        values = resolved(link.get("parameters", {}), answer)
        body = resolved(link.get("requestBody", {}), answer)
        if None in {*values.values(), *body.values()}:
            continue
        there = send(caller, operations[target], known | values, body)
        refused = there.status_code >= 400 and there.json["error"]["code"]
        assert refused not in WRONG, (name, target, there.text)
        led[target] = there.status_code
    return led


def test_every_link_leads_to_what_it_names(callers, operations, known, session):
    followed = {}
    for name, links in sources(operations).items():
        unchanged = session.connection().begin_nested()
        followed[name] = follow(callers, operations, known, name, links)
        unchanged.rollback()
    assert [name for name, led in followed.items() if not led] == []
    assert followed["generations.create"]["generations.read"] == 200
    assert followed["generations.create"]["generations.cancel"] == 200
    assert followed["styles.create"]["styles.read"] == 200
    assert followed["styles.list_styles"]["generations.create"] == 401
    assert followed["webhooks.claim"]["webhooks.training_progress"] == 200
