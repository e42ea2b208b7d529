"""/g/:id/like: like a picture by a plain form; scripts use the API."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import DuplicateLike
from webapp.domain.services import likes
from webapp.extensions import db
from webapp.http.access import signed_in, user
from webapp.http.google import local_path

blueprint = Blueprint("likes", __name__)


@blueprint.post("/g/<id:generation_id>/like")
@signed_in
def like(generation_id: int) -> AnyResponse:
    """Like a picture, or with `liked` 0 remove the like, and redirect back."""
    if request.form.get("liked") == "0":
        likes.unlike(db.session(), user=user(), generation_id=generation_id)
    else:
        _like(generation_id)
    image = url_for("pages.generations.show", generation_id=generation_id)
    return redirect(local_path(request.form.get("next", image)), 303)


def _like(generation_id: int) -> None:
    try:
        likes.like(db.session(), user=user(), generation_id=generation_id)
    except DuplicateLike:
        return  # already liked
