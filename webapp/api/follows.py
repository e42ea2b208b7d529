"""/users/:id/follow (also /artists/:id/follow, which takes turns), and whom one follows."""

from flask import Blueprint, Response

from webapp.api import bodies, envelope
from webapp.api.access import signed_in, user
from webapp.domain.services import follows, user_views
from webapp.extensions import db, storage
from webapp.schemas.fields import PageQuery

blueprint = Blueprint("follows", __name__)


@blueprint.get("/users/me/following")
@blueprint.get("/users/following")
@signed_in
def list_following() -> Response:
    """List whom one follows, the latest first."""
    asked = bodies.query(PageQuery)
    page = user_views.following(db.session(), storage(), user_id=user().id, page=bodies.page(asked))
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.post("/users/<id:user_id>/follow")
@signed_in
def follow(user_id: int) -> Response:
    """Follow a person."""
    count = follows.follow(db.session(), user=user(), followed_id=user_id)
    return envelope.created(
        {"is_following": True, "follower_count": count}, f"/api/v1/users/{user_id}/follow"
    )


@blueprint.delete("/users/<id:user_id>/follow")
@signed_in
def unfollow(user_id: int) -> Response:
    """Follow a person no longer."""
    follows.unfollow(db.session(), user=user(), followed_id=user_id)
    return envelope.no_content()


@blueprint.post("/artists/<id:user_id>/follow")
@signed_in
def toggle(user_id: int) -> Response:
    """Follow a person, or no longer."""
    is_following, count = follows.toggle(db.session(), user=user(), followed_id=user_id)
    return envelope.success({"is_following": is_following, "follower_count": count})
