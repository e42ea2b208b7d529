"""Artworks that artists show beside the samples of their styles: chosen, previewed, taken back.

Others see them while pictures can be ordered in the style (`IS_SHOWN`, `offers.orderable`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs
from webapp.domain.errors import ArtworkNotFound, FieldProblem, ValidationFailed
from webapp.domain.jobs import Lease
from webapp.domain.models.account import User
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.shown_artwork import MAX_SHOWN, ShownArtwork
from webapp.domain.models.style import Artwork, ArtworkStatus, Style
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import offers

IS_ACCEPTED = (Artwork.status == ArtworkStatus.VALID, ~Artwork.is_removed)
# Of a chosen artwork, besides that its style can be ordered.
IS_SHOWN = (*IS_ACCEPTED, ~Artwork.is_flagged, ShownArtwork.preview_key.is_not(None))


@dataclass(frozen=True, slots=True)
class Choice:
    """An artwork that is to be shown; its title may be empty."""

    artwork_id: int
    title: str = ""


def choose(
    session: Session, *, user: User, style_id: int, chosen: Sequence[Choice], request_id: str
) -> None:
    """Show these artworks of an own style, in this order, and no others.

    A preview that exists stays; any other is made by a job. Raises StyleNotFound, Forbidden,
    ArtworkNotFound for one that is not an accepted one of the style, and ValidationFailed for more
    than `MAX_SHOWN` or one that is named twice.
    """
    offers.lock_slot(session, user.id)
    offers.own_style(session, Viewer.of(user), style_id)
    _check(session, style_id, [choice.artwork_id for choice in chosen])
    rows = session.scalars(select(ShownArtwork).where(ShownArtwork.style_id == style_id)).all()
    wanted = {choice.artwork_id for choice in chosen}
    kept = {row.artwork_id: row for row in rows if row.artwork_id in wanted and _may_stay(row)}
    _delete(session, ShownArtwork.id.in_([row.id for row in rows if row not in kept.values()]))
    for place, choice in enumerate(chosen, 1):
        row = kept.get(choice.artwork_id)
        if row is not None:
            row.place, row.title = place, choice.title
            continue
        row = ShownArtwork(
            style_id=style_id, artwork_id=choice.artwork_id, place=place, title=choice.title
        )
        session.add(row)
        session.flush()
        jobs.enqueue(session, JobKind.ARTWORK_PREVIEW, row.id, request_id=request_id)
    session.flush()


def _may_stay(row: ShownArtwork) -> bool:
    """Tell whether a choice has its preview or will get it: what failed is tried again."""
    return row.failure_cause is None


def _check(session: Session, style_id: int, artwork_ids: list[int]) -> None:
    if len(artwork_ids) > MAX_SHOWN:
        problem = FieldProblem("At most %(most)d artworks.", most=MAX_SHOWN)
        raise ValidationFailed(fields={"artworks": [problem]})
    if len(set(artwork_ids)) < len(artwork_ids):
        raise ValidationFailed(fields={"artworks": [FieldProblem("Each artwork only once.")]})
    accepted = session.scalars(
        select(Artwork.id).where(
            Artwork.style_id == style_id, Artwork.id.in_(artwork_ids), *IS_ACCEPTED
        )
    )
    missing = set(artwork_ids) - set(accepted)
    if missing:
        raise ArtworkNotFound(id=min(missing))


def source_key(session: Session, lease: Lease) -> str | None:
    """Return the key of the artwork that a job reduces; None if the choice was taken back."""
    return session.scalar(
        select(Artwork.clean_key)
        .join(ShownArtwork, ShownArtwork.artwork_id == Artwork.id)
        .where(ShownArtwork.id == lease.ref)
    )


def record(session: Session, lease: Lease, *, preview_key: str, width: int, height: int) -> bool:
    """Record the preview; False if the fence is stale or the choice was taken back."""
    if not jobs.finish(session, lease.job_id, lease.fence, JobState.DONE):
        return False
    recorded = session.scalar(
        update(ShownArtwork)
        .where(ShownArtwork.id == lease.ref)
        .values(preview_key=preview_key, preview_width=width, preview_height=height)
        .returning(ShownArtwork.id)
    )
    return recorded is not None


def fail(session: Session, shown_id: int, cause: str, _message: str) -> None:
    """Record that no preview could be made; its artist may choose the artwork again."""
    session.execute(
        update(ShownArtwork)
        .where(ShownArtwork.id == shown_id, ShownArtwork.preview_key.is_(None))
        .values(failure_cause=cause)
    )


def delete_removed(session: Session, style_id: int) -> None:
    """Take back the choice of the artworks that were taken out of a style."""
    removed = select(Artwork.id).where(Artwork.style_id == style_id, Artwork.is_removed)
    _delete(session, ShownArtwork.style_id == style_id, ShownArtwork.artwork_id.in_(removed))


def delete_all(session: Session, artist_id: int) -> None:
    """Take back every choice of an artist."""
    styles = select(Style.id).where(Style.artist_id == artist_id)
    _delete(session, ShownArtwork.style_id.in_(styles))


def _delete(session: Session, *conditions: ColumnElement[bool]) -> None:
    """Delete choices with their jobs; a worker that makes a preview records nothing.

    Jobs first, as workers lock them. The files are garbage then.
    """
    ids = select(ShownArtwork.id).where(*conditions)
    session.execute(
        delete(Job).where(Job.kind == JobKind.ARTWORK_PREVIEW, Job.ref.in_(ids)),
        execution_options={"synchronize_session": False},
    )
    session.execute(
        delete(ShownArtwork).where(*conditions), execution_options={"synchronize_session": False}
    )
