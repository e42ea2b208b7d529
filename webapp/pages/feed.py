"""/: public pictures, newest or most liked first, or of followed users."""

from collections import Counter

from flask import Blueprint, render_template, request

from webapp.domain.errors import NotFound, Unauthorized, ValidationFailed
from webapp.domain.queries import feed as feed_queries
from webapp.domain.queries import training as training_queries
from webapp.domain.queries.feed import FeedFilter
from webapp.domain.queries.pagination import Page
from webapp.domain.queries.training import TrainingUnderWay
from webapp.extensions import app_settings, db, storage
from webapp.http import bodies
from webapp.http.access import public, viewer
from webapp.pages.fragments import is_fragment
from webapp.schemas.generations import FeedQuery

blueprint = Blueprint("feed", __name__)
TAGS_OFFERED = 8
# Not a filter: every page of the list has its own.
PLACE = ("cursor", "limit")


@blueprint.get("/")
@public
def show() -> str | tuple[str, int]:
    """Show the feed; for htmx, only the next cards."""
    asked = bodies.query(FeedQuery)
    if asked.following and viewer().user_id is None:
        raise Unauthorized
    try:
        page = _page(asked)
    except ValidationFailed as error:
        if "tags" not in error.details["fields"]:
            raise
        return _shown(asked, Page(results=[], next_cursor=None), is_bad=True), error.status
    return _shown(asked, page)


@blueprint.get("/training")
@public
def training() -> str:
    """Show the style in training, as a fragment of the feed of a demo site."""
    if not app_settings().is_demo:
        raise NotFound(resource="training")
    return render_template("feed/training.html", training=_training())


def _training() -> TrainingUnderWay | None:
    """Return the training that visitors of a demo site can follow; elsewhere it is private."""
    return training_queries.under_way(db.session()) if app_settings().is_demo else None


def _page(asked: FeedQuery) -> Page:
    wanted = FeedFilter(
        sort="popular" if asked.sort == "popular" else "recent",
        tags=tuple(asked.tags),
        artist_id=asked.artist_id,
        following=asked.following,
    )
    return feed_queries.pictures(
        db.session(), storage(), viewer=viewer(), wanted=wanted, page=bodies.page(asked)
    )


def _shown(asked: FeedQuery, page: Page, *, is_bad: bool = False) -> str:
    query = request.args.to_dict(flat=False)
    return render_template(
        "feed/cards.html" if is_fragment() else "feed/index.html",
        page=page,
        asked=asked,
        is_first="cursor" not in query,
        query={name: values for name, values in query.items() if name not in PLACE},
        offered=_offered(asked.tags, page),
        is_bad=is_bad,
        training=None if is_fragment() else _training(),
    )


def _offered(chosen: list[str], page: Page) -> list[str]:
    """Return tags of the pictures on this page, so that no filter leads to an empty page."""
    found = Counter(tag for image in page.results for tag in image["tags"] if tag not in chosen)
    return [tag for tag, _ in found.most_common(TAGS_OFFERED)]
