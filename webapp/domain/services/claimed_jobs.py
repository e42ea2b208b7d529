"""What a GPU worker gets with a lease: the payload of its job and short-lived URLs.

Every key that a worker may write contains the fence and a nonce, so a late worker can neither
overwrite nor publish anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from ulid import ULID

from webapp.domain.gateways.objects import KEY_PATTERN, MAX_KEY_LENGTH
from webapp.domain.gateways.storage import Storage
from webapp.domain.jobs import Lease
from webapp.domain.models.checkpoint import Checkpoint
from webapp.domain.models.documents import SearchedConcept
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import JobKind
from webapp.domain.models.sets_restyle import SetsRestyle
from webapp.domain.models.style import Artwork, ArtworkStatus, Style
from webapp.domain.models.training import TrainingRun
from webapp.domain.services import checkpoints, sets_segmentations
from webapp.domain.services.artworks import MIN_IMAGES, NAME
from webapp.domain.settings import settings

URL_LIFETIME = timedelta(hours=2)
# After so many checkpoints under one lease a worker ends its slice and continues under the next.
MAX_CHECKPOINTS = 20
PNG = "image/png"
SAFETENSORS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class UploadUrl:
    """A presigned upload of one object; the worker must send exactly these headers."""

    key: str
    method: str
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """The input of a rendering. Sizes in pixels."""

    generation_id: int
    base_model: str
    adapter_sha256: str
    trigger: str
    prompt_tags: Sequence[str]
    negative_tags: Sequence[str]
    width: int
    height: int
    seed: int
    style_strength: float
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaintJob(RenderJob):
    """The input of a rendering that repaints a part of a picture; `change` says how much, 0–1."""

    change: float


@dataclass(frozen=True, slots=True)
class TrainingImage:
    """One artwork of a training, named as in the downloads."""

    name: str
    tags: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """The input of a training."""

    style_id: int
    training_run_id: int
    base_model: str
    trigger: str
    seed: int
    sample_count: int
    kept_checkpoints: int
    slice_seconds: float
    least_works: int
    works: Sequence[TrainingImage]
    metadata: Mapping[str, str]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentJob:
    """The input of a segmentation. Sizes in pixels of the downloaded photo."""

    segmentation_id: int
    width: int | None
    height: int | None
    concepts: Sequence[SearchedConcept]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A claimed job as its worker sees it: its fence, its input, and short-lived URLs by name.

    The fields are those of `tasks.messages.ClaimedJob`, which the domain may not import.
    """

    job_id: int
    kind: JobKind
    fence: int
    attempt: int
    lease_seconds: int
    payload: RenderJob | TrainJob | SegmentJob
    download: Mapping[str, str]
    upload: Mapping[str, UploadUrl]


# The input of a job, its downloads, and its uploads.
_Input = tuple[RenderJob | TrainJob | SegmentJob, dict[str, str], dict[str, UploadUrl]]


def lease_seconds(kind: JobKind) -> int:
    """Return the lease of this kind: how long a worker may be without a report."""
    return {
        JobKind.TRAINING: settings().training_lease_seconds,
        JobKind.GENERATION: settings().generation_lease_seconds,
        JobKind.SEGMENTATION: settings().segmentation_lease_seconds,
    }[kind]


def raw_prefix(lease: Lease) -> str:
    """Return where this lease may put the raw image."""
    return f"raw/{lease.ref}/{lease.fence}-"


def training_prefix(lease: Lease) -> str:
    """Return where this lease may put adapters, checkpoints and samples."""
    return f"training/{lease.ref}/{lease.fence}-"


def mask_prefix(lease: Lease) -> str:
    """Return where this lease may put masks."""
    return f"masks/{lease.ref}/{lease.fence}-"


def is_under(prefix: str, keys: Iterable[str]) -> bool:
    """Return whether all are valid storage keys under the prefix of a lease."""
    return all(
        key.startswith(prefix) and len(key) <= MAX_KEY_LENGTH and KEY_PATTERN.fullmatch(key)
        for key in keys
    )


def claimed_job(session: Session, storage: Storage, lease: Lease) -> ClaimedJob:
    """Return the claimed job as the worker sees it."""
    payload, download, upload = _JOBS[lease.kind](session, storage, lease)
    return ClaimedJob(
        job_id=lease.job_id,
        kind=lease.kind,
        fence=lease.fence,
        attempt=lease.attempt,
        lease_seconds=lease_seconds(lease.kind),
        payload=payload,
        download=download,
        upload=upload,
    )


def _render_job(session: Session, storage: Storage, lease: Lease) -> _Input:
    generation, style, tried, canvas = session.execute(
        select(Generation, Style, Checkpoint, SetsRestyle)
        .join(Style, Style.id == Generation.style_id)
        .outerjoin(Checkpoint, Checkpoint.id == Generation.checkpoint_id)
        .outerjoin(SetsRestyle, SetsRestyle.generation_id == Generation.id)
        .where(Generation.id == lease.ref)
    ).one()
    payload = RenderJob(
        generation_id=generation.id,
        base_model=style.base_model,
        adapter_sha256=generation.adapter_sha256,
        trigger=style.trigger,
        prompt_tags=generation.prompt_tags,
        negative_tags=generation.negative_tags,
        width=generation.width,
        height=generation.height,
        seed=generation.seed,
        style_strength=generation.style_strength,
        request_id=lease.request_id,
    )
    adapter_key = style.adapter_key if tried is None else tried.adapter_key
    download = {"adapter": storage.presigned_get(adapter_key or "", expires_in=URL_LIFETIME)}
    if canvas is not None:
        payload = RepaintJob(**asdict(payload), change=canvas.change)
        for name, key in (("picture", canvas.picture_key), ("mask", canvas.mask_key)):
            download[name] = storage.presigned_get(key, expires_in=URL_LIFETIME)
    upload = {"image": _put_url(storage, raw_prefix(lease), "png", PNG)}
    return payload, download, upload


def _train_job(session: Session, storage: Storage, lease: Lease) -> _Input:
    run, style = session.execute(
        select(TrainingRun, Style)
        .join(Style, Style.id == TrainingRun.style_id)
        .where(TrainingRun.id == lease.ref)
    ).one()
    training_images = session.scalars(
        select(Artwork)
        .where(
            Artwork.style_id == style.id,
            Artwork.status == ArtworkStatus.VALID,
            Artwork.is_removed.is_(False),
        )
        .order_by(Artwork.idx)
    ).all()
    payload = TrainJob(
        style_id=style.id,
        training_run_id=run.id,
        base_model=style.base_model,
        trigger=style.trigger,
        seed=run.seed,
        sample_count=checkpoints.SAMPLES,
        kept_checkpoints=checkpoints.KEPT,
        slice_seconds=settings().training_slice_seconds,
        least_works=MIN_IMAGES,
        works=[TrainingImage(NAME.format(each.idx), each.tags) for each in training_images],
        metadata={"style_id": str(style.id), "license": style.license_type},
        request_id=lease.request_id,
    )
    download = {
        NAME.format(each.idx): storage.presigned_get(each.clean_key or "", expires_in=URL_LIFETIME)
        for each in training_images
    }
    if run.checkpoint_key:
        download["checkpoint"] = storage.presigned_get(run.checkpoint_key, expires_in=URL_LIFETIME)
    prefix = training_prefix(lease)
    upload = {
        "adapter": _put_url(storage, prefix, "safetensors", SAFETENSORS),
        "checkpoint": _put_url(storage, prefix, "checkpoint", SAFETENSORS),
    }
    for k in range(MAX_CHECKPOINTS):
        upload[f"style-{k:03}"] = _put_url(storage, prefix, "safetensors", SAFETENSORS)
    for k in range(MAX_CHECKPOINTS * checkpoints.SAMPLES):
        upload[f"sample-{k:03}"] = _put_url(storage, prefix, "png", PNG)
    for k in range(checkpoints.SAMPLES):
        upload[f"base-{k:03}"] = _put_url(storage, prefix, "png", PNG)
    return payload, download, upload


def _segment_job(session: Session, storage: Storage, lease: Lease) -> _Input:
    run, photo = sets_segmentations.run_of(session, lease.ref)
    payload = SegmentJob(
        segmentation_id=run.id,
        width=photo.width,
        height=photo.height,
        concepts=run.concepts,
        request_id=lease.request_id,
    )
    download = {"photo": storage.presigned_get(photo.photo_key or "", expires_in=URL_LIFETIME)}
    upload = {
        f"mask-{number:03}": _put_url(storage, mask_prefix(lease), "png", PNG)
        for number in range(sets_segmentations.MAX_MASKS)
    }
    return payload, download, upload


def _put_url(storage: Storage, prefix: str, extension: str, content_type: str) -> UploadUrl:
    key = f"{prefix}{ULID()}.{extension}"
    put = storage.presigned_put(key, content_type=content_type, expires_in=URL_LIFETIME)
    return UploadUrl(key, put.method, put.url, put.headers)


_JOBS: dict[JobKind, Callable[[Session, Storage, Lease], _Input]] = {
    JobKind.TRAINING: _train_job,
    JobKind.GENERATION: _render_job,
    JobKind.SEGMENTATION: _segment_job,
}
