"""A style sells two licences: what an order freezes, holds, pays, refunds and certifies."""

from functools import partial

import pytest
from sqlalchemy import select, text, update

from celery_config import TaskName
from tests import making
from tests.database import at_once
from webapp.domain import jobs
from webapp.domain.errors import (
    DuplicatePicture,
    InsufficientTokens,
    LicenseNotSold,
    PriceChanged,
    ValidationFailed,
)
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation, Order
from webapp.domain.models.license import Certificate
from webapp.domain.models.style import LicenseType, Style
from webapp.domain.prices import Prices
from webapp.domain.services import (
    generation_refunds,
    generations,
    ledger,
    licenses,
    offers,
    stamping,
)
from webapp.domain.services.ledger import Balances

PERSONAL, COMMERCIAL = LicenseType.PERSONAL, LicenseType.COMMERCIAL


@pytest.fixture
def buyer(session):
    return making.user(session)


@pytest.fixture
def style(session, storage):
    """A personal licence for 10 tokens, a commercial one for 25."""
    return making.style(session, storage, **Prices(10, 25).columns())


def licence_of(session, image):
    return session.get_one(Order, image.order_id).license_type


def certified(session, image):
    query = select(Certificate.license_type).where(Certificate.generation_id == image.id)
    return session.scalar(query)


def reprice(session, style, prices):
    artist = session.get(User, style.artist_id)
    offers.edit(session, user=artist, style_id=style.id, changes={"prices": prices})


@pytest.mark.parametrize(
    "chosen, licence, price",
    [(None, PERSONAL, 10), (PERSONAL, PERSONAL, 10), (COMMERCIAL, COMMERCIAL, 25)],
)
def test_the_chosen_licence_and_its_price_are_frozen_and_held(
    session, buyer, style, chosen, licence, price
):
    images = making.order(session, buyer, style, count=2, license_type=chosen)
    assert [image.price_tokens for image in images] == [price, price]
    assert licence_of(session, images[0]) == licence
    assert session.get_one(Order, images[0].order_id).total_price_tokens == 2 * price
    assert ledger.balances(session, buyer.id) == Balances(100 - 2 * price, 2 * price, 0)
    assert making.violations(session) == []


def test_a_commercial_order_pays_its_artist_in_full_and_is_certified(
    session, storage, buyer, style
):
    [image] = making.order(session, buyer, style, license_type=COMMERCIAL)
    making.finish(session, storage, image)
    assert ledger.balances(session, style.artist_id).earned == 25
    assert ledger.balances(session, buyer.id) == Balances(75, 0, 0)
    assert certified(session, image) == "commercial"
    assert making.violations(session, only="I1") == []


def test_a_failed_or_canceled_commercial_order_is_refunded_in_full(session, buyer, style):
    failed, canceled = making.order(session, buyer, style, count=2, license_type=COMMERCIAL)
    generations.fail(session, failed.id, "GPU_OOM", "Out of memory.")
    generations.cancel(session, user_id=buyer.id, generation_id=canceled.id)
    assert ledger.balances(session, buyer.id) == Balances(100, 0, 0)
    assert ledger.balances(session, style.artist_id).earned == 0


def test_an_administrator_refunds_what_was_paid_for_the_licence(session, storage, buyer, style):
    [image] = making.order(session, buyer, style, license_type=COMMERCIAL)
    making.finish(session, storage, image)
    reprice(session, style, Prices(1, 2))
    admin = making.user(session, role="admin")
    generation_refunds.refund_generation(
        session, admin_id=admin.id, generation_id=image.id, reason="Not what was ordered."
    )
    assert ledger.balances(session, buyer.id) == Balances(100, 0, 0)
    assert ledger.balances(session, style.artist_id).earned == 0


@pytest.mark.parametrize("later", [Prices(commercial=99), Prices(personal=99), Prices(98, 99)])
@pytest.mark.parametrize("licence, price", [(PERSONAL, 10), (COMMERCIAL, 25)])
def test_what_was_ordered_before_a_change_keeps_licence_and_price(
    session, storage, buyer, style, later, licence, price
):
    [image] = making.order(session, buyer, style, license_type=licence)
    job = making.hand_on_to_stamping(session, storage, image)
    reprice(session, style, later)

    lease = jobs.claim(session, job.id, TaskName.STAMP_SIGNATURE, 60)
    assert stamping.stamp_input(session, lease).license_type == licence
    making.change_job(session, job.id, state="done")
    generations.complete(
        session, image.id, "0" * 16, image_key="images/1.png", image_sha256="a" * 64
    )
    assert certified(session, image) == licence
    assert ledger.balances(session, style.artist_id).earned == price


def test_an_order_of_older_code_gets_the_licence_of_its_style(session, storage, buyer):
    style = making.style(session, storage, license_type="personal")
    [image] = making.order(session, buyer, style)
    session.execute(update(Order).values(license_type=None))
    session.expire_all()
    making.finish(session, storage, image)
    assert certified(session, image) == "personal"
    order = session.get_one(Order, image.order_id)
    assert licenses.ordered(order, style) == "personal"


@pytest.mark.parametrize(
    "prices, licence", [(Prices(personal=10), COMMERCIAL), (Prices(commercial=10), PERSONAL)]
)
def test_a_licence_that_is_not_sold_is_refused_and_costs_nothing(session, buyer, prices, licence):
    style = making.style(session, **prices.columns())
    with pytest.raises(LicenseNotSold) as refused:
        making.order(session, buyer, style, license_type=licence, expected_price_tokens=10)
    assert refused.value.details["license_type"] == licence
    assert refused.value.details["prices"] == prices
    assert list(refused.value.details["fields"]) == ["license_type"]
    assert ledger.balances(session, buyer.id) == Balances(100, 0, 0)


def test_the_expected_price_is_that_of_the_chosen_licence(session, buyer, style):
    with pytest.raises(PriceChanged) as refused:
        making.order(session, buyer, style, license_type=COMMERCIAL, expected_price_tokens=10)
    assert refused.value.details == {"price_tokens": 25}
    with pytest.raises(PriceChanged) as refused:
        making.order(session, buyer, style, expected_price_tokens=25)
    assert refused.value.details == {"price_tokens": 10}
    assert making.order(session, buyer, style, license_type=COMMERCIAL, expected_price_tokens=25)


def test_too_few_tokens_for_the_commercial_licence_are_told_with_its_price(session, style):
    poor = making.user(session, tokens=20)
    with pytest.raises(InsufficientTokens) as refused:
        making.order(session, poor, style, license_type=COMMERCIAL)
    assert refused.value.details == {"required": 25, "available": 20}
    assert making.order(session, poor, style, license_type=PERSONAL)


def test_a_commercial_licence_of_a_picture_that_is_owned_personally_is_no_duplicate(
    session, buyer, style
):
    making.order(session, buyer, style, license_type=PERSONAL, allow_duplicate=False)
    making.order(session, buyer, style, license_type=COMMERCIAL, allow_duplicate=False)
    for licence in (PERSONAL, COMMERCIAL):
        with pytest.raises(DuplicatePicture):
            making.order(session, buyer, style, license_type=licence, allow_duplicate=False)


def test_a_try_out_has_the_default_licence(session, storage):
    style = making.trained(session, storage)
    reprice(session, style, Prices(10, 25))
    image = making.try_out(session, style)
    assert (image.price_tokens, licence_of(session, image)) == (0, "personal")


@pytest.mark.parametrize(
    "before, changes, after",
    [
        (Prices(10, 25), {"price_tokens": 12}, Prices(12, 25)),
        (Prices(10, 25), {"license_type": PERSONAL, "price_tokens": 12}, Prices(12, 25)),
        (Prices(10, 25), {"license_type": PERSONAL}, Prices(10, 25)),
        (Prices(10, 25), {"license_type": COMMERCIAL}, Prices(commercial=25)),
        (Prices(10, 25), {"license_type": COMMERCIAL, "price_tokens": 7}, Prices(commercial=7)),
        (Prices(commercial=25), {"license_type": PERSONAL}, Prices(personal=25)),
        (Prices(commercial=25), {"price_tokens": 7}, Prices(commercial=7)),
        (Prices(personal=10), {"prices": Prices(5, 6)}, Prices(5, 6)),
        (Prices(10, 25), {"prices": Prices(commercial=6)}, Prices(commercial=6)),
        (Prices(10, 25), {"prices": Prices(3, 4), "price_tokens": 9}, Prices(3, 4)),
        (Prices(10, 25), {"description": "Boats."}, Prices(10, 25)),
    ],
)
def test_an_artist_changes_one_price_or_all_of_them(session, before, changes, after):
    style = making.style(session, **before.columns())
    artist = session.get(User, style.artist_id)
    offers.edit(session, user=artist, style_id=style.id, changes=changes)
    session.refresh(style)
    assert Prices.of_style(style) == after


@pytest.mark.parametrize(
    "changes, field", [({"price_tokens": 26}, "price_tokens"), ({"prices": Prices(9, 8)}, "prices")]
)
def test_the_commercial_licence_never_becomes_the_cheaper_one(session, style, changes, field):
    artist = session.get(User, style.artist_id)
    with pytest.raises(ValidationFailed) as refused:
        offers.edit(session, user=artist, style_id=style.id, changes=changes)
    assert list(refused.value.details["fields"]) == [field]
    session.refresh(style)
    assert Prices.of_style(style) == Prices(10, 25)


def test_an_order_at_the_moment_of_a_change_is_at_one_of_both_offers(committed):
    """Licence and price belong together, whoever is first."""
    with committed.begin() as session:
        style = making.style(session, **Prices(10, 25).columns())
        buyers = [making.user(session).id for _ in range(4)]

    def act(number):
        with committed.begin() as session:
            mine = session.get(Style, style.id)
            if number == len(buyers):
                reprice(session, mine, Prices(11, 26))
            else:
                licence = (PERSONAL, COMMERCIAL)[number % 2]
                making.order(session, session.get(User, buyers[number]), mine, license_type=licence)

    assert at_once(*(partial(act, number) for number in range(len(buyers) + 1))) == [None] * 5
    with committed() as session:
        rows = session.execute(
            select(Generation.price_tokens, Order.license_type)
            .join(Order, Order.id == Generation.order_id)
            .where(Generation.user_id.in_(buyers))
        ).all()
        assert len(rows) == len(buyers)
        assert {tuple(row) for row in rows} <= {
            (10, "personal"),
            (11, "personal"),
            (25, "commercial"),
            (26, "commercial"),
        }
        held = session.scalar(text("SELECT sum(amount) FROM transfers WHERE kind = 'hold'"))
        assert held == sum(row.price_tokens for row in rows)
