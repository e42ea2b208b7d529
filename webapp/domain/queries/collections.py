"""Read collections and their pictures, the newest addition first.

Who looks sees those pictures of a collection that everybody may see, and their own; the number of
pictures and the cover are made of the same ones.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session

from webapp.domain.errors import CollectionNotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.collection import Collection, CollectionPicture
from webapp.domain.models.generation import Generation
from webapp.domain.queries import feed
from webapp.domain.queries.feed import FeedCard
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest, has
from webapp.domain.queries.users import UserSummary, summary
from webapp.domain.queries.viewing import ANYBODY, Viewer, signed_url
from webapp.domain.services import generations, likes

COLUMNS = (
    Collection.id, Collection.name, Collection.description, Collection.is_public,
    Collection.is_flagged, Collection.created_at, Collection.updated_at, Collection.user_id,
    User.username, User.display_name, User.profile_image_key,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A collection as somebody sees it; `cover_url` is the thumbnail of its newest picture.

    `is_hidden`: an administrator has hidden it from all but its owner and administrators.
    """

    id: int
    name: str
    description: str
    is_public: bool
    is_hidden: bool
    user: UserSummary
    picture_count: int
    cover_url: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CollectionChoice:
    """An own collection, and whether a certain picture is in it."""

    id: int
    name: str
    is_public: bool
    has_picture: bool


def detail(
    session: Session, storage: Storage, *, collection_id: int, viewer: Viewer
) -> CollectionView:
    """Return one collection. Raises CollectionNotFound, also for a private one of another."""
    row = session.execute(
        _views(viewer).where(Collection.id == collection_id, _open_to(viewer))
    ).one_or_none()
    if row is None:
        raise CollectionNotFound(id=collection_id)
    return _view(storage, row)


def own(
    session: Session, storage: Storage, *, user_id: int, page: PageRequest
) -> Page[CollectionView]:
    """List the collections of a user, the newest first."""
    keyset = Keyset(
        [(Collection.created_at, "created_at", datetime), (Collection.id, "id", int)],
        {"list": "collections", "user_id": user_id},
    )
    ids = keyset.apply(
        select(Collection.id, Collection.created_at).where(Collection.user_id == user_id), page
    )
    rows = session.execute(keyset.look_up(_views(Viewer(user_id)), ids)).all()
    return keyset.page(rows, page, lambda row: _view(storage, row))


def public_of(
    session: Session, storage: Storage, *, user_id: int, page: PageRequest
) -> Page[CollectionView]:
    """List the collections of a user that everybody may see, the newest first.

    One without a picture that everybody may see is left out before the page is filled.
    """
    keyset = Keyset(
        [(Collection.created_at, "created_at", datetime), (Collection.id, "id", int)],
        {"list": "public collections", "user_id": user_id},
    )
    shown = (
        select(CollectionPicture.generation_id)
        .join(Generation, Generation.id == CollectionPicture.generation_id)
        .where(CollectionPicture.collection_id == Collection.id, *generations.SHOWN)
        .limit(1)
    )
    public = (
        select(Collection.id, Collection.created_at)
        .join(User, User.id == Collection.user_id)
        .where(Collection.user_id == user_id, _open_to(ANYBODY), has(shown))
    )
    ids = keyset.apply(public, page)
    rows = session.execute(keyset.look_up(_views(ANYBODY), ids)).all()
    return keyset.page(rows, page, lambda row: _view(storage, row))


def choices(session: Session, *, user_id: int, generation_id: int) -> list[CollectionChoice]:
    """Return all collections of a user, of which there are few, for one picture."""
    holds = exists().where(
        CollectionPicture.collection_id == Collection.id,
        CollectionPicture.generation_id == generation_id,
    )
    rows = session.execute(
        select(Collection.id, Collection.name, Collection.is_public, holds.label("has_picture"))
        .where(Collection.user_id == user_id)
        .order_by(Collection.created_at.desc(), Collection.id.desc())
    )
    return [CollectionChoice(*row) for row in rows]


def pictures(
    session: Session,
    storage: Storage,
    *,
    collection_id: int,
    viewer: Viewer,
    is_oldest_first: bool = False,
    page: PageRequest,
) -> Page[FeedCard]:
    """List the pictures of a collection in the order in which they were added.

    A picture that this viewer may not see is left out before the page is filled, so that no short
    page tells of it. Raises CollectionNotFound.
    """
    is_open = select(Collection.id).join(User, User.id == Collection.user_id)
    if session.scalar(is_open.where(Collection.id == collection_id, _open_to(viewer))) is None:
        raise CollectionNotFound(id=collection_id)
    keyset = Keyset(
        [
            (CollectionPicture.created_at, "added_at", datetime),
            (CollectionPicture.generation_id, "id", int),
        ],
        {"list": "collection", "collection_id": collection_id},
        descending=not is_oldest_first,
    )
    visible = (
        select(
            CollectionPicture.created_at.label("added_at"),
            CollectionPicture.generation_id.label("id"),
        )
        .join(Generation, Generation.id == CollectionPicture.generation_id)
        .where(CollectionPicture.collection_id == collection_id, feed.visible_to(viewer.user_id))
    )
    statement = (
        feed.cards(likes.liked_by(viewer.user_id))
        .add_columns(CollectionPicture.created_at.label("added_at"))
        .join(CollectionPicture, CollectionPicture.generation_id == Generation.id)
        .where(CollectionPicture.collection_id == collection_id)
    )
    rows = session.execute(keyset.look_up(statement, keyset.apply(visible, page))).all()
    return keyset.page(rows, page, lambda row: feed.card(storage, row))


def _open_to(viewer: Viewer) -> ColumnElement[bool]:
    """Return the condition of collections that a viewer may see.

    Administrators see the public ones that are hidden, to decide on them, and no private ones.
    """
    is_shown = true() if viewer.is_admin else ~Collection.is_flagged
    is_public = and_(Collection.is_public, is_shown)
    return and_(User.is_active, or_(is_public, Collection.user_id == viewer.user_id))


def _views(viewer: Viewer) -> AnySelect:
    """Select the rows of `_view`; each collection has a limited number of pictures to count."""
    seen = and_(CollectionPicture.collection_id == Collection.id, feed.visible_to(viewer.user_id))
    within = CollectionPicture.__table__.join(
        Generation.__table__, Generation.id == CollectionPicture.generation_id
    )
    is_seen = select(Generation.id).where(
        Generation.id == CollectionPicture.generation_id, feed.visible_to(viewer.user_id)
    )
    count = (
        select(func.count())
        .select_from(CollectionPicture)
        .where(CollectionPicture.collection_id == Collection.id, has(is_seen))
        .correlate(Collection)
    )
    newest = (
        select(Generation.thumbnail_key)
        .select_from(within)
        .where(seen)
        .order_by(CollectionPicture.created_at.desc(), CollectionPicture.generation_id.desc())
        .limit(1)
        .correlate(Collection)
    )
    return select(
        *COLUMNS,
        count.scalar_subquery().label("picture_count"),
        newest.scalar_subquery().label("cover_key"),
    ).join(User, User.id == Collection.user_id)


def _view(storage: Storage, row: AnyRow) -> CollectionView:
    return CollectionView(
        id=row.id,
        name=row.name,
        description=row.description,
        is_public=row.is_public,
        is_hidden=row.is_flagged,
        user=summary(storage, row, user_id=row.user_id),
        picture_count=row.picture_count,
        cover_url=signed_url(storage, row.cover_key),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
