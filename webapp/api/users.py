"""/users/:id: what everybody may know of a person."""

from flask import Blueprint, Response

from webapp.domain.errors import NotFound
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import users as user_queries
from webapp.extensions import db, storage
from webapp.http import envelope
from webapp.http.access import allows_keys, public, viewer
from webapp.http.operations import operation
from webapp.schemas.users import PersonView

blueprint = Blueprint("users", __name__)


@blueprint.get("/users/<id:user_id>")
@allows_keys(Scope.READ)
@public
@operation(gives=PersonView, errors=(NotFound,), links={"user_id": "/id"})
def read(user_id: int) -> Response:
    """Show a person."""
    return envelope.success(
        user_queries.profile(db.session(), storage(), user_id=user_id, viewer=viewer())
    )
