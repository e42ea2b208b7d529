"""Search what is on sale and who makes it: styles by name or tag, artists by either name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, case, column, false, func, not_, or_, select, union
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    FieldProblem,
    ValidationFailed,
)
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, Role, User
from webapp.domain.models.style import Style
from webapp.domain.queries import searching
from webapp.domain.queries import tags as tag_queries
from webapp.domain.queries.pagination import AnyRow, Keyset, Page, PageRequest
from webapp.domain.queries.searching import Search
from webapp.domain.queries.viewing import signed_url
from webapp.domain.services import offers

MAX_TAGS = 20
# Everybody who has an artist's side has such a role, and the indexes hold nobody else.
_ARTIST = (User.is_active, User.role != Role.USER)


@dataclass(frozen=True)
class Overview:
    """The first of every kind that a text finds."""

    styles: Page
    artists: Page
    tags: list[str]


def find(
    session: Session, storage: Storage, *, typed: str, kind: str, page: PageRequest
) -> dict[str, Any]:
    """Return the styles and the artists that match; a cursor leads on in one kind only.

    `kind` is all, styles or artists. Raises ValidationFailed for a cursor with all.
    """
    if kind == "all" and page.cursor is not None:
        raise ValidationFailed(
            fields={"cursor": [FieldProblem("Only with type styles or artists.")]}
        )
    sought = searching.cleaned(session, typed)
    found: dict[str, Page] = {}
    for name, look in (("styles", styles), ("artists", artists)):
        is_wanted = sought and kind in {"all", name}
        found[name] = look(session, storage, sought, page) if is_wanted else Page([], None)
    following = found[kind].next_cursor if kind in found else None
    return {name: each.results for name, each in found.items()} | {
        "next_cursor": following,
        "has_more": following is not None,
    }


def overview(session: Session, storage: Storage, *, typed: str, limit: int) -> Overview:
    """Return the first styles, artists and tags that match, each as a list that leads on."""
    sought = searching.cleaned(session, typed)
    if not sought:
        return Overview(Page([], None), Page([], None), [])
    named = tag_queries.containing(session, sought, MAX_TAGS)
    page = PageRequest(limit=limit)
    return Overview(
        styles=styles(session, storage, sought, page, named),
        artists=artists(session, storage, sought, page),
        tags=list(named),
    )


def styles(
    session: Session,
    storage: Storage,
    sought: str,
    page: PageRequest,
    named: dict[str, int] | None = None,
) -> Page:
    """List the styles that are called or tagged so, then those where a part of it is.

    `named` are the tags that contain it with their uses, if they have been looked up before.
    """
    if named is None:
        named = tag_queries.containing(session, sought, MAX_TAGS)
    names = list(named)
    tags = array(names, type_=Text)
    tag = func.unnest(tags).table_valued(column("word", Text)).render_derived("tag")
    # A style's name is one of its tags. A tag that moderation blocked finds nothing.
    is_tag = sought in named
    is_exact = Style.tags.contains([sought]) if is_tag else false()
    by_name = searching.contains(Style.name_grams, Style.name, sought)
    offered = select(Style.id).where(*offers.ON_SALE)
    shown = select(
        Style.id,
        Style.name,
        Style.thumbnail_key,
        Style.artist_id,
        Artist.artist_name,
        Style.price_tokens,
        Style.usage_count,
        Style.created_at,
        case((by_name, "name"), else_="tag").label("matched_by"),
    ).join(Artist, Artist.user_id == Style.artist_id)
    is_rare = named.get(sought, 0) <= searching.WALKED
    exact = Search(shown, offered.where(is_exact), None if is_rare else offered, is_exact)
    # Tag by tag: of twenty at once PostgreSQL expects so many styles that it reads them all.
    by_tags = offered.join(tag, Style.tags.contains(array([tag.c.word])))
    others = Search(
        shown,
        union(offered.where(by_name), by_tags),
        offered,
        or_(by_name, Style.tags.overlap(tags)),
        besides=not_(is_exact),
    )
    keyset = Keyset(
        [
            (Style.usage_count, "usage_count", int),
            (Style.created_at, "created_at", datetime),
            (Style.id, "id", int),
        ],
        {"list": "found styles", "q": sought},
    )
    return searching.page_of(
        session,
        [exact if is_tag else None, others],
        keyset,
        page,
        lambda row: _style(storage, row),
    )


def artists(session: Session, storage: Storage, sought: str, page: PageRequest) -> Page:
    """List the artists who are called so, then those whose names contain it."""
    by_name = searching.contains(Artist.artist_name_grams, Artist.artist_name, sought)
    by_username = searching.contains(User.username_grams, User.username, sought)
    offered = select(User.id).where(*_ARTIST)
    shown = (
        select(
            User.id,
            User.username,
            Artist.artist_name,
            User.profile_image_key,
            User.follower_count,
            User.created_at,
            case((by_name, "artist_name"), else_="username").label("matched_by"),
        )
        .join(Artist, Artist.user_id == User.id)
        .where(*_ARTIST)
    )
    called_so = union(
        select(Artist.user_id).where(func.searchable(Artist.artist_name) == sought),
        offered.where(func.searchable(User.username) == sought),
    )
    exact = Search(shown, called_so)
    others = Search(
        shown,
        union(select(Artist.user_id).where(by_name), offered.where(by_username)),
        offered,
        or_(by_name, by_username),
        besides=User.id.not_in(called_so),
    )
    keyset = Keyset(
        [
            (User.follower_count, "follower_count", int),
            (User.created_at, "created_at", datetime),
            (User.id, "id", int),
        ],
        {"list": "found artists", "q": sought},
    )
    return searching.page_of(
        session, [exact, others], keyset, page, lambda row: _artist(storage, row)
    )


def _style(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "thumbnail_url": signed_url(storage, row.thumbnail_key),
        "artist": {"id": row.artist_id, "artist_name": row.artist_name},
        "price_tokens": row.price_tokens,
        "generation_cost_tokens": row.price_tokens,
        "usage_count": row.usage_count,
        "matched_by": row.matched_by,
    }


def _artist(storage: Storage, row: AnyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "username": row.username,
        "artist_name": row.artist_name,
        "profile_image": signed_url(storage, row.profile_image_key),
        "follower_count": row.follower_count,
        "matched_by": row.matched_by,
    }
