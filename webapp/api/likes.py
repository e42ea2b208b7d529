"""/generations/:id/like (also /images/:id/like, which toggles), and what one likes."""

from flask import Blueprint, Response

from webapp.domain.errors import DuplicateLike, GenerationNotFound
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import liked
from webapp.domain.services import likes
from webapp.extensions import db, storage
from webapp.http import bodies, envelope
from webapp.http.access import allows_keys, signed_in, user
from webapp.http.operations import operation
from webapp.schemas.fields import Listed, PageQuery
from webapp.schemas.generations import FeedCard
from webapp.schemas.likes import Liked, LikeToggled

blueprint = Blueprint("likes", __name__)
FIRST = {"generation_id": "/results/0/id", "style_id": "/results/0/style/id"}


@blueprint.get("/generations/liked")
@blueprint.get("/images/liked")
@allows_keys(Scope.READ)
@signed_in
@operation(gives=Listed[FeedCard], links=FIRST)
def list_liked(query: PageQuery) -> Response:
    """List the pictures that one likes, the newest like first."""
    page = liked.pictures(db.session(), storage(), user_id=user().id, page=bodies.page(query))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.post("/generations/<id:generation_id>/like")
@signed_in
@operation(gives=Liked, status=201, errors=(DuplicateLike, GenerationNotFound))
def like(generation_id: int) -> Response:
    """Like an image."""
    count = likes.like(db.session(), user=user(), generation_id=generation_id)
    liked = {"is_liked": True, "like_count": count}
    return envelope.created(liked, f"/api/v1/generations/{generation_id}")


@blueprint.delete("/generations/<id:generation_id>/like")
@signed_in
@operation(status=204, errors=(GenerationNotFound,))
def unlike(generation_id: int) -> Response:
    """Like an image no longer."""
    likes.unlike(db.session(), user=user(), generation_id=generation_id)
    return envelope.no_content()


@blueprint.post("/images/<id:generation_id>/like")
@signed_in
@operation(gives=LikeToggled, errors=(GenerationNotFound,))
def toggle(generation_id: int) -> Response:
    """Like an image, or no longer."""
    is_liked, count = likes.toggle(db.session(), user=user(), generation_id=generation_id)
    return envelope.success({"is_liked": is_liked, "like_count": count})
