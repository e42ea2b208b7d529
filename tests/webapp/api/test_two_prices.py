"""The licences of a style over HTTP: their prices, the choice with an order, and filters."""

import io
import json

import pytest
from sqlalchemy import select, update

from tests import images, making
from tests.webapp.conftest import error_code, signed_in_client
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.style import LicenseType, Style
from webapp.domain.prices import Prices

GENERATIONS, STYLES = "/api/v1/generations", "/api/v1/styles"
FILES = [{"filename": "pier.png", "size": 204_800, "content_type": "image/png"}] * 10
FIELDS = {"name": "Ink Harbor", "description": "Piers in ink."}
NEVER_A_PRICE = [0, -1, 10_001, 1.5, "many", True, [], {}, 2**53]


@pytest.fixture
def both(session, style):
    """The style sells its personal licence for 10 tokens, the commercial one for 25."""
    session.execute(update(Style).where(Style.id == style.id).values(**Prices(10, 25).columns()))
    session.commit()
    return style


def order(style, **changes):
    return {"style_id": style.id, "prompt_tags": ["boat", "sea"]} | changes


def fields_of(answer):
    return set(answer.json["error"]["details"]["fields"])


# ── What a style sells ───────────────────────────────────────────────────────────────────────


def test_a_style_names_the_price_of_each_licence_and_its_default(client, both):
    for shown in (
        client.get(f"{STYLES}/{both.id}").json["data"],
        client.get(STYLES).json["data"]["results"][0],
        client.get("/api/v1/search?q=ink").json["data"]["styles"][0],
    ):
        assert shown["prices"] == {"personal": 10, "commercial": 25}
        assert shown["price_tokens"] == shown["generation_cost_tokens"] == 10
    assert client.get(f"{STYLES}/{both.id}").json["data"]["license_type"] == "personal"


@pytest.mark.parametrize(
    "sent, prices",
    [
        ({"price_tokens": 12}, {"personal": 12, "commercial": None}),
        (
            {"price_tokens": 12, "license_type": "commercial"},
            {"personal": None, "commercial": 12},
        ),
        ({"prices": {"personal": 12, "commercial": 30}}, {"personal": 12, "commercial": 30}),
        ({"prices": {"commercial": 30}}, {"personal": None, "commercial": 30}),
        (
            {"prices": {"personal": 12, "commercial": 12}, "price_tokens": 99},
            {"personal": 12, "commercial": 12},
        ),
    ],
)
def test_a_new_style_is_given_one_price_or_both(artist_client, sent, prices):
    answer = artist_client.post(STYLES, json=FIELDS | sent | {"files": FILES})
    assert answer.status_code == 201, answer.json
    assert answer.json["data"]["prices"] == prices


def test_a_form_sends_its_prices_as_json(artist_client):
    upload = [
        (io.BytesIO(images.encoded(images.scene(520, 512, seed=n))), f"{n}.png") for n in range(10)
    ]
    data = FIELDS | {"prices": json.dumps({"personal": 3, "commercial": 4}), "images": upload}
    answer = artist_client.post(STYLES, data=data)
    assert answer.status_code == 201, answer.json
    assert answer.json["data"]["prices"] == {"personal": 3, "commercial": 4}


@pytest.mark.parametrize(
    "prices, fields",
    [
        ({}, {"prices"}),
        ({"personal": None, "commercial": None}, {"prices"}),
        ({"personal": 10, "commercial": 9}, {"prices"}),
        ({"exclusive": 10}, {"prices"}),
        ([], {"prices"}),
        ("{", {"prices"}),
        ("[" * 100_000, {"prices"}),
        *(({"personal": price}, {"prices.personal"}) for price in NEVER_A_PRICE),
        *(({"personal": 1, "commercial": price}, {"prices.commercial"}) for price in NEVER_A_PRICE),
    ],
)
@pytest.mark.parametrize("way", ["new", "changed"])
def test_prices_that_cannot_be_are_refused_at_their_field(
    session, artist_client, artist, way, prices, fields
):
    if way == "new":
        answer = artist_client.post(STYLES, json=FIELDS | {"prices": prices, "files": FILES})
    else:
        style = making.style(session, of=artist)
        session.commit()
        answer = artist_client.patch(f"{STYLES}/{style.id}", json={"prices": prices})
        session.refresh(style)
        assert Prices.of_style(style) == Prices(commercial=10)
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert fields_of(answer) == fields


def test_a_new_style_needs_a_price(artist_client):
    answer = artist_client.post(STYLES, json=FIELDS | {"prices": None, "files": FILES})
    assert fields_of(answer) == {"price_tokens"}


def test_an_artist_adds_a_licence_and_takes_one_away(session, artist_client, artist):
    style = making.style(session, of=artist)
    session.commit()
    address = f"{STYLES}/{style.id}"
    for prices in ({"personal": 4, "commercial": 9}, {"personal": None, "commercial": 9}):
        answer = artist_client.patch(address, json={"prices": prices})
        assert answer.json["data"]["prices"] == prices
    refused = artist_client.patch(address, json={"prices": None})
    assert refused.status_code == 422


# ── Orders ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "chosen, licence, price",
    [({}, "personal", 10), ({"license_type": None}, "personal", 10)]
    + [
        ({"license_type": each}, each, price)
        for each, price in (("personal", 10), ("commercial", 25))
    ],
)
def test_an_order_names_its_licence(session, buyer_client, both, finish, chosen, licence, price):
    body = order(both, expected_price_tokens=price, **chosen)
    preview = buyer_client.post(f"{GENERATIONS}/preview", json=order(both, **chosen))
    assert preview.json["data"]["total_price_tokens"] == price
    made = buyer_client.post(GENERATIONS, json=body)
    assert made.status_code == 201, made.json
    data = made.json["data"]
    assert (data["license_type"], data["price_tokens"]) == (licence, price)
    image = session.get(Generation, data["id"])
    finish(image, is_public=True)
    certificate = buyer_client.get(f"/api/v1/licenses/{image.license_public_id}").json["data"]
    assert certificate["license_type"] == licence


def test_only_its_owner_is_told_the_licence_of_an_unfinished_order(
    app, session, buyer_client, both, storage
):
    made = buyer_client.post(GENERATIONS, json=order(both, license_type="commercial")).json["data"]
    making.finish(session, storage, session.get(Generation, made["id"]), is_public=True)
    session.commit()
    other = signed_in_client(app, session, making.user(session))
    assert "license_type" not in other.get(f"{GENERATIONS}/{made['id']}").json["data"]
    mine = buyer_client.get(f"{GENERATIONS}/{made['id']}").json["data"]
    assert mine["license_type"] == "commercial"


def test_a_licence_that_is_not_sold_is_refused_with_what_is(session, buyer_client, style):
    for path in (GENERATIONS, f"{GENERATIONS}/preview"):
        answer = buyer_client.post(path, json=order(style, license_type="personal"))
        assert (answer.status_code, error_code(answer)) == (409, "LICENSE_NOT_SOLD")
        details = answer.json["error"]["details"]
        assert details["license_type"] == "personal"
        assert details["prices"] == {"personal": None, "commercial": 10}
        assert list(details["fields"]) == ["license_type"]
    assert session.scalars(select(Transfer).where(Transfer.kind == "hold")).all() == []


@pytest.mark.parametrize("licence", ["exclusive", "", "Personal", 1, True, [], {}, ["personal"]])
def test_what_is_no_licence_is_refused_at_its_field(buyer_client, both, licence):
    answer = buyer_client.post(GENERATIONS, json=order(both, license_type=licence))
    assert (answer.status_code, error_code(answer)) == (422, "VALIDATION_ERROR")
    assert fields_of(answer) == {"license_type"}


def test_the_price_of_the_other_licence_is_a_changed_price(buyer_client, both):
    body = order(both, license_type="commercial", expected_price_tokens=10)
    answer = buyer_client.post(GENERATIONS, json=body)
    assert (answer.status_code, error_code(answer)) == (409, "PRICE_CHANGED")
    assert answer.json["error"]["details"] == {"price_tokens": 25}


def test_another_licence_under_the_same_idempotency_key_is_another_request(buyer_client, both):
    headers = {"Idempotency-Key": "key-of-an-order"}
    first = buyer_client.post(GENERATIONS, json=order(both), headers=headers)
    assert first.status_code == 201
    other = order(both, license_type="commercial")
    answer = buyer_client.post(GENERATIONS, json=other, headers=headers)
    assert error_code(answer) == "IDEMPOTENCY_CONFLICT"


# ── Filters ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def market(session):
    """Styles by their prices."""
    made = {
        prices: making.style(session, name=f"Ink {n}", **Prices(*prices).columns()).id
        for n, prices in enumerate([(5, None), (None, 8), (5, 20), (12, 12)])
    }
    session.commit()
    return made


@pytest.mark.parametrize(
    "query, found",
    [
        ("max_price=4", []),
        ("max_price=5", [(5, None), (5, 20)]),
        ("max_price=8", [(5, None), (None, 8), (5, 20)]),
        ("license_type=personal", [(5, None), (5, 20), (12, 12)]),
        ("license_type=commercial", [(None, 8), (5, 20), (12, 12)]),
        ("license_type=commercial&max_price=12", [(None, 8), (12, 12)]),
        ("license_type=personal&max_price=5", [(5, None), (5, 20)]),
        ("max_price=10000", [(5, None), (None, 8), (5, 20), (12, 12)]),
    ],
)
def test_the_catalogue_is_filtered_by_licence_and_price(client, market, query, found):
    results = client.get(f"{STYLES}?{query}").json["data"]["results"]
    assert {each["id"] for each in results} == {market[prices] for prices in found}


def test_a_search_is_filtered_by_price(client, market):
    found = client.get("/api/v1/search?q=ink&max_price=8").json["data"]["styles"]
    assert {each["id"] for each in found} == {
        market[prices] for prices in ((5, None), (None, 8), (5, 20))
    }
    first = client.get("/api/v1/search?q=ink&type=styles&max_price=8&limit=2").json["data"]
    cursor = first["next_cursor"]
    more = f"/api/v1/search?q=ink&type=styles&max_price=8&limit=2&cursor={cursor}"
    assert len(client.get(more).json["data"]["styles"]) == 1
    other = client.get(more.replace("max_price=8", "max_price=5"))
    assert other.status_code == 422


@pytest.mark.parametrize("price", ["0", "-1", "10001", "many", "1.5", ""])
def test_what_is_no_price_is_refused_in_filters(client, price):
    for path in (f"{STYLES}?max_price={price}", f"/api/v1/search?q=ink&max_price={price}"):
        answer = client.get(path)
        assert (answer.status_code, fields_of(answer)) == (422, {"max_price"})


def test_the_gallery_is_filtered_by_shape(session, storage, client, buyer, style):
    made = {}
    for shape in AspectRatio:
        [image] = making.order(session, buyer, style, aspect_ratio=shape)
        making.finish(session, storage, image, is_public=True)
        made[shape.value] = image.id
    session.commit()
    for shape, image_id in made.items():
        for sort in ("recent", "popular"):
            query = {"aspect_ratio": shape, "sort": sort}
            answer = client.get(f"{GENERATIONS}/feed", query_string=query)
            assert [each["id"] for each in answer.json["data"]["results"]] == [image_id]
    answer = client.get(f"{GENERATIONS}/feed?aspect_ratio=3:2")
    assert (answer.status_code, fields_of(answer)) == (422, {"aspect_ratio"})


def test_the_licence_types_that_can_be_ordered_are_those_that_are_sold():
    assert {each.value for each in LicenseType} == set(Prices.__dataclass_fields__)
