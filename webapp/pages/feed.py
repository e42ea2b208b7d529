"""/: public pictures, most liked or newest first, or of followed users.

Visitors see the most liked ones first, people who are signed in the newest.
"""

from collections import Counter

from flask import Blueprint, render_template, request

from webapp.domain.errors import InvalidTagLanguage, NotFound, Unauthorized, ValidationFailed
from webapp.domain.queries import (
    feed as feed_queries,
    styles as style_queries,
    training as training_queries,
)
from webapp.domain.queries.feed import FeedCard, FeedFilter
from webapp.domain.queries.pagination import Page, PageRequest
from webapp.domain.queries.styles import StyleCard, StyleFilter
from webapp.domain.queries.training import TrainingUnderWay
from webapp.domain.services.tags import MAX_NAME_TAG_LENGTH, normalise
from webapp.extensions import app_settings, db, storage
from webapp.http import bodies
from webapp.http.access import public, viewer
from webapp.pages import sorting
from webapp.pages.fragments import is_fragment
from webapp.schemas.generations import FeedQuery

blueprint = Blueprint("feed", __name__)
MAX_SUGGESTED_TAGS, STYLES_OFFERED = 8, 3
# Parameters that are no filters: they differ from page to page of the same list.
PAGE_PARAMETERS = ("cursor", "limit")


@blueprint.get("/")
@public
def show() -> str | tuple[str, int]:
    """Show the feed; for htmx, only the next cards."""
    filters = bodies.query(FeedQuery)
    filters = filters.model_copy(update={"sort": sorting.chosen(filters.sort)})
    if filters.following and viewer().user_id is None:
        raise Unauthorized
    try:
        page = _page(filters)
    except ValidationFailed as error:
        if "tags" not in error.details["fields"]:
            raise
        filters = _without_wrong_tags(filters)
        return _render(filters, _page(filters), error), error.status
    return _render(filters, page)


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


def _page(query: FeedQuery) -> Page[FeedCard]:
    filters = FeedFilter(
        sort=query.sort,
        tags=tuple(query.tags),
        artist_id=query.artist_id,
        aspect_ratio=query.aspect_ratio,
        following=query.following,
    )
    return feed_queries.pictures(
        db.session(), storage(), viewer=viewer(), filters=filters, page=bodies.page(query)
    )


def _without_wrong_tags(filters: FeedQuery) -> FeedQuery:
    """Return the filters of the first page without the texts that cannot be tags."""
    tags = [tag for tag in filters.tags if _is_tag(tag)]
    return filters.model_copy(update={"tags": tags, "cursor": None})


def _is_tag(text: str) -> bool:
    try:
        return bool(normalise([text], max_length=MAX_NAME_TAG_LENGTH))
    except (InvalidTagLanguage, ValidationFailed):
        return False


def _render(
    filters: FeedQuery, page: Page[FeedCard], problem: ValidationFailed | None = None
) -> str:
    query = request.args.to_dict(flat=False)
    if problem:
        query.pop("cursor", None)
        query["tags"] = filters.tags
    query = sorting.named(query, filters.sort)
    return render_template(
        "feed/cards.html" if is_fragment() else "feed/index.html",
        page=page,
        filters=filters,
        is_first="cursor" not in query,
        query={name: values for name, values in query.items() if name not in PAGE_PARAMETERS},
        suggested_tags=_suggested_tags(filters.tags, page),
        usual_sort=sorting.usual(),
        problem=problem,
        training=None if is_fragment() else _training(),
        knowing=[] if page.results else _styles_that_know(filters.tags),
    )


def _styles_that_know(tags: list[str]) -> list[StyleCard]:
    """Return the most popular styles on sale that have all tags, to order the first picture in."""
    if not tags:
        return []
    filters = StyleFilter(sort="popular", tags=tuple(tags))
    return style_queries.catalogue(
        db.session(),
        storage(),
        filters=filters,
        viewer=viewer(),
        page=PageRequest(limit=STYLES_OFFERED),
    ).results


def _suggested_tags(chosen: list[str], page: Page[FeedCard]) -> list[str]:
    """Return tags of the pictures on this page, so that no filter leads to an empty page."""
    counts = Counter(tag for image in page.results for tag in image.tags if tag not in chosen)
    return [tag for tag, _ in counts.most_common(MAX_SUGGESTED_TAGS)]
