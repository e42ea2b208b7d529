"""/search: styles and artists by a part of their names and tags."""

from flask import Blueprint, Response

from webapp.domain.models.api_key import Scope
from webapp.domain.queries import search
from webapp.extensions import db, storage
from webapp.http import bodies, envelope
from webapp.http.access import allows_keys, public
from webapp.http.operations import operation
from webapp.schemas.search import Found, SearchQuery

blueprint = Blueprint("search", __name__)


@blueprint.get("/search")
@allows_keys(Scope.READ)
@public
@operation(gives=Found, links={"style_id": "/styles/0/id", "user_id": "/artists/0/id"})
def find(query: SearchQuery) -> Response:
    """Search for styles and artists; a cursor continues a search for one type only."""
    results = search.find(
        db.session(),
        storage(),
        text=query.q,
        kind=query.type,
        filters=query.filters,
        page=bodies.page(query),
    )
    return envelope.success(results)
