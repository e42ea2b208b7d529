"""A picture of more pixels costs more: what an order freezes, holds, pays and refunds."""

import pytest

from tests import making
from webapp.domain.errors import InsufficientTokens, PriceChanged
from webapp.domain.models.generation import AspectRatio, Order
from webapp.domain.models.style import LicenseType
from webapp.domain.prices import Prices
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import generation_refunds, generations, ledger, previews
from webapp.domain.services.ledger import Balances

SQUARE, PORTRAIT, LARGE = AspectRatio.SQUARE, AspectRatio.PORTRAIT, AspectRatio.LARGE_SQUARE
BY_SIZE = [(SQUARE, 10), (PORTRAIT, 20), (LARGE, 40)]
of_every_size = pytest.mark.parametrize("ratio, price", BY_SIZE)


@pytest.fixture
def buyer(session):
    return making.user(session)


@pytest.fixture
def style(session, storage):
    """A picture of 512×512 pixels costs 10 tokens."""
    return making.style(session, storage)


@of_every_size
def test_the_price_of_the_size_is_frozen_and_held(session, buyer, style, ratio, price):
    images = making.order(session, buyer, style, aspect_ratio=ratio, count=2)
    assert [image.price_tokens for image in images] == [price, price]
    assert session.get_one(Order, images[0].order_id).total_price_tokens == 2 * price
    assert ledger.balances(session, buyer.id) == Balances(100 - 2 * price, 2 * price, 0)
    assert making.violations(session) == []


@of_every_size
def test_the_artist_receives_the_whole_price(session, storage, buyer, style, ratio, price):
    [image] = making.order(session, buyer, style, aspect_ratio=ratio)
    making.finish(session, storage, image)
    assert ledger.balances(session, style.artist_id).earned == price
    assert ledger.balances(session, buyer.id) == Balances(100 - price, 0, 0)
    assert making.violations(session, only="I1") == []


@of_every_size
def test_what_fails_or_is_canceled_is_refunded_in_full(session, buyer, style, ratio, price):
    failed, canceled = making.order(session, buyer, style, aspect_ratio=ratio, count=2)
    generations.fail(session, failed.id, "GPU_OOM", "Out of memory.")
    assert ledger.balances(session, buyer.id) == Balances(100 - price, price, 0)
    generations.cancel(session, user_id=buyer.id, generation_id=canceled.id)
    assert ledger.balances(session, buyer.id) == Balances(100, 0, 0)
    assert ledger.balances(session, style.artist_id).earned == 0
    assert making.violations(session, only="I1") == []


@of_every_size
def test_an_administrator_refunds_what_was_paid(session, storage, buyer, style, ratio, price):
    [image] = making.order(session, buyer, style, aspect_ratio=ratio)
    making.finish(session, storage, image)
    admin = making.user(session, role="admin")
    refund = generation_refunds.refund_generation(
        session, admin_id=admin.id, generation_id=image.id, reason="Not what was ordered."
    )
    assert refund.amount_tokens == price
    assert ledger.balances(session, buyer.id) == Balances(100, 0, 0)
    assert ledger.balances(session, style.artist_id).earned == 0


@of_every_size
def test_a_later_price_leaves_what_was_ordered(session, storage, buyer, style, ratio, price):
    [image] = making.order(session, buyer, style, aspect_ratio=ratio)
    style.price_tokens = 24
    session.flush()
    making.finish(session, storage, image)
    session.refresh(image)
    assert image.price_tokens == price
    assert ledger.balances(session, style.artist_id).earned == price


def test_a_large_picture_that_was_ordered_at_the_price_of_a_small_one_keeps_it(
    session, storage, buyer, style
):
    """As older code ordered it."""
    order = generations.place(
        session,
        user_id=buyer.id,
        style=style,
        seeds=[7],
        aspect_ratio=LARGE,
        price_tokens=10,
        license_type=LicenseType.COMMERCIAL,
        request_id="request-1",
        prompt_tags=["boat"],
        negative_tags=[],
        style_strength=1.0,
        adapter_sha256=style.adapter_sha256,
    )
    [image] = session.query(generations.Generation).filter_by(order_id=order.id)
    making.finish(session, storage, image)
    assert ledger.balances(session, style.artist_id).earned == 10
    assert ledger.balances(session, buyer.id) == Balances(90, 0, 0)
    assert making.violations(session, only="I1") == []


@pytest.mark.parametrize("expected", [10, 20, 39, 41, 80])
def test_the_expected_price_is_that_of_one_picture_of_the_size(session, buyer, style, expected):
    with pytest.raises(PriceChanged) as refused:
        making.order(
            session, buyer, style, aspect_ratio=LARGE, count=2, expected_price_tokens=expected
        )
    assert refused.value.details == {"price_tokens": 40}
    assert ledger.balances(session, buyer.id) == Balances(100, 0, 0)
    assert making.order(
        session, buyer, style, aspect_ratio=LARGE, count=2, expected_price_tokens=40
    )


def test_a_changed_price_of_the_style_is_told_as_the_price_of_the_size(session, buyer, style):
    style.price_tokens = 12
    session.flush()
    with pytest.raises(PriceChanged) as refused:
        making.order(session, buyer, style, aspect_ratio=PORTRAIT, expected_price_tokens=20)
    assert refused.value.details == {"price_tokens": 24}


def test_too_few_tokens_are_told_with_the_price_of_the_size(session, style):
    poor = making.user(session, tokens=79)
    with pytest.raises(InsufficientTokens) as refused:
        making.order(session, poor, style, aspect_ratio=LARGE, count=2)
    assert refused.value.details == {"required": 80, "available": 79}
    assert ledger.balances(session, poor.id) == Balances(79, 0, 0)
    assert making.order(session, poor, style, aspect_ratio=LARGE)


@pytest.mark.parametrize(
    "licence, ratio, price",
    [
        (LicenseType.PERSONAL, PORTRAIT, 20),
        (LicenseType.COMMERCIAL, SQUARE, 15),
        (LicenseType.COMMERCIAL, LARGE, 60),
    ],
)
def test_licence_and_size_make_the_price_together(session, buyer, licence, ratio, price):
    both = making.style(session, **Prices(10, 15).columns())
    [image] = making.order(session, buyer, both, license_type=licence, aspect_ratio=ratio)
    assert image.price_tokens == price


@pytest.mark.parametrize("of_style, price", [(2500, 10_000), (2501, 10_000), (10_000, 10_000)])
def test_no_picture_costs_more_than_the_highest_price(session, of_style, price):
    rich = making.user(session, tokens=10_000)
    dear = making.style(session, price_tokens=of_style)
    [image] = making.order(session, rich, dear, aspect_ratio=LARGE, expected_price_tokens=price)
    assert image.price_tokens == price
    assert ledger.balances(session, rich.id) == Balances(10_000 - price, price, 0)
    assert making.violations(session) == []


@pytest.mark.parametrize("ratio", AspectRatio)
def test_a_try_out_of_every_size_is_free(session, storage, ratio):
    trained = making.trained(session, storage)
    before = ledger.balances(session, trained.artist_id)
    assert making.try_out(session, trained, aspect_ratio=ratio).price_tokens == 0
    assert ledger.balances(session, trained.artist_id) == before


@of_every_size
def test_a_preview_names_the_total_of_the_size(session, buyer, style, ratio, price):
    found = previews.preview(
        session,
        viewer=Viewer(buyer.id),
        style_id=style.id,
        prompt_tags=["boat"],
        negative_tags=[],
        aspect_ratio=ratio,
        seed=None,
        style_strength=1.0,
        count=3,
    )
    assert found.total_price_tokens == 3 * price
