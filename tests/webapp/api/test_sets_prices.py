"""The price of a region that is painted in a style: as it was shown, or nothing is ordered."""

import pytest
from sqlalchemy import func, select, update

from tests import restyling, sets_albums as albums
from tests.restyling import post_execute
from tests.webapp.conftest import error_code
from webapp.domain.models.account import User
from webapp.domain.models.generation import Order
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.models.style import Style
from webapp.domain.prices import Prices

JOBS = "/api/v1/sets/jobs"


@pytest.fixture
def album(session, storage):
    """An album of a signed-in person with a wall, and a style with the commercial licence at 10."""
    made = restyling.album(session, storage)
    session.commit()
    return made


@pytest.fixture
def owner_client(session, album, sign_in):
    return sign_in(session.get(User, restyling.user_of(session, album[0])))


def at_price(session, style, **prices):
    """Let the artist sell a style at other prices."""
    session.execute(update(Style).where(Style.id == style.id).values(**Prices(**prices).columns()))
    session.commit()


def expecting(style, price, **more):
    return restyling.restyle(style) | {"expected_price_tokens": price} | more


def assert_changed(session, client, job, answer, path, price):
    assert (answer.status_code, error_code(answer)) == (409, "PRICE_CHANGED")
    details = answer.json["error"]["details"]
    assert details["price_tokens"] == price
    assert details["fields"] == {
        f"{path}.expected_price_tokens": [f"The price in tokens is now {price}."]
    }
    assert client.get(f"{JOBS}/{job.public_id}").json["data"]["status"] == "uploaded"
    assert albums.work(session, JobKind.PHOTO_EDIT) == []
    assert session.scalar(select(func.count()).select_from(Order)) == 0


@pytest.fixture
def saved(session, album, owner_client):
    """The id of a saved rule that was sent with a price."""
    job, style = album
    body = {"name": "Ink", "preset_id": job.preset_id, "concepts": {"Wall": expecting(style, 10)}}
    answer = owner_client.post("/api/v1/sets/rules", json=body)
    assert answer.status_code == 201
    return answer.json["data"]["id"]


def test_regions_at_the_expected_price_are_ordered_and_the_job_does_not_keep_it(
    session, album, owner_client
):
    job, style = album
    overrides = [{"items": [0], "concepts": {"Wall": expecting(style, 10)}}]
    answer = post_execute(owner_client, job, expecting(style, 10), overrides=overrides)
    assert answer.status_code == 200
    session.refresh(job)
    assert job.style_prices == {str(style.id): 10}
    assert job.concepts == {"Wall": restyling.restyle(style)}
    assert job.overrides == [{"items": [0], "concepts": {"Wall": restyling.restyle(style)}}]
    assert restyling.ordered(session, job, style).price_tokens == 10


@pytest.mark.parametrize("price", [9, 12])
def test_a_price_that_changed_is_told_and_nothing_is_charged(session, album, owner_client, price):
    job, style = album
    at_price(session, style, commercial=price)
    answer = post_execute(owner_client, job, expecting(style, 10))
    assert_changed(session, owner_client, job, answer, "concepts.Wall", price)
    assert post_execute(owner_client, job, expecting(style, price)).status_code == 200


def test_the_price_is_told_in_korean(session, album, owner_client):
    job, style = album
    at_price(session, style, commercial=12)
    answer = owner_client.post(
        f"{JOBS}/{job.public_id}/execute",
        json={"concepts": {"Wall": expecting(style, 10)}},
        headers={"Accept-Language": "ko"},
    )
    ((problem,),) = answer.json["error"]["details"]["fields"].values()
    assert problem == "이제 가격은 12토큰입니다."


def test_the_price_is_checked_in_overrides_and_variants_too(session, album, owner_client):
    job, style = album
    overrides = [{"items": [0], "concepts": {"Wall": expecting(style, 9)}}]
    answer = post_execute(owner_client, job, expecting(style, 10), overrides=overrides)
    assert_changed(session, owner_client, job, answer, "overrides.0.concepts.Wall", 10)
    variants = [{"concepts": {"Wall": expecting(style, price)}} for price in (10, 9)]
    answer = owner_client.post(f"{JOBS}/{job.public_id}/execute", json={"variants": variants})
    assert_changed(session, owner_client, job, answer, "variants.1.concepts.Wall", 10)


def test_another_default_licence_is_refused_at_another_price(session, album, owner_client):
    job, style = album
    at_price(session, style, personal=5, commercial=10)
    answer = post_execute(owner_client, job, expecting(style, 10))
    assert_changed(session, owner_client, job, answer, "concepts.Wall", 5)


def test_another_default_licence_at_the_same_price_is_refused_if_the_licence_is_named(
    session, album, owner_client
):
    job, style = album
    at_price(session, style, personal=10)
    answer = post_execute(owner_client, job, expecting(style, 10, license_type="commercial"))
    assert answer.status_code == 422
    assert list(answer.json["error"]["details"]["fields"]) == ["concepts.Wall.license_type"]


def test_a_saved_rule_does_not_keep_the_price(session, album, owner_client, saved):
    _, style = album
    rule = session.scalars(select(SetsRule)).one()
    assert rule.concepts == {"Wall": restyling.restyle(style)}
    changed = {"name": "Ink", "concepts": {"Wall": expecting(style, 9)}}
    assert owner_client.put(f"/api/v1/sets/rules/{saved}", json=changed).status_code == 200
    session.refresh(rule)
    assert rule.concepts == {"Wall": restyling.restyle(style)}


def test_a_saved_rule_is_applied_at_the_price_and_licence_of_the_request(
    session, album, owner_client, saved
):
    job, style = album
    at_price(session, style, personal=5, commercial=10)
    answer = post_execute(owner_client, job, expecting(style, 10), rule_id=saved)
    assert_changed(session, owner_client, job, answer, "concepts.Wall", 5)
    setting = expecting(style, 10, license_type="commercial")
    assert post_execute(owner_client, job, setting, rule_id=saved).status_code == 200
    session.refresh(job)
    assert (job.style_prices, job.style_licenses) == (
        {str(style.id): 10},
        {str(style.id): "commercial"},
    )
    assert "expected_price_tokens" not in job.concepts["Wall"]


def test_the_own_rule_of_an_instance_keeps_the_price_until_the_execution(
    session, album, owner_client
):
    job, style = album
    (photo,) = albums.photos_of(session, job)
    first = restyling.instances_of(session, photo)[0].public_id
    path = f"{JOBS}/{job.public_id}/instances"

    def expect_price(price):
        changes = [{"instance_id": first, "rule": expecting(style, price)}]
        assert owner_client.patch(path, json={"changes": changes}).status_code == 200

    expect_price(9)
    shown = {each["instance_id"]: each for each in owner_client.get(path).json["data"]["results"]}
    assert shown[first]["rule"]["expected_price_tokens"] == 9
    colour = {"action": "recolor", "value": "#336699"}
    answer = post_execute(owner_client, job, colour)
    assert_changed(session, owner_client, job, answer, f"instances.{first}.rule", 10)
    expect_price(10)
    assert post_execute(owner_client, job, colour).status_code == 200


def test_only_what_is_painted_with_a_style_has_a_price(album, owner_client):
    job, _ = album
    colour = {"action": "recolor", "value": "#336699", "expected_price_tokens": 10}
    answer = post_execute(owner_client, job, colour)
    assert answer.status_code == 422
    fields = answer.json["error"]["details"]["fields"]
    assert list(fields) == ["concepts.Wall.expected_price_tokens"]


def test_without_an_expected_price_the_price_of_the_moment_is_charged(session, album, owner_client):
    job, style = album
    at_price(session, style, commercial=12)
    assert post_execute(owner_client, job, restyling.restyle(style)).status_code == 200
    assert restyling.ordered(session, job, style).price_tokens == 12
