"""Pages of artists: change banner, text and links, pin pictures and take them down.

A pinned picture stays pinned while it is private or hidden, and is not shown meanwhile. The next
picture that is pinned takes its place.
"""

from collections.abc import Sequence

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.errors import (
    ArtistOnly,
    FieldProblem,
    GenerationNotFound,
    PinLimitReached,
)
from webapp.domain.gateways.storage import Storage
from webapp.domain.models.account import User
from webapp.domain.models.artist_page import MAX_PINNED, ArtistPage, PinnedPicture
from webapp.domain.models.documents import ArtistLink
from webapp.domain.models.generation import Generation
from webapp.domain.models.style import Style
from webapp.domain.services import accounts, generations, pictures


def edit(
    session: Session,
    storage: Storage,
    *,
    user: User,
    about: str | None = None,
    links: Sequence[ArtistLink] | None = None,
    banner: bytes | None = None,
    removes_banner: bool = False,
) -> None:
    """Change what is given; `banner` is a JPG or PNG file and goes before `removes_banner`.

    Raises ArtistOnly, or the error of an unusable picture.
    """
    banner_key = (
        None
        if banner is None
        else pictures.store_banner(storage, banner, person_id=accounts.id_without_statement(user))
    )
    _lock_artist(session, user)
    columns = {"about": about, "links": None if links is None else list(links)}
    changes: dict[str, object] = {
        name: value for name, value in columns.items() if value is not None
    }
    if banner_key is not None or removes_banner:
        changes["banner_key"] = banner_key
    session.execute(
        insert(ArtistPage)
        .values(user_id=user.id, **changes)
        .on_conflict_do_update(
            index_elements=[ArtistPage.user_id],
            set_=changes | {"updated_at": func.clock_timestamp()},
        )
    )


def pin(session: Session, *, user: User, generation_id: int) -> None:
    """Pin a public picture in one of the artist's styles to the own page, if it is not pinned.

    Raises ArtistOnly, GenerationNotFound for any other picture, and PinLimitReached.
    """
    _lock_artist(session, user)
    in_own_style = select(Style.id).where(Style.artist_id == user.id)
    # Locked, so that a picture that is deleted at the same time does not stay pinned.
    found = session.scalar(
        select(Generation.id)
        .where(
            Generation.id == generation_id,
            Generation.style_id.in_(in_own_style),
            *generations.SHOWN,
        )
        .with_for_update(read=True)
    )
    if found is None:
        raise GenerationNotFound(id=generation_id)
    pinned = PinnedPicture.artist_id == user.id
    shown = select(Generation.id).where(
        Generation.id == PinnedPicture.generation_id, *generations.SHOWN
    )
    session.execute(delete(PinnedPicture).where(pinned, ~shown.exists()))
    session.execute(
        insert(PinnedPicture)
        .values(artist_id=user.id, generation_id=generation_id)
        .on_conflict_do_nothing()
    )
    count = select(func.count()).select_from(PinnedPicture).where(pinned)
    if session.scalars(count).one() > MAX_PINNED:
        problem = FieldProblem("At most %(most)d pinned pictures.", most=MAX_PINNED)
        raise PinLimitReached(limit=MAX_PINNED, fields={"generation_id": [problem]})


def unpin(session: Session, *, user: User, generation_id: int) -> None:
    """Take a pinned picture down from the own page.

    Raises ArtistOnly, and GenerationNotFound for a picture that is not pinned.
    """
    _lock_artist(session, user)
    unpinned = session.scalar(
        delete(PinnedPicture)
        .where(PinnedPicture.artist_id == user.id, PinnedPicture.generation_id == generation_id)
        .returning(PinnedPicture.generation_id)
    )
    if unpinned is None:
        raise GenerationNotFound(id=generation_id)


def delete_all(session: Session, user_id: int) -> None:
    """Delete the page of a person, and the person's pictures from the pages of others."""
    of_person = select(Generation.id).where(Generation.user_id == user_id)
    session.execute(
        delete(PinnedPicture).where(
            or_(
                PinnedPicture.artist_id == user_id,
                PinnedPicture.generation_id.in_(of_person),
            )
        )
    )
    session.execute(delete(ArtistPage).where(ArtistPage.user_id == user_id))


def _lock_artist(session: Session, user: User) -> None:
    accounts.lock_exclusively(session, user.id)
    if user.artist is None:
        raise ArtistOnly(role=user.role)
