"""Read the page of an artist, as everybody sees it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.domain.errors import NotFound
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import Artist, User
from webapp.domain.models.artist_page import MAX_PINNED, ArtistPage, PinnedPicture
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.queries import feed, shown_artworks
from webapp.domain.queries.feed import FeedCard
from webapp.domain.queries.shown_artworks import ShownArtworkView
from webapp.domain.queries.viewing import Viewer, signed_url
from webapp.domain.services import generations, likes, offers


@dataclass(frozen=True, slots=True)
class ArtistLinkView:
    """A link to another site; `host` is that of its address, in ASCII."""

    url: str
    label: str
    host: str


@dataclass(frozen=True, slots=True)
class ArtistPageView:
    """The page of an artist; `style_count` counts the styles on sale."""

    about: str
    banner_url: str | None
    links: list[ArtistLinkView]
    follower_count: int
    style_count: int
    pinned_pictures: list[FeedCard]
    shown_artworks: list[ShownArtworkView]


def detail(session: Session, storage: Storage, *, artist_id: int, viewer: Viewer) -> ArtistPageView:
    """Return the page of an artist. Raises NotFound, also for a closed account."""
    on_sale = (
        select(func.count())
        .where(Style.artist_id == User.id, *offers.ON_SALE)
        .correlate(User)
        .scalar_subquery()
    )
    row = session.execute(
        select(
            ArtistPage.about,
            ArtistPage.banner_key,
            ArtistPage.links,
            User.follower_count,
            on_sale.label("style_count"),
        )
        .select_from(User)
        .join(Artist, Artist.user_id == User.id)
        .outerjoin(ArtistPage, ArtistPage.user_id == User.id)
        .where(User.id == artist_id, User.is_active)
    ).one_or_none()
    if row is None:
        raise NotFound(resource="artist", id=artist_id)
    links = [
        ArtistLinkView(link["url"], link["label"], urlsplit(link["url"]).netloc)
        for link in row.links or []
    ]
    return ArtistPageView(
        about=row.about or "",
        banner_url=signed_url(storage, row.banner_key),
        links=links,
        follower_count=row.follower_count,
        style_count=row.style_count,
        pinned_pictures=_pinned(session, storage, artist_id, viewer),
        shown_artworks=shown_artworks.of_artist(session, storage, artist_id),
    )


def _pinned(session: Session, storage: Storage, artist_id: int, viewer: Viewer) -> list[FeedCard]:
    """Return the pinned pictures that everybody may see, the one that was pinned last first."""
    rows = session.execute(
        feed.cards(likes.liked_by(viewer.user_id))
        .join(PinnedPicture, PinnedPicture.generation_id == Generation.id)
        .where(PinnedPicture.artist_id == artist_id, *generations.SHOWN)
        .order_by(PinnedPicture.created_at.desc(), PinnedPicture.generation_id.desc())
        .limit(MAX_PINNED)
    )
    return [feed.card(storage, row) for row in rows]
