"""Forms that move money: Enter in one of their fields must never send them."""

import re
from pathlib import Path

import pytest

from tests.webapp.pages.reading import Page

TEMPLATES = Path(__file__).parents[3] / "webapp" / "templates"
# Where money moves: every template with a form to one of these is read.
PAYING = re.compile(r"/generate|/purchases|/admin/refund")
FORM = re.compile(r"<form(?P<head>[^>]*)>(?P<inside>.*?)</form>", re.DOTALL)
FIELD = re.compile(r"<textarea|<select|<input(?![^>]*type=\"(hidden|radio|checkbox|submit)\")")


def paying_forms():
    for path in sorted(TEMPLATES.rglob("*.html")):
        for form in FORM.finditer(path.read_text()):
            head = form["head"]
            if 'method="post"' in head and PAYING.search(head):
                yield path.relative_to(TEMPLATES).as_posix(), form["inside"]


FORMS = list(paying_forms())


def test_the_paying_forms_are_these():
    assert [path for path, _ in FORMS] == [
        "admin/refund.html",
        "sets/buy.html",
        "styles/generate.html",
        "wallet/index.html",
    ]


@pytest.mark.parametrize("path, inside", FORMS, ids=[path for path, _ in FORMS])
def test_a_form_that_orders_carries_a_one_time_key(path, inside):
    # A refund happens once by the ledger itself.
    assert "one_time_key()" in inside or path == "admin/refund.html"


def keys_of(page, action):
    """The one-time keys of the forms to an address, in order."""
    found, is_inside = [], False
    for name, attributes in page.elements:
        if name == "form":
            is_inside = attributes.get("action") == action
        elif is_inside and attributes.get("name") == "idempotency_key":
            found.append(attributes["value"])
    return found


@pytest.fixture
def order(buyer_client, style):
    """Send the order form of a style as a browser without scripts does."""
    action = f"/styles/{style.id}/generate"

    def send(key=None, **changes):
        [fresh] = keys_of(Page(buyer_client.get(f"/styles/{style.id}")), action)
        fields = {"prompt_tags": "boat, sea", "count": "1", "idempotency_key": key or fresh}
        return fields["idempotency_key"], buyer_client.post(action, data=fields | changes)

    return send


def spendable(client):
    return client.get("/api/v1/tokens/balance").json["data"]["token_balance"]


def test_an_order_form_that_is_sent_three_times_is_charged_once(buyer_client, order):
    key, first = order()
    answers = [first, *(order(key)[1] for _ in range(2))]
    assert {answer.status_code for answer in answers} == {302}
    assert spendable(buyer_client) == 90
    assert len(buyer_client.get("/api/v1/generations/me").json["data"]["results"]) == 1


def test_a_form_that_is_asked_for_again_orders_again(buyer_client, order):
    keys = {order(seed=str(seed))[0] for seed in (1, 2)}
    assert len(keys) == 2
    assert spendable(buyer_client) == 80


def test_a_form_that_was_sent_before_with_other_words_charges_nothing_and_brings_a_new_key(
    buyer_client, order, style
):
    key, _ = order()
    _, answer = order(key, prompt_tags="boat, moon")
    page = Page(answer)
    assert answer.status_code == 409
    assert "This form was sent before, with other content." in page.text
    [fresh] = keys_of(page, f"/styles/{style.id}/generate")
    assert fresh != key
    assert spendable(buyer_client) == 90
    order(fresh, prompt_tags="boat, moon")
    assert spendable(buyer_client) == 80


def test_a_key_of_a_refused_order_can_be_used_again(buyer_client, order, style):
    key, refused = order(count="9")
    assert refused.status_code == 422
    assert order(key)[1].status_code == 302
    assert spendable(buyer_client) == 90


def test_a_package_that_is_ordered_three_times_by_one_form_is_one_order(buyer_client):
    keys = keys_of(Page(buyer_client.get("/wallet")), "/wallet/purchases")
    assert len(keys) == len(set(keys)) > 1
    fields = {"package_id": "basic_100", "idempotency_key": keys[0]}
    places = {
        buyer_client.post("/wallet/purchases", data=fields).headers["Location"] for _ in range(3)
    }
    assert len(places) == 1
    assert len(buyer_client.get("/api/v1/tokens/purchases").json["data"]["results"]) == 1


@pytest.mark.parametrize("path, inside", FORMS, ids=[path for path, _ in FORMS])
def test_a_paying_form_that_can_be_typed_into_begins_with_a_button_nobody_can_press(path, inside):
    first = re.search(r"<button|only_the_button\(\)", inside)
    assert first is not None
    assert first[0] == "only_the_button()" or not FIELD.search(inside), path
