"""Read the artworks that artists show: as everybody, their artist, and administrators see them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from webapp.domain.errors import ArtworkNotFound, StyleNotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.shown_artwork import ShownArtwork
from webapp.domain.models.style import Artwork, Style
from webapp.domain.queries.answers import StyleName, UserName
from webapp.domain.queries.moderation import ModerationFilter
from webapp.domain.queries.pagination import AnyRow, AnySelect, Keyset, Page, PageRequest
from webapp.domain.queries.viewing import Viewer, flags, matching, signed_url
from webapp.domain.services import offers, shown_artworks


@dataclass(frozen=True, slots=True)
class ShownArtworkView:
    """A preview of an artwork as everybody sees it; `title` may be empty."""

    place: int
    title: str
    url: str | None
    width: int
    height: int
    style: StyleName


class ChoiceState(StrEnum):
    """private: not chosen; hidden: by an administrator; preparing and failed: its preview."""

    PRIVATE = "private"
    PREPARING = "preparing"
    READY = "ready"
    FAILED = "failed"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class ArtworkChoice:
    """An accepted artwork as its artist sees it; `place` is None if it is not chosen."""

    artwork_id: int
    filename: str
    url: str | None
    place: int | None
    title: str
    state: ChoiceState


@dataclass(frozen=True, slots=True)
class ArtworkChoices:
    """The accepted artworks of a style; `is_shown` tells whether others see the chosen ones now."""

    style_id: int
    style_name: str
    is_shown: bool
    artworks: list[ArtworkChoice]


@dataclass(frozen=True, slots=True)
class ModeratedArtwork:
    """A chosen artwork, hidden or not."""

    id: int
    title: str
    place: int
    thumbnail_url: str | None
    is_flagged: bool
    style: StyleName
    user: UserName
    created_at: datetime


# Of a statement about styles: what their artists chose, if others see them. One statement less for
# the page of a style, which has many.
OF_STYLE = (
    select(
        func.jsonb_agg(
            aggregate_order_by(
                func.jsonb_build_array(
                    ShownArtwork.place,
                    ShownArtwork.title,
                    ShownArtwork.preview_key,
                    ShownArtwork.preview_width,
                    ShownArtwork.preview_height,
                ),
                ShownArtwork.place.asc(),
            )
        )
    )
    .join(Artwork, Artwork.id == ShownArtwork.artwork_id)
    .where(ShownArtwork.style_id == Style.id, *shown_artworks.IS_SHOWN)
    .correlate(Style)
    .scalar_subquery()
    .label("shown_artworks")
)


def of_style(storage: Storage, row: AnyRow) -> list[ShownArtworkView]:
    """Return the artworks shown beside the samples of a style, in the artist's order.

    `row` has the columns that `offers.is_orderable` reads, id and name, and `OF_STYLE`.
    """
    return _shown(storage, row) if offers.is_orderable(row) else []


def of_artist(session: Session, storage: Storage, artist_id: int) -> list[ShownArtworkView]:
    """Return the artworks shown beside the samples of an artist's style."""
    rows = session.execute(
        select(Style.id, Style.name, OF_STYLE)
        .where(Style.artist_id == artist_id, *offers.orderable())
        .order_by(Style.id.desc())
    )
    return [view for row in rows for view in _shown(storage, row)]


def _shown(storage: Storage, row: AnyRow) -> list[ShownArtworkView]:
    style = StyleName(row.id, row.name)
    return [
        ShownArtworkView(
            place=place,
            title=title,
            url=signed_url(storage, key),
            width=width,
            height=height,
            style=style,
        )
        for place, title, key, width, height in row.shown_artworks or []
    ]


def choices(session: Session, storage: Storage, *, style_id: int, viewer: Viewer) -> ArtworkChoices:
    """Return the accepted artworks of a style, with the choice of its artist.

    Raises StyleNotFound for all but its artist and administrators.
    """
    style = session.execute(
        select(Style.name, Style.artist_id).where(Style.id == style_id)
    ).one_or_none()
    if style is None or not viewer.may_manage(style.artist_id):
        raise StyleNotFound(id=style_id)
    rows = session.execute(
        select(
            Artwork.id,
            Artwork.filename,
            Artwork.clean_key,
            Artwork.is_flagged,
            ShownArtwork.place,
            ShownArtwork.title,
            ShownArtwork.preview_key,
            ShownArtwork.failure_cause,
        )
        .outerjoin(ShownArtwork, ShownArtwork.artwork_id == Artwork.id)
        .where(Artwork.style_id == style_id, *shown_artworks.IS_ACCEPTED)
        .order_by(Artwork.idx)
    )
    return ArtworkChoices(
        style_id=style_id,
        style_name=style.name,
        is_shown=offers.prices_today(session, style_id) is not None,
        artworks=[
            ArtworkChoice(
                artwork_id=row.id,
                filename=row.filename,
                url=signed_url(storage, row.clean_key),
                place=row.place,
                title=row.title or "",
                state=_state(row),
            )
            for row in rows
        ],
    )


def _state(row: AnyRow) -> ChoiceState:
    if row.is_flagged:
        return ChoiceState.HIDDEN
    if row.place is None:
        return ChoiceState.PRIVATE
    if row.preview_key is not None:
        return ChoiceState.READY
    return ChoiceState.PREPARING if row.failure_cause is None else ChoiceState.FAILED


def for_admin(
    session: Session, storage: Storage, *, filters: ModerationFilter, page: PageRequest
) -> Page[ModeratedArtwork]:
    """List the chosen artworks, the one that was chosen last first."""
    conditions = [
        *flags((Artwork.is_flagged, filters.is_flagged)),
        *matching((Style.artist_id, filters.user_id)),
    ]
    keyset = Keyset(
        [(ShownArtwork.created_at, "created_at", datetime), (ShownArtwork.id, "shown_id", int)],
        {"list": "admin artworks", **vars(filters)},
    )
    rows = session.execute(keyset.apply(_moderated().where(*conditions), page)).all()
    return keyset.page(rows, page, lambda row: _for_admin(storage, row))


def moderated(session: Session, storage: Storage, *, artwork_id: int) -> ModeratedArtwork:
    """Return one chosen artwork as it is listed. Raises ArtworkNotFound."""
    row = session.execute(_moderated().where(Artwork.id == artwork_id)).one_or_none()
    if row is None:
        raise ArtworkNotFound(id=artwork_id)
    return _for_admin(storage, row)


def _moderated() -> AnySelect:
    return (
        select(
            Artwork.id.label("artwork_id"),
            Artwork.is_flagged,
            ShownArtwork.id.label("shown_id"),
            ShownArtwork.title,
            ShownArtwork.place,
            ShownArtwork.preview_key,
            ShownArtwork.created_at,
            Style.id.label("style_id"),
            Style.name.label("style_name"),
            Style.artist_id,
            User.username,
        )
        .select_from(ShownArtwork)
        .join(Artwork, Artwork.id == ShownArtwork.artwork_id)
        .join(Style, Style.id == ShownArtwork.style_id)
        .join(User, User.id == Style.artist_id)
    )


def _for_admin(storage: Storage, row: AnyRow) -> ModeratedArtwork:
    return ModeratedArtwork(
        id=row.artwork_id,
        title=row.title,
        place=row.place,
        thumbnail_url=signed_url(storage, row.preview_key),
        is_flagged=row.is_flagged,
        style=StyleName(row.style_id, row.style_name),
        user=UserName(row.artist_id, row.username),
        created_at=row.created_at,
    )
