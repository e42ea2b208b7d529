"""Canvases of photos of Sets: ordered as generations of a style, then used by the photo's edit.

Each region is one generation: its price is in escrow until it is delivered or refunded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.domain import jobs, sets_presets
from webapp.domain.errors import InsufficientTokens
from webapp.domain.jobs import Lease
from webapp.domain.models.account import Artist
from webapp.domain.models.generation import AspectRatio, Generation, GenerationStatus
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsEdit, SetsPhoto
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.style import Style
from webapp.domain.services import (
    accounts,
    generations,
    ledger,
    prompts,
    sets_choices,
    sets_photos,
    sets_restyle_checks,
)
from webapp.domain.services.duplicates import NOT_DELIVERED
from webapp.domain.services.sets_restyle_checks import Offer
from webapp.domain.services.signatures import ArtistSignature
from webapp.domain.sets_errors import AuthRequired

WAIT_SECONDS = 20
"""An edit checks its canvases after this time; the end of the last one makes it due earlier."""


class CanvasStatus(StrEnum):
    """The status of all canvases of an edit."""

    NOT_ORDERED = "not_ordered"
    UNFINISHED = "unfinished"
    FAILED = "failed"
    PAINTED = "painted"


@dataclass(frozen=True)
class NewCanvas:
    """A stored canvas that has to be painted; `size` is its width and height.

    `frame` is its position in the photo: the `numbers` of a frame of `gpu.rules`. `change` is 0–1.
    """

    instance_id: int
    concept: str
    style_id: int
    change: float
    frame: tuple[float, ...]
    size: tuple[int, int]
    picture_key: str
    mask_key: str
    sha256: str


@dataclass(frozen=True)
class Painting:
    """A painted canvas, with the artist of its style and the artist's signature."""

    instance_id: int
    frame: tuple[float, ...]
    size: tuple[int, int]
    picture_key: str
    mask_key: str
    painted_key: str
    painted_sha256: str
    artist_id: int
    signature: ArtistSignature


def canvas_status(session: Session, edit_id: int) -> CanvasStatus:
    """Return the status of all canvases of an edit."""
    states = set(
        session.scalars(
            select(Generation.status)
            .join(SetsRestyle, SetsRestyle.generation_id == Generation.id)
            .where(SetsRestyle.edit_id == edit_id)
        )
    )
    if not states:
        return CanvasStatus.NOT_ORDERED
    if states & set(NOT_DELIVERED):
        return CanvasStatus.FAILED
    is_painted = states == {GenerationStatus.COMPLETED}
    return CanvasStatus.PAINTED if is_painted else CanvasStatus.UNFINISHED


def wait(session: Session, lease: Lease) -> bool:
    """Queue an edit again until its canvases are painted; False if the fence is stale."""
    return jobs.postpone(session, lease, WAIT_SECONDS)


def paintings(session: Session, edit_id: int) -> tuple[Painting, ...]:
    """Return the canvases of an edit; all of them must be painted."""
    rows = session.execute(
        select(SetsRestyle, Generation, Artist)
        .join(Generation, Generation.id == SetsRestyle.generation_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
        .where(SetsRestyle.edit_id == edit_id)
        .order_by(SetsRestyle.id)
    )
    return tuple(
        Painting(
            instance_id=row.instance_id,
            frame=tuple(row.frame),
            size=(image.width, image.height),
            picture_key=row.picture_key,
            mask_key=row.mask_key,
            painted_key=row.painted_key or "",
            painted_sha256=row.painted_sha256 or "",
            artist_id=artist.user_id,
            signature=ArtistSignature.of(artist),
        )
        for row, image, artist in rows
    )


def order(session: Session, lease: Lease, canvases: Sequence[NewCanvas]) -> bool:
    """Order the canvases of an edit, hold their price, and queue the edit again.

    All in the caller's transaction; False if the fence is stale: then nothing is ordered. Canvases
    that an earlier attempt has paid are reused. Raises the errors of an order of an image:
    InsufficientTokens, StyleNotFound, PriceChanged and so on.
    """
    photo, job = session.execute(
        select(SetsPhoto, SetsJob)
        .join(SetsJob, SetsJob.id == SetsPhoto.job_id)
        .join(SetsEdit, SetsEdit.photo_id == SetsPhoto.id)
        .where(SetsEdit.id == lease.ref)
    ).one()
    sets_photos.lock_job(session, job.id)
    if not wait(session, lease):
        return False
    new = [canvas for canvas in canvases if not _reuse(session, lease.ref, photo.id, canvas)]
    if not new:
        jobs.make_due(session, lease.job_id)
        return True
    user_id = session.scalar(select(SetsAccount.user_id).where(SetsAccount.id == job.account_id))
    if user_id is None:
        raise AuthRequired
    accounts.lock_active(session, user_id)
    offers = {
        style_id: sets_restyle_checks.agreed(session, job, user_id, style_id)
        for style_id in sorted({canvas.style_id for canvas in new})
    }
    total = sum(offers[canvas.style_id].price_tokens for canvas in new)
    available = ledger.spendable(session, user_id, lock=True)
    if available < total:
        raise InsufficientTokens(required=total, available=available)
    for canvas in new:
        image = _ordered(session, lease, photo, job, user_id, offers[canvas.style_id], canvas)
        _add(session, lease.ref, photo, canvas, image.id)
    return True


def _reuse(session: Session, edit_id: int, photo_id: int, canvas: NewCanvas) -> bool:
    """Move the same canvas from an earlier edit of the photo to this edit; False without one."""
    edits_of_photo = select(SetsEdit.id).where(SetsEdit.photo_id == photo_id)
    usable = select(Generation.id).where(
        Generation.style_id == canvas.style_id, Generation.status.not_in(NOT_DELIVERED)
    )
    painted_id = session.execute(
        update(SetsRestyle)
        .where(
            SetsRestyle.instance_id == canvas.instance_id,
            SetsRestyle.canvas_sha256 == canvas.sha256,
            SetsRestyle.change == canvas.change,
            SetsRestyle.edit_id.in_(edits_of_photo),
            SetsRestyle.generation_id.in_(usable),
        )
        .values(edit_id=edit_id)
        .returning(SetsRestyle.id)
    ).first()
    return painted_id is not None


def _ordered(
    session: Session,
    lease: Lease,
    photo: SetsPhoto,
    job: SetsJob,
    user_id: int,
    offer: Offer,
    canvas: NewCanvas,
) -> Generation:
    """Order the generation of a canvas, which stays private, and hold its price."""
    preset = sets_presets.preset(job.preset_id)
    setting = sets_choices.settings_of(job, photo).get(canvas.concept)
    prompt = None if setting is None else setting.get("prompt")
    described = sets_restyle_checks.words(preset, canvas.concept, prompt)
    order = generations.place(
        session,
        user_id=user_id,
        style=offer.style,
        seeds=generations.seeds_of(None, 1),
        aspect_ratio=next(each for each in AspectRatio if each.size == canvas.size),
        price_tokens=offer.price_tokens,
        license_type=offer.license_type,
        request_id=lease.request_id,
        prompt_tags=prompts.clean_prompt(session, [described], field="prompt", at_least=1),
        negative_tags=[],
        style_strength=1.0,
        adapter_sha256=offer.style.adapter_sha256,
    )
    return session.scalars(select(Generation).where(Generation.order_id == order.id)).one()


def _add(
    session: Session, edit_id: int, photo: SetsPhoto, canvas: NewCanvas, generation_id: int
) -> None:
    session.add(
        SetsRestyle(
            edit_id=edit_id,
            instance_id=canvas.instance_id,
            generation_id=generation_id,
            concept=canvas.concept,
            picture_key=canvas.picture_key,
            mask_key=canvas.mask_key,
            canvas_sha256=canvas.sha256,
            change=canvas.change,
            frame=list(canvas.frame),
            photo_sha256=photo.sha256 or "",
        )
    )
    session.flush()
