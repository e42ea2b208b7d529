"""/: the public images, newest or most liked first."""

from flask import Blueprint, render_template, request

from webapp.api import bodies
from webapp.api.access import public, viewer
from webapp.domain.services import generation_views
from webapp.domain.services.generation_views import FeedFilter
from webapp.extensions import db, storage
from webapp.pages.fragments import is_fragment
from webapp.schemas.generations import FeedQuery

blueprint = Blueprint("feed", __name__)


@blueprint.get("/")
@public
def show() -> str:
    """Show the feed, or (asked by htmx) only its next cards."""
    asked = bodies.query(FeedQuery)
    sort = "popular" if asked.sort == "popular" else "recent"
    page = generation_views.feed(
        db.session(),
        storage(),
        viewer=viewer(),
        wanted=FeedFilter(sort=sort, tags=tuple(asked.tags), artist_id=asked.artist_id),
        page=bodies.page(asked),
    )
    template = "feed/cards.html" if is_fragment() else "feed/index.html"
    query = request.args.to_dict(flat=False)
    return render_template(template, page=page, sort=sort, tags=asked.tags, query=query)
