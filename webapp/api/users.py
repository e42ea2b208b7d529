"""/users/:id: what everybody may know of a person."""

from flask import Blueprint, Response

from webapp.api import envelope
from webapp.api.access import public, viewer
from webapp.api.operations import operation
from webapp.domain.errors import NotFound
from webapp.domain.services import user_views
from webapp.extensions import db, storage
from webapp.schemas.users import PersonView

blueprint = Blueprint("users", __name__)


@blueprint.get("/users/<id:user_id>")
@public
@operation(gives=PersonView, errors=(NotFound,), links={"user_id": "/id"})
def read(user_id: int) -> Response:
    """Show a person."""
    return envelope.success(
        user_views.profile(db.session(), storage(), user_id=user_id, viewer=viewer())
    )
