"""/styles/:id/shown-artworks: which artworks an artist shows beside the samples of a style."""

from flask import Blueprint, Response, g

from webapp.domain.errors import ArtworkNotFound, Forbidden, StyleNotFound
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import shown_artworks as shown_queries
from webapp.domain.services import shown_artworks
from webapp.domain.services.shown_artworks import Choice
from webapp.extensions import db, storage
from webapp.http import envelope
from webapp.http.access import allows_keys, signed_in, user, viewer
from webapp.http.operations import operation
from webapp.schemas.shown_artworks import ArtworkChoices, ShownArtworks

blueprint = Blueprint("shown_artworks", __name__)


@blueprint.get("/styles/<id:style_id>/shown-artworks")
@allows_keys(Scope.READ)
@signed_in
@operation(gives=ArtworkChoices, errors=(StyleNotFound,))
def read(style_id: int) -> Response:
    """List the accepted artworks of one's own style, and which of them are shown."""
    return _choices(style_id)


@blueprint.put("/styles/<id:style_id>/shown-artworks")
@allows_keys(Scope.MANAGE)
@signed_in
@operation(gives=ArtworkChoices, errors=(ArtworkNotFound, Forbidden, StyleNotFound))
def choose(style_id: int, body: ShownArtworks) -> Response:
    """Show these artworks of one's own style to everybody, and no others."""
    shown_artworks.choose(
        db.session(),
        user=user(),
        style_id=style_id,
        chosen=[Choice(each.artwork_id, each.title) for each in body.artworks],
        request_id=g.request_id,
    )
    return _choices(style_id)


def _choices(style_id: int) -> Response:
    found = shown_queries.choices(db.session(), storage(), style_id=style_id, viewer=viewer())
    return envelope.success(found)
