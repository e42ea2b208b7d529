"""The signing of a raw image and its delivery: input and results of the last two CPU steps."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from celery_config import TaskName
from webapp.domain import jobs
from webapp.domain.jobs import Lease
from webapp.domain.models.account import Artist
from webapp.domain.models.documents import StampedFiles
from webapp.domain.models.generation import Generation, Order
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.style import Style
from webapp.domain.services import generations, sets_canvases, watermarks
from webapp.domain.services.licenses import certificate_url, ordered
from webapp.domain.services.signatures import ArtistSignature
from webapp.domain.services.watermarks import Watermark
from webapp.domain.settings import settings


@dataclass(frozen=True)
class StampInput:
    """The input of the stamping step, read in one transaction.

    With `is_canvas` the raw image is still needed after the step, for its photo.
    """

    lease: Lease
    raw_key: str
    raw_sha256: str
    is_canvas: bool
    watermark: Watermark
    signature: ArtistSignature
    artist_id: int
    artist_name: str
    style_id: int
    style_name: str
    style_url: str
    base_model: str
    generation_id: int
    license_type: str
    license_public_id: str
    certificate_url: str
    created_at: datetime


@dataclass(frozen=True)
class StampedImage:
    """The signed image in storage, to be recorded by `deliver_generation`.

    Images that were stamped before an update have no hashes of preview and thumbnail.
    """

    image_key: str
    preview_key: str
    thumbnail_key: str
    image_sha256: str
    image_size: int
    perceptual_hash: str
    preview_sha256: str | None = None
    thumbnail_sha256: str | None = None


def stamp_input(session: Session, lease: Lease) -> StampInput:
    """Read the input of the stamping step; draw the watermark of an image that has none."""
    generation, order, style, artist = session.execute(
        select(Generation, Order, Style, Artist)
        .join(Order, Order.id == Generation.order_id)
        .join(Style, Style.id == Generation.style_id)
        .join(Artist, Artist.user_id == Style.artist_id)
        .where(Generation.id == lease.ref)
    ).one()
    return StampInput(
        lease=lease,
        raw_key=lease.handover["raw_key"],
        raw_sha256=lease.handover["raw_sha256"],
        is_canvas=sets_canvases.is_canvas(session, generation.id),
        watermark=watermarks.assigned(session, generation.id),
        signature=ArtistSignature.of(artist),
        artist_id=artist.user_id,
        artist_name=artist.artist_name,
        style_id=style.id,
        style_name=style.name,
        style_url=f"{settings().public_base_url}/styles/{style.id}",
        base_model=style.base_model,
        generation_id=generation.id,
        license_type=ordered(order, style),
        license_public_id=generation.license_public_id,
        certificate_url=certificate_url(settings().public_base_url, generation.license_public_id),
        created_at=generation.created_at,
    )


def record_stamped(session: Session, lease: Lease, image: StampedImage) -> bool:
    """Record the signed image and queue its delivery; False if the fence is stale."""
    if not jobs.queue_next_step(session, lease, image=cast("StampedFiles", asdict(image))):
        return False
    raw = lease.handover
    sets_canvases.record_painted(session, lease.ref, raw["raw_key"], raw["raw_sha256"])
    return True


def deliver(session: Session, job_id: int) -> bool:
    """Deliver the signed image in one transaction: pay the artist, issue the certificate, notify.

    Returns False if it was already delivered.
    """
    job = session.get(Job, job_id)
    if job is None or job.kind != JobKind.GENERATION:
        return False
    if not jobs.finish_waiting(session, job_id, TaskName.DELIVER_GENERATION, JobState.DONE):
        return False
    image = StampedImage(**job.handover["image"])
    generations.complete(
        session,
        job.ref,
        image.perceptual_hash,
        image_key=image.image_key,
        preview_key=image.preview_key,
        thumbnail_key=image.thumbnail_key,
        image_sha256=image.image_sha256,
        preview_sha256=image.preview_sha256,
        thumbnail_sha256=image.thumbnail_sha256,
        image_size=image.image_size,
    )
    return True
