"""/users: a user's profile: an artist's page, styles on sale, public pictures, collections."""

from contextlib import suppress

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import DuplicateFollow
from webapp.domain.models.artist_page import MAX_PINNED
from webapp.domain.queries import (
    artist_pages as artist_page_queries,
    collections as collection_queries,
    feed as feed_queries,
    styles as style_queries,
    users as user_queries,
)
from webapp.domain.queries.collections import CollectionView
from webapp.domain.queries.feed import FeedCard, FeedFilter
from webapp.domain.queries.pagination import Page, PageRequest
from webapp.domain.queries.styles import StyleCard, StyleFilter
from webapp.domain.services import follows
from webapp.extensions import db, storage
from webapp.http import bodies
from webapp.http.access import public, signed_in, user, viewer
from webapp.http.google import local_path
from webapp.pages.fragments import is_fragment
from webapp.schemas.fields import PageQuery

blueprint = Blueprint("users", __name__)
STYLES_SHOWN, COLLECTIONS_SHOWN = 12, 5
# Filter: pictures in the artist's styles, by any buyer, or pictures this user ordered.
IN_STYLE, OWN = "style", "own"


@blueprint.get("/users/<id:user_id>")
@public
def show(user_id: int) -> str:
    """Show a user; for htmx, only the next pictures."""
    person = user_queries.profile(db.session(), storage(), user_id=user_id, viewer=viewer())
    of = IN_STYLE if person.artist and request.args.get("of") != OWN else OWN
    page = None
    if person.artist:
        page = artist_page_queries.detail(
            db.session(), storage(), artist_id=user_id, viewer=viewer()
        )
    values = {
        "person": person,
        "page": page,
        "of": of,
        "images": _images(user_id, of),
        "query": _query(of),
        "is_own": viewer().user_id == user_id,
        "max_pinned": MAX_PINNED,
    }
    if is_fragment():
        return render_template("users/images.html", **values)
    return render_template(
        "users/show.html",
        **values,
        styles=_styles(user_id) if person.artist else [],
        collections=_collections(user_id, PageRequest(limit=COLLECTIONS_SHOWN)),
    )


@blueprint.get("/users/<id:user_id>/collections")
@public
def collections(user_id: int) -> str:
    """Show the public collections of a user; for htmx, only the next ones."""
    person = user_queries.profile(db.session(), storage(), user_id=user_id, viewer=viewer())
    page = _collections(user_id, bodies.page(bodies.query(PageQuery)))
    return render_template(
        "users/collection_tiles.html" if is_fragment() else "users/collections.html",
        person=person,
        user_id=user_id,
        collections=page,
        is_own=viewer().user_id == user_id,
    )


@blueprint.post("/users/<id:user_id>/follow")
@signed_in
def follow(user_id: int) -> AnyResponse:
    """Follow a user from a plain form, for browsers without scripts."""
    with suppress(DuplicateFollow):  # sent twice, or from two windows: already followed
        follows.follow(db.session(), user=user(), followed_id=user_id)
    return _back(user_id)


@blueprint.post("/users/<id:user_id>/unfollow")
@signed_in
def unfollow(user_id: int) -> AnyResponse:
    """Unfollow a user from a plain form."""
    follows.unfollow(db.session(), user=user(), followed_id=user_id)
    return _back(user_id)


def _back(user_id: int) -> AnyResponse:
    return redirect(local_path(request.form.get("next", f"/users/{user_id}")), 303)


def _images(user_id: int, of: str) -> Page[FeedCard]:
    filters = FeedFilter(user_id=user_id) if of == OWN else FeedFilter(artist_id=user_id)
    page = bodies.page(bodies.query(PageQuery))
    return feed_queries.pictures(
        db.session(), storage(), viewer=viewer(), filters=filters, page=page
    )


def _styles(user_id: int) -> list[StyleCard]:
    return style_queries.catalogue(
        db.session(),
        storage(),
        filters=StyleFilter(artist_id=user_id),
        viewer=viewer(),
        page=PageRequest(limit=STYLES_SHOWN),
    ).results


def _collections(user_id: int, page: PageRequest) -> Page[CollectionView]:
    return collection_queries.public_of(db.session(), storage(), user_id=user_id, page=page)


def _query(of: str) -> dict[str, list[str]]:
    return {"of": [OWN]} if of == OWN and "of" in request.args else {}
