"""The stored files of a person, for the copy of what the person gave to the site or got from it."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.domain.models.account import Artist, User
from webapp.domain.models.artist_page import ArtistPage
from webapp.domain.models.generation import Generation, GenerationStatus
from webapp.domain.models.style import Artwork, Style

MOST_FILE_MEGABYTES = 512  # in one copy


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A stored file of a person, and the page of the picture, if it is one."""

    name: str
    key: str
    page: str | None = None


def files(session: Session, user_id: int) -> list[OwnFile]:
    """Return a person's photo, signature, banner, artworks and pictures, the newest first."""
    return [*_own_files(session, user_id), *_pictures(session, user_id)]


def _own_files(session: Session, user_id: int) -> Iterator[OwnFile]:
    photo = session.scalar(select(User.profile_image_key).where(User.id == user_id))
    signature = session.scalar(select(Artist.signature_key).where(Artist.user_id == user_id))
    banner = session.scalar(select(ArtistPage.banner_key).where(ArtistPage.user_id == user_id))
    for name, key in (("photo", photo), ("signature", signature), ("banner", banner)):
        if key is not None:
            yield OwnFile(f"profile/{name}{_suffix(key)}", key)
    artworks = session.execute(
        select(Artwork.style_id, Artwork.idx, Artwork.clean_key)
        .join(Style, Style.id == Artwork.style_id)
        .where(Style.artist_id == user_id)
        .order_by(Artwork.style_id.desc(), Artwork.idx)
    )
    for style_id, idx, key in artworks:
        if key is not None:
            yield OwnFile(f"artworks/{style_id}/{idx}{_suffix(key)}", key)


def _pictures(session: Session, user_id: int) -> Iterator[OwnFile]:
    rows = session.execute(
        select(Generation.id, Generation.image_key)
        .where(
            Generation.user_id == user_id,
            Generation.status == GenerationStatus.COMPLETED,
            Generation.deleted_at.is_(None),
        )
        .order_by(Generation.created_at.desc(), Generation.id.desc())
    )
    for picture_id, key in rows:
        if key is not None:
            yield OwnFile(f"pictures/{picture_id}{_suffix(key)}", key, page=f"/g/{picture_id}")


def _suffix(key: str) -> str:
    return f".{key.rpartition('.')[2]}"
