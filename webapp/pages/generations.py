"""/g: one image with its proof; and the tiles that fill in while images are being made."""

from flask import Blueprint, render_template, request

from webapp.api.access import public, signed_in, viewer
from webapp.domain.errors import GenerationNotFound
from webapp.domain.services import generation_views
from webapp.extensions import db, storage

blueprint = Blueprint("generations", __name__)
MAX_TILES = 12


@blueprint.get("/g/<id:generation_id>")
@public
def show(generation_id: int) -> str:
    """Show one image; private and unfinished ones to their owner only."""
    image = generation_views.detail(
        db.session(), storage(), generation_id=generation_id, viewer=viewer()
    )
    is_owner = viewer().may_manage(image["user"]["id"])
    return render_template("generations/show.html", image=image, is_owner=is_owner)


@blueprint.get("/g/tiles")
@signed_in
def tiles() -> str:
    """Show where the named images of the asker stand, as pieces of a page."""
    images = []
    for generation_id in request.args.getlist("id", type=int)[:MAX_TILES]:
        image = generation_views.detail(
            db.session(), storage(), generation_id=generation_id, viewer=viewer()
        )
        if not viewer().may_manage(image["user"]["id"]):
            raise GenerationNotFound(id=generation_id)
        images.append(image)
    return render_template("generations/tiles.html", images=images)
