"""/search: styles and artists by any part of their names and tags."""

from flask import Blueprint, Response

from webapp.api import bodies, envelope
from webapp.api.access import public
from webapp.domain.services import search
from webapp.extensions import db, storage
from webapp.schemas.search import SearchQuery

blueprint = Blueprint("search", __name__)


@blueprint.get("/search")
@public
def find() -> Response:
    """Find styles and artists."""
    asked = bodies.query(SearchQuery)
    found = search.find(
        db.session(), storage(), typed=asked.q, kind=asked.type, page=bodies.page(asked)
    )
    return envelope.success(found)
