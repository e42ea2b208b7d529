"""/users/:id/follow (also /artists/:id/follow, which toggles), and whom one follows."""

from flask import Blueprint, Response

from webapp.domain.errors import DuplicateFollow, NotFound, SelfFollowNotAllowed
from webapp.domain.models.api_key import Scope
from webapp.domain.queries import users as user_queries
from webapp.domain.services import follows
from webapp.extensions import db, storage
from webapp.http import bodies, envelope
from webapp.http.access import allows_keys, signed_in, user
from webapp.http.operations import operation
from webapp.schemas.fields import Listed, PageQuery
from webapp.schemas.follows import Followed, FollowToggled, PersonFollowed

blueprint = Blueprint("follows", __name__)


@blueprint.get("/users/me/following")
@blueprint.get("/users/following")
@allows_keys(Scope.READ)
@signed_in
@operation(gives=Listed[PersonFollowed], links={"user_id": "/results/0/id"})
def list_following(query: PageQuery) -> Response:
    """List whom one follows, the latest first."""
    page = user_queries.following(
        db.session(), storage(), user_id=user().id, page=bodies.page(query)
    )
    return envelope.success(envelope.listed(page.results, page.next_cursor))


@blueprint.post("/users/<id:user_id>/follow")
@signed_in
@operation(gives=Followed, status=201, errors=(SelfFollowNotAllowed, DuplicateFollow, NotFound))
def follow(user_id: int) -> Response:
    """Follow a person."""
    count = follows.follow(db.session(), user=user(), followed_id=user_id)
    return envelope.created(
        {"is_following": True, "follower_count": count}, f"/api/v1/users/{user_id}/follow"
    )


@blueprint.delete("/users/<id:user_id>/follow")
@signed_in
@operation(status=204, errors=(NotFound,))
def unfollow(user_id: int) -> Response:
    """Follow a person no longer."""
    follows.unfollow(db.session(), user=user(), followed_id=user_id)
    return envelope.no_content()


@blueprint.post("/artists/<id:user_id>/follow")
@signed_in
@operation(gives=FollowToggled, errors=(SelfFollowNotAllowed, NotFound))
def toggle(user_id: int) -> Response:
    """Follow a person, or no longer."""
    is_following, count = follows.toggle(db.session(), user=user(), followed_id=user_id)
    return envelope.success({"is_following": is_following, "follower_count": count})
