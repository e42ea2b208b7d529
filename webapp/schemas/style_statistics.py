"""The query and the answer of the statistics of a style."""

from pydantic import Field

from webapp.domain.queries.style_statistics import Period
from webapp.schemas.fields import Answer, Body, Count, Day, Id, Name, Word


class StatisticsQuery(Body):
    """GET /styles/:id/statistics."""

    days: Period = Field(Period.MONTH, description="how many, today included", examples=[30])


class StatisticsTotals(Answer):
    """What happened in some time, without the artist's own views and orders."""

    views: Count = Field(description="of the page of the style; one of each person and day")
    orders: Count = Field(
        description="those of which a picture was delivered and not refunded, by their own time"
    )
    pictures: Count
    tokens: Count
    conversion_percent: float | None = Field(
        ge=0,
        examples=[12.5],
        description="conversion: orders for every 100 views, of the days with views",
    )


class StatisticsDay(StatisticsTotals):
    """What happened on one day."""

    day: Day


class TagUse(Answer):
    """A tag of orders that at least three buyers used."""

    tag: Word
    buyers: int = Field(ge=3, examples=[4])


class StyleStatistics(Answer):
    """GET /styles/:id/statistics: in total, by day, oldest first, and tags, most used first."""

    style_id: Id
    style_name: Name
    period: Period = Field(examples=[30])
    totals: StatisticsTotals
    days: list[StatisticsDay]
    tags: list[TagUse]
