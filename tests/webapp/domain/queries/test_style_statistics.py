from datetime import timedelta

import pytest
from sqlalchemy import update

from tests import making
from tests.statements import plan_of
from webapp.domain import market
from webapp.domain.errors import StyleNotFound
from webapp.domain.models.account import Role, User
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Tag
from webapp.domain.models.style_view import StyleView
from webapp.domain.queries import style_statistics
from webapp.domain.queries.style_statistics import Period, Totals, UsedTag
from webapp.domain.queries.viewing import ANYBODY, Viewer
from webapp.domain.services import generation_refunds, leaving

KNOWN = "boat"  # the tag that every order has, because a style knows it


@pytest.fixture
def style(session, storage):
    return making.style(session, storage)


@pytest.fixture
def sell(session, storage, style):
    """Deliver an order of a new buyer, or of this one; returns its pictures."""

    def sold(*tags, buyer=None, ago=0, count=1):
        buyer = buyer or making.user(session)
        words = [KNOWN, *tags]
        pictures = making.order(session, buyer, style, prompt_tags=words, count=count)
        for picture in pictures:
            making.finish(session, storage, picture)
            when = picture.created_at - timedelta(days=ago)
            session.execute(
                update(Generation).where(Generation.id == picture.id).values(created_at=when)
            )
        return pictures

    return sold


@pytest.fixture
def statistics(session, style):
    def read(period=Period.WEEK):
        viewer = Viewer(style.artist_id)
        return style_statistics.of_style(session, style_id=style.id, viewer=viewer, period=period)

    return read


def look(session, style, views, ago=0):
    day = market.today() - timedelta(days=ago)
    session.add(StyleView(style_id=style.id, day=day, views=views))
    session.flush()


def leave(session, user_id):
    person = session.get_one(User, user_id)
    leaving.leave(session, user=person, confirm=person.username)


def used(found):
    return {each.tag: each.buyers for each in found.tags if each.tag != KNOWN}


def test_views_and_sales_are_counted_by_day(session, style, sell, statistics):
    look(session, style, 8)
    look(session, style, 2, ago=6)
    look(session, style, 50, ago=7)
    sell(count=2)
    sell(ago=6)
    sell(ago=7)
    making.order(session, making.user(session), style)  # not delivered yet
    found = statistics()
    assert found.totals == Totals(10, 2, 3, 30, 20.0)
    assert [each.day for each in found.days] == [
        market.today() - timedelta(days=ago) for ago in range(6, -1, -1)
    ]
    first, *between, last = found.days
    assert (first.views, first.orders, first.pictures, first.tokens) == (2, 1, 1, 10)
    assert (last.views, last.orders, last.pictures, last.tokens) == (8, 1, 2, 20)
    assert (first.conversion_percent, last.conversion_percent) == (50.0, 12.5)
    assert {(each.views, each.orders, each.conversion_percent) for each in between} == {
        (0, 0, None)
    }


@pytest.mark.parametrize("period", Period)
def test_a_period_has_as_many_days_as_it_says(session, style, statistics, period):
    for ago in range(0, 100, 1):
        look(session, style, 1, ago=ago)
    found = statistics(period)
    assert (len(found.days), found.totals.views) == (period, period)


def test_a_day_begins_at_midnight_of_the_market(session, style, sell, statistics):
    sell()
    midnight, _ = market.bounds(market.today())
    for moment, by_day in [(midnight, [0, 1]), (midnight - timedelta(microseconds=1), [1, 0])]:
        session.execute(update(Generation).values(created_at=moment))
        assert [each.pictures for each in statistics().days[-2:]] == by_day


def test_refunded_pictures_and_the_artists_own_are_left_out(session, style, sell, statistics):
    admin = making.user(session, role=Role.ADMIN)
    [refunded] = sell()
    generation_refunds.refund_generation(
        session, admin_id=admin.id, generation_id=refunded.id, reason="It is blank."
    )
    sell(buyer=session.get(User, style.artist_id))
    assert statistics().totals == Totals(0, 0, 0, 0, None)


def test_days_before_views_were_counted_do_not_raise_the_conversion(
    session, style, sell, statistics
):
    sell(ago=1)
    sell()
    look(session, style, 4)
    assert statistics().totals == Totals(4, 2, 2, 20, 25.0)


def test_sales_of_other_styles_are_not_among_them(session, storage, sell, statistics):
    making.delivered(session, storage, 2)
    sell()
    assert statistics().totals.pictures == 1


def test_a_tag_is_shown_once_three_buyers_used_it(sell, statistics):
    sell("fog", "pier")
    sell("fog", "rain", count=4)
    assert used(statistics()) == {}
    sell("fog", "pier", "rain")
    assert used(statistics()) == {"fog": 3}
    sell("pier", "lantern")
    assert statistics().tags == [UsedTag(KNOWN, 4), UsedTag("fog", 3), UsedTag("pier", 3)]


def test_one_buyer_with_many_orders_is_one_buyer(session, sell, statistics):
    buyer = making.user(session)
    for _ in range(4):
        sell("lantern", buyer=buyer)
    assert used(statistics()) == {}


def test_the_artist_is_none_of_the_three(session, style, sell, statistics):
    """Else two buyers' tags could be read by ordering them once."""
    sell("fog")
    sell("fog")
    sell("fog", buyer=session.get(User, style.artist_id))
    assert used(statistics()) == {}


def test_tags_are_those_of_the_period(sell, statistics):
    sell("fog", ago=7)
    sell("fog")
    sell("fog")
    assert used(statistics()) == {}
    assert used(statistics(Period.MONTH)) == {"fog": 3}


def test_unpaid_and_undelivered_orders_show_no_tags(session, style, statistics):
    for _ in range(3):
        making.order(session, making.user(session), style, prompt_tags=[KNOWN, "fog"])
    assert statistics().tags == []
    assert used(statistics()) == {}


@pytest.mark.parametrize(
    "hide",
    [
        lambda session, picture: session.execute(
            update(Generation).where(Generation.id == picture.id).values(is_flagged=True)
        ),
        lambda session, picture: leave(session, picture.user_id),
    ],
    ids=["hidden by administrators", "of somebody who left"],
)
def test_pictures_that_are_gone_lend_no_tags(session, sell, statistics, hide):
    [picture], _, _ = sell("fog"), sell("fog"), sell("fog")
    assert used(statistics()) == {"fog": 3}
    hide(session, picture)
    assert used(statistics()) == {}


@pytest.mark.parametrize("blocked", [{"is_flagged": True}, {"is_active": False}])
def test_blocked_tags_are_not_shown(session, sell, statistics, blocked):
    for _ in range(3):
        sell("fog", "pier")
    session.add(Tag(name="fog", **blocked))
    session.flush()
    assert used(statistics()) == {"pier": 3}


def test_only_the_artist_and_administrators_read_them(session, style):
    admin = making.user(session, role=Role.ADMIN)
    for viewer in (Viewer(style.artist_id), Viewer.of(admin)):
        assert style_statistics.of_style(
            session, style_id=style.id, viewer=viewer, period=Period.WEEK
        )
    for viewer in (ANYBODY, Viewer(admin.id), Viewer(0)):
        with pytest.raises(StyleNotFound):
            style_statistics.of_style(session, style_id=style.id, viewer=viewer, period=Period.WEEK)


def test_sales_are_found_by_their_index(session, statistics):
    plan = plan_of(session, statistics)
    assert "ix_generations_sold" in plan
    assert "Seq Scan on generations" not in plan
    assert "Seq Scan on style_views" not in plan
