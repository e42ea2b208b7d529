"""/tags: the words that styles are found and images are made by."""

from flask import Blueprint, Response

from webapp.api import bodies, envelope
from webapp.api.access import public, viewer
from webapp.domain.services import tag_views
from webapp.extensions import db
from webapp.schemas.tags import TagListQuery

blueprint = Blueprint("tags", __name__)


@blueprint.get("/tags")
@public
def list_tags() -> Response:
    """List the tags in use: the popular ones, or those that contain a text."""
    asked = bodies.query(TagListQuery)
    if asked.search is None:
        page = tag_views.popular(db.session(), page=bodies.page(asked))
    else:
        page = tag_views.search(db.session(), typed=asked.search, page=bodies.page(asked))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/tags/<id:tag_id>")
@public
def read(tag_id: int) -> Response:
    """Show one tag."""
    return envelope.success(tag_views.detail(db.session(), tag_id=tag_id))


@blueprint.get("/styles/<id:style_id>/recommended-tags")
@blueprint.get("/styles/<id:style_id>/recommended_tags")
@public
def list_recommended(style_id: int) -> Response:
    """List what a style is best prompted with."""
    found = tag_views.recommended(db.session(), style_id=style_id, viewer=viewer())
    return envelope.success(envelope.listed(found, None))
