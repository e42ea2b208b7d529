"""What an artist learns about a style: views, orders and the usual tags of its buyers, by day.

Days are those of the market. The artist's own orders are not part of it, and neither are pictures
that failed or were refunded.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, Date, all_, cast, func, or_, select
from sqlalchemy.orm import Session

from webapp.domain import market
from webapp.domain.errors import StyleNotFound
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.style import MIN_USERS, Style, Tag
from webapp.domain.models.style_view import StyleView
from webapp.domain.pieces import is_among
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import ledger
from webapp.domain.settings import settings

TAGS_SHOWN, TAGS_LOOKED_UP = 20, 100
# Their tags are read from the table, not from an index.
PICTURES_READ = 5_000


class Period(IntEnum):
    """How many days, today included."""

    WEEK = 7
    MONTH = 30
    QUARTER = 90


@dataclass(frozen=True, slots=True)
class Totals:
    """What happened in some time.

    Attributes:
        views: of the page of the style, at most one of each person and day.
        orders: those of which at least one picture was delivered and not refunded.
        pictures: delivered and not refunded.
        tokens: what these cost.
        conversion_percent: orders for every 100 views, of the days with views; None without views.

    """

    views: int
    orders: int
    pictures: int
    tokens: int
    conversion_percent: float | None


@dataclass(frozen=True, slots=True)
class Day(Totals):
    """What happened on one day of the market; an order belongs to the day of its POST."""

    day: date


@dataclass(frozen=True, slots=True)
class UsedTag:
    """A tag of orders, and how many buyers used it."""

    tag: str
    buyers: int


@dataclass(frozen=True, slots=True)
class StyleStatistics:
    """The statistics of one style: in total, by day, oldest first, and tags, most used first."""

    style_id: int
    style_name: str
    period: Period
    totals: Totals
    days: list[Day]
    tags: list[UsedTag]


def of_style(session: Session, *, style_id: int, viewer: Viewer, period: Period) -> StyleStatistics:
    """Return the statistics of a style for its artist and administrators.

    Raises StyleNotFound for all others.
    """
    style = session.execute(
        select(Style.id, Style.name, Style.artist_id).where(Style.id == style_id)
    ).one_or_none()
    if style is None or not viewer.may_manage(style.artist_id):
        raise StyleNotFound(id=style_id)
    until = market.today()
    days = [until - timedelta(days=ago) for ago in reversed(range(period))]
    sold = _sold(style.id, style.artist_id, days[0])
    views, sales = _views(session, style.id, days[0]), _sales(session, sold)
    by_day = [_day(day, views.get(day, 0), *sales.get(day, (0, 0, 0))) for day in days]
    return StyleStatistics(
        style_id=style.id,
        style_name=style.name,
        period=period,
        totals=_total(by_day),
        days=by_day,
        tags=_tags(session, sold),
    )


def first_view(session: Session, style_id: int) -> date | None:
    """Return the first day on which a view of a style was counted; None before that.

    Orders may be older: views have been counted for a shorter time, and are kept for about a year.
    """
    return session.scalar(select(func.min(StyleView.day)).where(StyleView.style_id == style_id))


def _sold(style_id: int, artist_id: int, first: date) -> list[ColumnElement[bool]]:
    """Return the conditions of what was sold of a style since the beginning of a day."""
    return [
        Generation.style_id == style_id,
        Generation.created_at >= market.bounds(first)[0],
        # In the words of the index ix_generations_sold.
        Generation.status == GenerationStatus.COMPLETED,
        Generation.price_tokens > 0,
        Generation.user_id != artist_id,
        ~ledger.is_reversed(),
    ]


def _views(session: Session, style_id: int, first: date) -> dict[date, int]:
    columns = (StyleView.day, StyleView.views)
    rows = session.execute(
        select(*columns).where(StyleView.style_id == style_id, StyleView.day >= first)
    )
    return {row.day: row.views for row in rows}


def _sales(session: Session, sold: list[ColumnElement[bool]]) -> dict[date, tuple[int, int, int]]:
    """Return the orders, pictures and tokens of each day with sales."""
    # One expression for both places: a parameter that is sent twice is two expressions.
    day: ColumnElement[Any] = cast(
        func.timezone(settings().market_timezone, Generation.created_at), Date
    ).label("day")
    rows = session.execute(
        select(
            day,
            func.count(Generation.order_id.distinct()).label("orders"),
            func.count().label("pictures"),
            func.sum(Generation.price_tokens).label("tokens"),
        )
        .where(*sold)
        .group_by(day)
    )
    return {row.day: (row.orders, row.pictures, int(row.tokens)) for row in rows}


def _tags(session: Session, sold: list[ColumnElement[bool]]) -> list[UsedTag]:
    """Return the tags that several buyers used, so that none tells what one person ordered.

    Those of hidden pictures, of people who left and of blocked tags are not counted.
    """
    newest = (
        select(Generation.user_id, Generation.prompt_tags)
        .where(*sold, Generation.deleted_at.is_(None), ~Generation.is_flagged)
        .order_by(Generation.created_at.desc(), Generation.id.desc())
        .limit(PICTURES_READ)
        .subquery("newest")
    )
    each = (
        select(newest.c.user_id, func.unnest(newest.c.prompt_tags).label("tag"))
        .distinct()
        .subquery("each")
    )
    buyers = func.count().label("buyers")
    used = (
        select(each.c.tag, buyers)
        .group_by(each.c.tag)
        .having(func.count() >= MIN_USERS)
        .order_by(buyers.desc(), each.c.tag)
        .limit(TAGS_LOOKED_UP)
        .cte("used")
    )
    # Arrays, so that each tag is looked up in the index; a join would read all tags.
    blocked = select(Tag.name).where(
        is_among(Tag.name, select(used.c.tag)), or_(Tag.is_flagged, Tag.is_active.is_(False))
    )
    rows = session.execute(
        select(used.c.tag, used.c.buyers)
        .where(used.c.tag != all_(func.array(blocked.scalar_subquery())))
        .order_by(used.c.buyers.desc(), used.c.tag)
        .limit(TAGS_SHOWN)
    )
    return [UsedTag(row.tag, row.buyers) for row in rows]


def _day(day: date, views: int, orders: int, pictures: int, tokens: int) -> Day:
    return Day(views, orders, pictures, tokens, _conversion(orders, views), day)


def _total(days: list[Day]) -> Totals:
    views = sum(each.views for each in days)
    # Nobody counted views before there was a table for them.
    orders_of_views = sum(each.orders for each in days if each.views)
    return Totals(
        views=views,
        orders=sum(each.orders for each in days),
        pictures=sum(each.pictures for each in days),
        tokens=sum(each.tokens for each in days),
        conversion_percent=_conversion(orders_of_views, views),
    )


def _conversion(orders: int, views: int) -> float | None:
    return round(100 * orders / views, 1) if views else None
