"""The public feed: completed pictures that their buyers made public."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.queries.generations import STYLE_COLUMNS, keyset_of, owner_and_style
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import Viewer, matching, signed_url, tag_conditions
from webapp.domain.services import follows, likes

COLUMNS = (
    Generation.id, Generation.preview_key, Generation.thumbnail_key, Generation.width,
    Generation.height, Generation.description, Generation.prompt_tags, Generation.like_count,
    Generation.comment_count, Generation.created_at, Generation.user_id, User.username,
    User.display_name, User.profile_image_key, Generation.style_id, *STYLE_COLUMNS,
)  # fmt: skip


@dataclass(frozen=True)
class FeedFilter:
    """What of the feed somebody wants; `sort` is recent or popular."""

    sort: str = "recent"
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    style_id: int | None = None
    artist_id: int | None = None
    user_id: int | None = None
    following: bool = False


def pictures(
    session: Session, storage: Storage, *, viewer: Viewer, wanted: FeedFilter, page: PageRequest
) -> Page:
    """List what everybody may see: public, completed, unflagged.

    `following` keeps what the people made whom the viewer follows, and what anybody made in a
    style of theirs: who follows an artist wants to see what becomes of the style.
    """
    keyset = keyset_of(wanted.sort, {"list": "feed", **vars(wanted)})
    # Not "IS TRUE": only these very words let PostgreSQL use the feed's indexes.
    shown = select(Generation).where(
        *(Generation.is_public, ~Generation.is_flagged),
        *matching((Generation.style_id, wanted.style_id), (Generation.user_id, wanted.user_id)),
    )

    def narrowing(image: type[Generation]) -> list[ColumnElement[bool]]:
        return _narrowing(image, viewer, wanted)

    def look_up(ids: AnySelect) -> Sequence[AnyRow]:
        return _looked_up(session, viewer, keyset, ids)

    if wanted.artist_id is None:
        rows = keyset.find(Generation, shown, page, look_up, narrowing)
    else:
        styles = select(Style.id).where(Style.artist_id == wanted.artist_id).subquery("styles_of")
        sortable = (Generation.id, Generation.like_count, Generation.created_at)
        of_style = shown.with_only_columns(*sortable).where(
            Generation.style_id == styles.c.id, *narrowing(Generation)
        )
        rows = look_up(keyset.merge(styles, of_style, page))
    return keyset.page(rows, page, lambda row: _card(storage, row))


def _narrowing(
    image: type[Generation], viewer: Viewer, wanted: FeedFilter
) -> list[ColumnElement[bool]]:
    """Return the conditions that no index holds in the feed's order."""
    conditions = tag_conditions(image.prompt_tags, wanted.tags, wanted.tags_any)
    if wanted.following:
        is_all = image is Generation
        seen = follows.by_or_after_followed if is_all else follows.each_by_or_after_followed
        conditions.append(seen(viewer.user_id, image.user_id, image.style_id))
    return conditions


def _looked_up(
    session: Session, viewer: Viewer, keyset: Keyset, ids: AnySelect
) -> Sequence[AnyRow]:
    statement = (
        select(*COLUMNS, likes.liked_by(viewer.user_id).label("is_liked"))
        .join(User, User.id == Generation.user_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
    )
    return session.execute(keyset.look_up(statement, ids)).all()


def _card(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        **owner_and_style(storage, row),
        "preview_url": signed_url(storage, row.preview_key),
        "thumbnail_url": signed_url(storage, row.thumbnail_key),
        "width": row.width,
        "height": row.height,
        "description": row.description,
        "tags": row.prompt_tags,
        "like_count": row.like_count,
        "comment_count": row.comment_count,
        "is_liked": row.is_liked,
        "created_at": row.created_at,
    }
