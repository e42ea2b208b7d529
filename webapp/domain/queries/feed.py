"""The public feed: completed pictures that their buyers made public."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import AspectRatio, Generation
from webapp.domain.models.style import Style
from webapp.domain.queries.generation_views import StyleSummary, style_summary
from webapp.domain.queries.generations import STYLE_COLUMNS, keyset_of
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.users import UserSummary, summary
from webapp.domain.queries.viewing import Viewer, matching, signed_url, tag_conditions
from webapp.domain.services import follows, generations, likes

COLUMNS = (
    Generation.id, Generation.preview_key, Generation.thumbnail_key, Generation.width,
    Generation.height, Generation.description, Generation.prompt_tags, Generation.like_count,
    Generation.comment_count, Generation.created_at, Generation.user_id, User.username,
    User.display_name, User.profile_image_key, Generation.style_id, *STYLE_COLUMNS,
)  # fmt: skip


@dataclass(frozen=True)
class FeedFilter:
    """Filters and order of the feed; `sort` is recent or popular."""

    sort: str = "recent"
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    style_id: int | None = None
    artist_id: int | None = None
    user_id: int | None = None
    aspect_ratio: AspectRatio | None = None
    following: bool = False


@dataclass(frozen=True, slots=True)
class FeedCard:
    """A picture of the feed."""

    id: int
    user: UserSummary
    style: StyleSummary
    preview_url: str | None
    thumbnail_url: str | None
    width: int
    height: int
    description: str
    tags: list[str]
    like_count: int
    comment_count: int
    is_liked: bool
    created_at: datetime


def pictures(
    session: Session, storage: Storage, *, viewer: Viewer, filters: FeedFilter, page: PageRequest
) -> Page[FeedCard]:
    """List public, completed, unflagged pictures.

    `following` keeps pictures that followed users ordered, and all pictures in their styles.
    """
    keyset = keyset_of(filters.sort, {"list": "feed", **vars(filters)})
    # Not "IS TRUE": PostgreSQL uses the partial indexes only for exactly these conditions.
    public = select(Generation).where(
        *generations.SHOWN,
        *matching(
            (Generation.style_id, filters.style_id),
            (Generation.user_id, filters.user_id),
            (Generation.aspect_ratio, filters.aspect_ratio),
        ),
    )

    def narrowing(image: type[Generation]) -> list[ColumnElement[bool]]:
        return _narrowing(image, viewer, filters)

    def look_up(ids: AnySelect) -> Sequence[AnyRow]:
        return _looked_up(session, viewer, keyset, ids)

    if filters.artist_id is None:
        rows = keyset.find(Generation, public, page, look_up, narrowing)
    else:
        styles = select(Style.id).where(Style.artist_id == filters.artist_id).subquery("styles_of")
        sortable = (Generation.id, Generation.like_count, Generation.created_at)
        of_style = public.with_only_columns(*sortable).where(
            Generation.style_id == styles.c.id, *narrowing(Generation)
        )
        rows = look_up(keyset.merge(styles, of_style, page))
    return keyset.page(rows, page, lambda row: card(storage, row))


def _narrowing(
    image: type[Generation], viewer: Viewer, filters: FeedFilter
) -> list[ColumnElement[bool]]:
    """Return the conditions that no index of the feed covers."""
    conditions = tag_conditions(image.prompt_tags, filters.tags, filters.tags_any)
    if filters.following:
        is_all = image is Generation
        followed = follows.by_or_after_followed if is_all else follows.each_by_or_after_followed
        conditions.append(followed(viewer.user_id, image.user_id, image.style_id))
    return conditions


def _looked_up(
    session: Session, viewer: Viewer, keyset: Keyset, ids: AnySelect
) -> Sequence[AnyRow]:
    statement = cards(likes.liked_by(viewer.user_id))
    return session.execute(keyset.look_up(statement, ids)).all()


def visible_to(user_id: int | None) -> ColumnElement[bool]:
    """Return the condition of pictures for everybody, and of a person's own, in lists of a person.

    Administrators see no more than others there.
    """
    if user_id is None:
        return and_(*generations.SHOWN)
    is_own = and_(Generation.user_id == user_id, Generation.deleted_at.is_(None))
    return or_(and_(*generations.SHOWN), is_own)


def cards(is_liked: ColumnElement[bool]) -> AnySelect:
    """Select the rows of `card`."""
    return (
        select(*COLUMNS, is_liked.label("is_liked"))
        .join(User, User.id == Generation.user_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
    )


def card(storage: Storage, row: AnyRow) -> FeedCard:
    """Return the picture of a row of `cards`."""
    return FeedCard(
        id=row.id,
        user=summary(storage, row, user_id=row.user_id),
        style=style_summary(row),
        preview_url=signed_url(storage, row.preview_key),
        thumbnail_url=signed_url(storage, row.thumbnail_key),
        width=row.width,
        height=row.height,
        description=row.description,
        tags=row.prompt_tags,
        like_count=row.like_count,
        comment_count=row.comment_count,
        is_liked=row.is_liked,
        created_at=row.created_at,
    )
