from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests import making
from tests.statements import plan_of
from webapp.domain import market
from webapp.domain.models.account import Role, User
from webapp.domain.models.notification import Notification, NotificationType
from webapp.domain.models.style import Style
from webapp.domain.services import generation_refunds, sales


@pytest.fixture
def sold(session, storage):
    """Three images that were delivered today in one style."""
    return making.delivered(session, storage, 3)


def told(session):
    rows = session.scalars(
        select(Notification).where(Notification.type == NotificationType.STYLE_SALES)
    )
    return {(row.recipient_id, row.target_id): row.details for row in rows}


def artist_of(session, image):
    return session.get_one(Style, image.style_id).artist_id


def test_an_artist_is_told_once_what_was_sold_and_refunded_on_a_day(session, sold):
    admin = making.user(session, role=Role.ADMIN)
    generation_refunds.refund_generation(
        session, admin_id=admin.id, generation_id=sold[0].id, reason="It is blank."
    )
    assert sales.notify(session, market.today()) == 1
    assert sales.notify(session, market.today()) == 0
    assert told(session) == {
        (artist_of(session, sold[0]), sold[0].style_id): {
            "day": str(market.today()),
            "sold": 3,
            "earned": sum(image.price_tokens for image in sold),
            "refunded": 1,
            "returned": sold[0].price_tokens,
        }
    }


def test_each_style_is_told_by_itself(session, storage, sold):
    [other] = making.delivered(session, storage, 1)
    assert sales.notify(session, market.today()) == 2
    assert {(target, details["sold"]) for (_, target), details in told(session).items()} == {
        (sold[0].style_id, 3),
        (other.style_id, 1),
    }


@pytest.mark.parametrize("ago", [-1, 1])
def test_a_day_without_sales_is_not_told(session, sold, ago):
    assert sales.notify(session, market.today() - timedelta(days=ago)) == 0


def test_an_order_that_is_not_delivered_is_no_sale(session, storage):
    making.generation(session, storage)
    assert sales.notify(session, market.today()) == 0


def test_nobody_is_told_whose_account_is_closed(session, sold):
    artist_id = artist_of(session, sold[0])
    session.execute(update(User).where(User.id == artist_id).values(is_active=False))
    assert sales.notify(session, market.today()) == 0


def test_only_the_transfers_of_the_day_are_read(session):
    plan = plan_of(session, lambda: sales.notify(session, market.today())).splitlines()
    assert [line for line in plan if "Index Cond" in line and "created_at" in line]
