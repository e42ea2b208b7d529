"""Public profiles, and the users whom a user follows; never e-mail or signature."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, null, select
from sqlalchemy.orm import Session, aliased

from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, Role, User
from webapp.domain.models.follow import Follow
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.queries.answers import extended
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import follows, generations

COLUMNS = (
    User.id,
    User.username,
    User.display_name,
    User.profile_image_key,
    User.role,
    User.follower_count,
    Artist.artist_name,
)


@dataclass(frozen=True, slots=True)
class UserSummary:
    """A user beside something they made; `profile_image` is a short-lived URL."""

    id: int
    username: str
    display_name: str
    profile_image: str | None


@dataclass(frozen=True, slots=True)
class ArtistProfile:
    """The artist side of a user."""

    id: int
    artist_name: str
    follower_count: int


@dataclass(frozen=True, slots=True)
class ProfileStats:
    """Completed pictures, public pictures, and followed users."""

    total_generations: int
    public_generations: int
    following_count: int


@dataclass(frozen=True, slots=True)
class Profile(UserSummary):
    """The public profile of a user; `is_following` is None for a visitor who is not signed in."""

    bio: str
    role: Role
    created_at: datetime
    is_following: bool | None
    artist: ArtistProfile | None
    stats: ProfileStats


@dataclass(frozen=True, slots=True)
class FollowedUser(UserSummary):
    """A user whom somebody follows; `artist_name` is None for a user who is no artist."""

    role: Role
    artist_name: str | None
    follower_count: int
    followed_at: datetime


def summary(storage: Storage, row: AnyRow, *, user_id: int) -> UserSummary:
    """Return the user of a row that has username, display_name and profile_image_key."""
    return UserSummary(
        id=user_id,
        username=row.username,
        display_name=row.display_name,
        profile_image=signed_url(storage, row.profile_image_key),
    )


def profile(session: Session, storage: Storage, *, user_id: int, viewer: Viewer) -> Profile:
    """Return the public profile of a user. Raises NotFound, also for a closed account.

    The stats are counted on each call, over indexes that begin with the user id, so the cost
    depends on this user's rows only. Counters would need an update wherever a picture is
    completed, published, hidden, flagged or deleted.
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
            _images(and_(*generations.SHOWN)).label("public"),
            _following_count().label("following"),
        )
        .select_from(User)
        .outerjoin(Artist, Artist.user_id == User.id)
        .where(User.id == user_id, User.is_active)
    ).one_or_none()
    if row is None:
        raise NotFound(resource="user", id=user_id)
    return _profile(storage, row)


def following(
    session: Session, storage: Storage, *, user_id: int, page: PageRequest
) -> Page[FollowedUser]:
    """List the users whom a user follows, the latest first, without closed accounts."""
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


def _images(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Return the number of a user's pictures that match; each condition has a partial index."""
    return (
        select(func.count())
        .where(Generation.user_id == User.id, condition)
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


def _profile(storage: Storage, row: AnyRow) -> Profile:
    artist = ArtistProfile(
        id=row.id, artist_name=row.artist_name, follower_count=row.follower_count
    )
    return extended(
        Profile,
        summary(storage, row, user_id=row.id),
        bio=row.bio,
        role=row.role,
        created_at=row.created_at,
        is_following=row.is_following,
        artist=artist if row.artist_name is not None else None,
        stats=ProfileStats(
            total_generations=row.total,
            public_generations=row.public,
            following_count=row.following,
        ),
    )


def _followed(storage: Storage, row: AnyRow) -> FollowedUser:
    return extended(
        FollowedUser,
        summary(storage, row, user_id=row.id),
        role=row.role,
        artist_name=row.artist_name,
        follower_count=row.follower_count,
        followed_at=row.followed_at,
    )
