"""Painting with styles over HTTP: what is refused before it costs anything, and what is shown."""

import pytest
from sqlalchemy import func, select, update

from tests import making, restyling, sets_albums as albums
from tests.restyling import post_execute
from tests.webapp.conftest import error_code
from webapp.domain.errors import LicenseNotSold
from webapp.domain.models.account import User
from webapp.domain.models.generation import AspectRatio, Generation, Order
from webapp.domain.models.job import JobKind
from webapp.domain.models.license import Certificate
from webapp.domain.models.notification import Notification
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.style import Style
from webapp.domain.prices import Prices
from webapp.domain.queries import registry

JOBS = "/api/v1/sets/jobs"


@pytest.fixture
def album(session, storage):
    """A checked album of a signed-in person with two walls in its photo, and a style on sale."""
    made = restyling.album(session, storage, instances=({}, {}), tokens=25)
    session.commit()
    return made


@pytest.fixture
def owner_client(session, album, sign_in):
    return sign_in(session.get(User, restyling.user_of(session, album[0])))


@pytest.fixture
def painted(session, storage, album, owner_client, finish):
    """The album with its first wall delivered and its second one waiting; returns both images."""
    job, style = album
    assert post_execute(owner_client, job, restyling.restyle(style)).status_code == 200
    restyling.ordered(session, job, style)
    images = [image for _, image in restyling.canvases(session, job)]
    finish(images[0])
    return images


@pytest.mark.parametrize(
    "change",
    [
        {"is_active": False},
        {"is_flagged": True},
        {"training_status": "trained"},
        {"valid_from": func.current_date() + 2},
    ],
)
def test_a_style_that_is_not_on_sale_is_refused_at_its_field(session, album, owner_client, change):
    job, style = album
    session.execute(update(Style).where(Style.id == style.id).values(**change))
    session.commit()
    answer = post_execute(owner_client, job, restyling.restyle(style))
    assert answer.status_code == 422
    fields = answer.json["error"]["details"]["fields"]
    assert list(fields) == ["concepts.Wall.value"]


def test_a_style_that_does_not_exist_is_refused_in_an_override_too(album, owner_client):
    job, style = album
    wanted = {"Wall": restyling.restyle(style) | {"value": "987654"}}
    answer = post_execute(
        owner_client, job, restyling.restyle(style), overrides=[{"items": [0], "concepts": wanted}]
    )
    assert list(answer.json["error"]["details"]["fields"]) == ["overrides.0.concepts.Wall.value"]


def test_all_known_regions_must_be_affordable_or_nothing_is_queued(session, album, owner_client):
    job, style = album
    session.execute(update(Style).where(Style.id == style.id).values(price_tokens=13))
    session.commit()
    answer = post_execute(owner_client, job, restyling.restyle(style))
    assert (answer.status_code, error_code(answer)) == (402, "INSUFFICIENT_TOKENS")
    assert answer.json["error"]["details"] == {"required": 26, "available": 25}
    assert owner_client.get(f"{JOBS}/{job.public_id}").json["data"]["status"] == "uploaded"
    assert albums.work(session, JobKind.PHOTO_EDIT) == []


def test_variants_are_paid_for_together(album, owner_client):
    job, style = album
    variants = [{"concepts": {"Wall": restyling.restyle(style, strength)}} for strength in (0.3, 1)]
    answer = owner_client.post(f"{JOBS}/{job.public_id}/execute", json={"variants": variants})
    assert (answer.status_code, error_code(answer)) == (402, "INSUFFICIENT_TOKENS")
    assert answer.json["error"]["details"]["required"] == 40


def test_the_rule_of_a_single_instance_is_checked_as_well(session, album, owner_client):
    job, style = album
    (photo,) = albums.photos_of(session, job)
    first = restyling.instances_of(session, photo)[0]
    first.rule = restyling.restyle(style) | {"value": "987654"}
    session.commit()
    answer = post_execute(owner_client, job, {"action": "recolor", "value": "#336699"})
    path = f"instances.{first.public_id}.rule.value"
    assert list(answer.json["error"]["details"]["fields"]) == [path]


def test_a_job_names_what_was_ordered_for_each_photo(session, album, owner_client, painted):
    job, _ = album
    shown = owner_client.get(f"{JOBS}/{job.public_id}").json["data"]
    address = f"http://localhost:8000/l/{painted[0].license_public_id}"
    assert shown["items"][0]["restyles"] == [
        {
            "concept": "Wall",
            "generation_id": image.id,
            "certificate_url": url,
            "price_tokens": 10,
            "license_type": "commercial",
        }
        for image, url in zip(painted, (address, None), strict=True)
    ]


def test_the_certificate_names_the_photo_and_its_part(session, client, album, painted):
    job, _ = album
    (photo,) = albums.photos_of(session, job)
    path = f"/api/v1/licenses/{painted[0].license_public_id}"
    shown = client.get(path).json["data"]
    assert shown["photo"] == {"sha256": photo.sha256, "concept": "Wall"}
    assert shown["licensee"] is None
    assert photo.sha256 in client.get(f"/l/{painted[0].license_public_id}").text

    session.execute(update(SetsRestyle).values(concept="Grandmother"))
    session.commit()
    assert client.get(path).json["data"]["photo"]["concept"] is None


def test_an_ordinary_certificate_names_no_photo(client, ordered, finish):
    image = finish(ordered)
    shown = client.get(f"/api/v1/licenses/{image.license_public_id}").json["data"]
    assert shown["photo"] is None


def test_a_painted_part_is_no_picture_of_ones_own_gallery_and_never_public(
    session, album, owner_client, painted
):
    assert owner_client.get("/api/v1/generations/me").json["data"]["results"] == []
    path = f"/api/v1/generations/{painted[0].id}"
    assert owner_client.get(path).json["data"]["id"] == painted[0].id
    answer = owner_client.patch(path, json={"is_public": True})
    assert (answer.status_code, error_code(answer)) == (409, "RESTYLE_PRIVATE")
    told = session.scalars(select(Notification.type)).all()
    assert "generation_complete" not in told
    assert making.violations(session) == []


def test_a_painted_part_is_not_taken_for_the_same_picture_of_an_order(session, album, painted):
    _, style = album
    image = painted[0]
    found = restyling.owned(session, style, image)
    assert found == {}


def test_a_painted_part_is_no_twin_of_a_picture_with_the_same_words_and_seed(
    session, album, painted, finish
):
    _, style = album
    part = painted[0]
    alike = making.order(
        session,
        making.user(session),
        style,
        prompt_tags=[*part.prompt_tags, style.tags[0]],
        negative_tags=part.negative_tags,
        aspect_ratio=AspectRatio(part.aspect_ratio),
        seed=part.seed,
        style_strength=part.style_strength,
    )[0]
    session.execute(
        update(Generation).where(Generation.id == alike.id).values(prompt_tags=part.prompt_tags)
    )
    finish(alike)
    for image in (part, alike):
        found = registry.by_public_id(session, image.license_public_id)
        assert registry.twins(session, found) == []


# ── Two licences of a style ──────────────────────────────────────────────────────────────────


@pytest.fixture
def both(session, album):
    """The style of the album sells its personal licence for 5 tokens, the commercial one for 12."""
    _, style = album
    session.execute(update(Style).where(Style.id == style.id).values(**Prices(5, 12).columns()))
    session.commit()


@pytest.mark.parametrize(
    "chosen, licence, price", [(None, "personal", 5), ("commercial", "commercial", 12)]
)
def test_regions_are_painted_with_the_chosen_licence_also_when_prices_change(
    session, album, both, owner_client, finish, chosen, licence, price
):
    job, style = album
    setting = restyling.restyle(style) | {"license_type": chosen}
    assert post_execute(owner_client, job, setting).status_code == 200
    session.refresh(job)
    assert (job.style_prices, job.style_licenses) == (
        {str(style.id): price},
        {str(style.id): licence},
    )
    image = restyling.ordered(session, job, style)
    assert image.price_tokens == price
    assert session.get_one(Order, image.order_id).license_type == licence
    finish(image)
    assert session.scalars(select(Certificate.license_type)).all() == [licence]


@pytest.mark.parametrize("size", [(512, 512), (512, 1024), (1024, 1024)])
def test_a_region_costs_the_price_of_the_style_whatever_the_size_of_its_canvas(
    session, album, owner_client, size
):
    job, style = album
    assert post_execute(owner_client, job, restyling.restyle(style)).status_code == 200
    image = restyling.ordered(session, job, style, size=size)
    assert (image.width, image.height) == size
    assert image.price_tokens == style.price_tokens == 10


def test_a_default_licence_that_is_no_longer_sold_is_not_replaced_by_another(
    session, album, both, owner_client
):
    job, style = album
    assert post_execute(owner_client, job, restyling.restyle(style)).status_code == 200
    only = Prices(commercial=5).columns()  # at the price that was agreed to
    session.execute(update(Style).where(Style.id == style.id).values(**only))
    session.commit()
    with pytest.raises(LicenseNotSold):
        restyling.ordered(session, job, style)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"license_type": "exclusive"}, "concepts.Wall.license_type"),
        (
            {"license_type": "personal", "action": "recolor", "value": "#336699", "options": {}},
            "concepts.Wall.license_type",
        ),
    ],
)
def test_a_licence_that_makes_no_sense_is_refused_at_its_field(
    album, both, owner_client, change, field
):
    job, style = album
    answer = post_execute(owner_client, job, restyling.restyle(style) | change)
    assert answer.status_code == 422
    assert list(answer.json["error"]["details"]["fields"]) == [field]


def test_a_licence_that_the_style_does_not_sell_is_refused_at_its_field(album, owner_client):
    job, style = album
    answer = post_execute(
        owner_client, job, restyling.restyle(style) | {"license_type": "personal"}
    )
    assert answer.status_code == 422
    assert list(answer.json["error"]["details"]["fields"]) == ["concepts.Wall.license_type"]


def test_a_job_does_not_paint_with_two_licences_of_a_style(album, both, owner_client):
    job, style = album
    other = {"Wall": restyling.restyle(style) | {"license_type": "commercial"}}
    overrides = [{"items": [0], "concepts": other}]
    answer = post_execute(owner_client, job, restyling.restyle(style), overrides=overrides)
    assert answer.status_code == 422
    fields = answer.json["error"]["details"]["fields"]
    assert list(fields) == ["overrides.0.concepts.Wall.license_type"]
