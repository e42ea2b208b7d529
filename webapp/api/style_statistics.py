"""/styles/:id/statistics: views, orders and usual tags of a style, for its artist."""

from flask import Blueprint, Response

from webapp.domain.errors import StyleNotFound
from webapp.domain.queries import style_statistics
from webapp.extensions import db
from webapp.http import envelope
from webapp.http.access import signed_in, viewer
from webapp.http.operations import operation
from webapp.schemas.style_statistics import StatisticsQuery, StyleStatistics

blueprint = Blueprint("style_statistics", __name__)


@blueprint.get("/styles/<id:style_id>/statistics")
@signed_in
@operation(gives=StyleStatistics, errors=(StyleNotFound,))
def read(style_id: int, query: StatisticsQuery) -> Response:
    """Show the views, orders and usual tags of one's own style by day."""
    found = style_statistics.of_style(
        db.session(), style_id=style_id, viewer=viewer(), period=query.days
    )
    return envelope.success(found)
