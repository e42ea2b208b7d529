"""/tags: tags of styles and prompts."""

from flask import Blueprint, Response

from webapp.domain import korean_words
from webapp.domain.errors import StyleNotFound, TagNotFound
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import tags as tag_queries
from webapp.extensions import db
from webapp.http import bodies, envelope
from webapp.http.access import allows_keys, public, viewer
from webapp.http.operations import operation
from webapp.schemas.fields import Listed
from webapp.schemas.tags import KoreanWord, RecommendedTag, TagCard, TagListQuery, TagView

blueprint = Blueprint("tags", __name__)
CACHE_SECONDS = 3600  # for so long a copy may lack the words of a new version


@blueprint.get("/tags")
@allows_keys(Scope.READ)
@public
@operation(gives=Listed[TagCard], links={"tag_id": "/results/0/id"})
def list_tags(query: TagListQuery) -> Response:
    """List the tags in use: the popular ones, or those that contain a text."""
    if query.search is None:
        page = tag_queries.popular(db.session(), page=bodies.page(query))
    else:
        page = tag_queries.search(db.session(), text=query.search, page=bodies.page(query))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.get("/tags/korean")
@allows_keys(Scope.READ)
@public
@operation(gives=Listed[KoreanWord])
def list_korean() -> Response:
    """List the Korean words that stand for tags, all at once; a copy may be kept for an hour."""
    words = envelope.listed(korean_words.words(), None)
    return envelope.cacheable(words, seconds=CACHE_SECONDS)


@blueprint.get("/tags/<id:tag_id>")
@allows_keys(Scope.READ)
@public
@operation(gives=TagView, errors=(TagNotFound,))
def read(tag_id: int) -> Response:
    """Show one tag."""
    return envelope.success(tag_queries.detail(db.session(), tag_id=tag_id))


@blueprint.get("/styles/<id:style_id>/recommended-tags")
@blueprint.get("/styles/<id:style_id>/recommended_tags")
@allows_keys(Scope.READ)
@public
@operation(gives=Listed[RecommendedTag], errors=(StyleNotFound,))
def list_recommended(style_id: int) -> Response:
    """List the tags that are recommended for prompts of a style."""
    tags = tag_queries.recommended(db.session(), style_id=style_id, viewer=viewer())
    return envelope.success(envelope.listed(tags, None))
