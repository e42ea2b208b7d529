"""What people see of each other: a profile, and whom one follows; never e-mail or signature."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, null, select
from sqlalchemy.orm import Session, aliased

from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.follow import Follow
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import follows

COLUMNS = (
    User.id,
    User.username,
    User.display_name,
    User.profile_image_key,
    User.role,
    User.follower_count,
    Artist.artist_name,
)


def profile(session: Session, storage: Storage, *, user_id: int, viewer: Viewer) -> dict[str, Any]:
    """Return what everybody may know of a person. Raises NotFound, also for a closed account.

    The numbers are counted when asked for, over indexes that begin with this person, so they cost
    what one person made, whatever the site holds; counters would have to be moved by everything
    that completes, publishes, hides, flags or deletes.
    """
    is_following = follows.is_followed_by(viewer.user_id) if viewer.user_id else null()
    row = session.execute(
        select(
            *COLUMNS,
            User.bio,
            User.created_at,
            is_following.label("is_following"),
            _images(
                (Generation.status == GenerationStatus.COMPLETED) & ~Generation.is_try_out
            ).label("total"),
            _images(Generation.is_public & ~Generation.is_flagged).label("public"),
            _following_count().label("following"),
        )
        .select_from(User)
        .outerjoin(Artist, Artist.user_id == User.id)
        .where(User.id == user_id, User.is_active)
    ).one_or_none()
    if row is None:
        raise NotFound(resource="user", id=user_id)
    return _profile(storage, row)


def following(session: Session, storage: Storage, *, user_id: int, page: PageRequest) -> Page:
    """List whom a person follows, the latest first; closed accounts are left out."""
    keyset = Keyset(
        [(Follow.created_at, "followed_at", datetime), (Follow.followed_id, "id", int)],
        {"list": "following", "user_id": user_id},
    )
    statement = (
        select(*COLUMNS, Follow.created_at.label("followed_at"))
        .select_from(Follow)
        .join(User, User.id == Follow.followed_id)
        .outerjoin(Artist, Artist.user_id == User.id)
        .where(Follow.follower_id == user_id, User.is_active)
    )
    rows = session.execute(keyset.apply(statement, page)).all()
    return keyset.page(rows, page, lambda row: _followed(storage, row))


def _images(which: ColumnElement[bool]) -> ColumnElement[int]:
    """Return how many of a person's images are so, each kind counted within an index of its own."""
    return (
        select(func.count())
        .where(Generation.user_id == User.id, which)
        .correlate(User)
        .scalar_subquery()
    )


def _following_count() -> ColumnElement[int]:
    followed = aliased(User)
    return (
        select(func.count())
        .select_from(Follow)
        .join(followed, followed.id == Follow.followed_id)
        .where(Follow.follower_id == User.id, followed.is_active)
        .correlate(User)
        .scalar_subquery()
    )


def _profile(storage: Storage, row: AnyRow) -> dict[str, Any]:
    artist = {
        "id": row.id,
        "artist_name": row.artist_name,
        "follower_count": row.follower_count,
    }
    return {
        "id": row.id,
        "username": row.username,
        "display_name": row.display_name,
        "profile_image": signed_url(storage, row.profile_image_key),
        "bio": row.bio,
        "role": row.role,
        "created_at": row.created_at,
        "is_following": row.is_following,
        "artist": artist if row.artist_name is not None else None,
        "stats": {
            "total_generations": row.total,
            "public_generations": row.public,
            "following_count": row.following,
        },
    }


def _followed(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "username": row.username,
        "display_name": row.display_name,
        "profile_image": signed_url(storage, row.profile_image_key),
        "role": row.role,
        "artist_name": row.artist_name,
        "follower_count": row.follower_count,
        "followed_at": row.followed_at,
    }
