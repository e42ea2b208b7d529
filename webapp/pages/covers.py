"""Lasting addresses of the pictures that stand for a style and an artist in link previews."""

from flask import Blueprint
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import NotFound
from webapp.domain.queries import style_detail, styles
from webapp.domain.queries.pagination import PageRequest
from webapp.domain.queries.styles import StyleFilter
from webapp.domain.queries.viewing import ANYBODY
from webapp.extensions import db, storage
from webapp.http import headers
from webapp.http.access import public

blueprint = Blueprint("covers", __name__)


@blueprint.get("/styles/<id:style_id>/cover")
@public
def of_style(style_id: int) -> AnyResponse:
    """Redirect to the sample that the artist chose as the cover of a style on sale."""
    style = style_detail.detail(db.session(), storage(), style_id=style_id, viewer=ANYBODY)
    return _redirect(style.sample_images[0] if style.sample_images else None)


@blueprint.get("/users/<id:user_id>/cover")
@public
def of_artist(user_id: int) -> AnyResponse:
    """Redirect to a small copy of the cover of the artist's newest style on sale."""
    found = styles.catalogue(
        db.session(),
        storage(),
        filters=StyleFilter(artist_id=user_id),
        viewer=ANYBODY,
        page=PageRequest(limit=1),
    ).results
    return _redirect(found[0].thumbnail_url if found else None)


def _redirect(url: str | None) -> AnyResponse:
    if url is None:
        raise NotFound(resource="cover")
    return headers.redirect_to_file(url)
