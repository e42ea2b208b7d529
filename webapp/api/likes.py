"""/generations/:id/like (also /images/:id/like, which takes turns)."""

from flask import Blueprint, Response

from webapp.api import envelope
from webapp.api.access import signed_in, user
from webapp.domain.services import likes
from webapp.extensions import db

blueprint = Blueprint("likes", __name__)


@blueprint.post("/generations/<id:generation_id>/like")
@signed_in
def like(generation_id: int) -> Response:
    """Like an image."""
    count = likes.like(db.session(), user=user(), generation_id=generation_id)
    return envelope.created(
        {"is_liked": True, "like_count": count}, f"/api/v1/generations/{generation_id}/like"
    )


@blueprint.delete("/generations/<id:generation_id>/like")
@signed_in
def unlike(generation_id: int) -> Response:
    """Like an image no longer."""
    likes.unlike(db.session(), user=user(), generation_id=generation_id)
    return envelope.no_content()


@blueprint.post("/images/<id:generation_id>/like")
@signed_in
def toggle(generation_id: int) -> Response:
    """Like an image, or no longer."""
    is_liked, count = likes.toggle(db.session(), user=user(), generation_id=generation_id)
    return envelope.success({"is_liked": is_liked, "like_count": count})
