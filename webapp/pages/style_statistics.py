"""/studio/styles/:id/statistics: the statistics of a style as a page and as CSV."""

import csv
import io
from dataclasses import dataclass

from flask import Blueprint, Response, render_template
from flask_babel import format_decimal

from webapp.domain.queries import style_statistics
from webapp.domain.queries.style_statistics import Period, StyleStatistics
from webapp.extensions import db
from webapp.http import bodies
from webapp.http.access import signed_in, viewer
from webapp.schemas.style_statistics import StatisticsQuery

blueprint = Blueprint("style_statistics", __name__)
COLUMNS = ("day", "views", "orders", "pictures", "tokens", "conversion_percent")
CHART_HEIGHT = 100  # units of the drawing; the style sheet says how large these are


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one figure by day: (what it says, height in the drawing); `most` is the highest."""

    most: int
    bars: list[tuple[str, float]]


@blueprint.get("/studio/styles/<id:style_id>/statistics")
@signed_in
def show(style_id: int) -> str:
    """Show the statistics of one's own style for a week, a month or a quarter."""
    found = _statistics(style_id)
    has_orders_without_views = any(day.orders and not day.views for day in found.days)
    first = (
        style_statistics.first_view(db.session(), style_id) if has_orders_without_views else None
    )
    return render_template(
        "studio/statistics.html",
        statistics=found,
        first_view=first,
        has_older_orders=any(
            day.orders and not day.views and (first is None or day.day < first)
            for day in found.days
        ),
        periods=list(Period),
        charts={name: _chart(found, name) for name in ("views", "pictures")},
    )


@blueprint.get("/studio/styles/<id:style_id>/statistics.csv")
@signed_in
def export(style_id: int) -> Response:
    """Send the days of the statistics as CSV."""
    found = _statistics(style_id)
    lines = io.StringIO()
    table = csv.writer(lines)
    table.writerow(COLUMNS)
    table.writerows([getattr(day, name) for name in COLUMNS] for day in found.days)
    name = f"style-license-statistics-{style_id}-{found.period}-days.csv"
    return Response(
        lines.getvalue(),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _statistics(style_id: int) -> StyleStatistics:
    query = bodies.query(StatisticsQuery)
    return style_statistics.of_style(
        db.session(), style_id=style_id, viewer=viewer(), period=query.days
    )


def _chart(statistics: StyleStatistics, name: str) -> Chart:
    numbers: list[int] = [getattr(day, name) for day in statistics.days]
    most = max(numbers)
    heights = [CHART_HEIGHT * number / (most or 1) for number in numbers]
    says = [
        f"{day.day}: {format_decimal(number)}"
        for day, number in zip(statistics.days, numbers, strict=True)
    ]
    return Chart(most, list(zip(says, heights, strict=True)))
