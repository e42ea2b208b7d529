"""Atom feeds (RFC 4287) of public pictures: all, those of one style, those of one artist.

A feed is the same for everybody, so that it can be cached.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Blueprint, make_response, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.queries import feed, style_detail, users
from webapp.domain.queries.feed import FeedCard, FeedFilter
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.viewing import ANYBODY
from webapp.extensions import db, storage
from webapp.http.access import public

blueprint = Blueprint("atom", __name__)
PICTURES = 30
MAX_AGE_SECONDS = 600
EMPTY_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@blueprint.get("/feed.xml")
@public
def gallery() -> AnyResponse:
    """Return the newest public pictures."""
    return _answer("Style License", "/", FeedFilter())


@blueprint.get("/styles/<id:style_id>/feed.xml")
@public
def of_style(style_id: int) -> AnyResponse:
    """Return the newest public pictures in a style on sale."""
    style = style_detail.detail(db.session(), storage(), style_id=style_id, viewer=ANYBODY)
    return _answer(
        f"{style.name} · {style.artist.artist_name}",
        f"/styles/{style_id}",
        FeedFilter(style_id=style_id),
    )


@blueprint.get("/users/<id:user_id>/feed.xml")
@public
def of_user(user_id: int) -> AnyResponse:
    """Return the newest public pictures in the styles of an artist, or ordered by a user."""
    person = users.profile(db.session(), storage(), user_id=user_id, viewer=ANYBODY)
    if person.artist is None:
        name, filters = person.display_name, FeedFilter(user_id=user_id)
    else:
        name, filters = person.artist.artist_name, FeedFilter(artist_id=user_id)
    return _answer(name, f"/users/{user_id}", filters)


def _answer(title: str, page_path: str, filters: FeedFilter) -> AnyResponse:
    page = PageRequest(limit=PICTURES)
    found = feed.pictures(db.session(), storage(), viewer=ANYBODY, filters=filters, page=page)
    response = make_response(
        render_template(
            "atom/pictures.xml",
            title=title if page_path == "/" else f"{title} · Style License",
            path=request.path,
            page_path=page_path,
            pictures=found.results,
            updated_at=_newest(found.results),
            image_html=_image_html,
        )
    )
    response.mimetype = "application/atom+xml"
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"
    response.add_etag()
    return response.make_conditional(request)


def _newest(pictures: Sequence[FeedCard]) -> datetime:
    return max((picture.created_at for picture in pictures), default=EMPTY_SINCE)


def _image_html(picture: FeedCard, url: str) -> Markup:
    """Return the picture as HTML, marked as made by AI; the same text in every language."""
    return Markup(
        '<p><img src="{}" width="{}" height="{}" alt="{}"></p><p>AI · {} · {}</p>'
    ).format(
        url,
        picture.width,
        picture.height,
        ", ".join(picture.tags),
        picture.style.name,
        picture.style.artist.artist_name,
    )
