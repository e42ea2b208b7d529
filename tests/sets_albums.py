"""Jobs of Sets for tests: an account with credits, an album, its photos and their masks."""

import hashlib
from datetime import timedelta
from itertools import count

import numpy as np
from PIL import Image
from sqlalchemy import select, update

from gpu.segmenting.masks import bounding_box, encode_mask
from tests.images import encoded
from webapp.domain import jobs
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.sets_account import CreditKind, SetsAccount
from webapp.domain.models.sets_instance import InstanceSource, SetsInstance
from webapp.domain.models.sets_job import SetsJob, SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus, SetsEdit, SetsPhoto
from webapp.domain.services import sets_credits

WALL = {"Wall": {"action": "recolor", "value": "#C04A2B"}}
SIZE = (320, 256)
_numbers = count(1)


def account(session, *, balance: int = 10, user=None, **columns) -> SetsAccount:
    """An account with as many credits, anonymous unless it is a user's."""
    number = next(_numbers)
    made = SetsAccount(public_id=f"u_{number}", user_id=user and user.id, **columns)
    session.add(made)
    session.flush()
    if balance:
        sets_credits.add_entry(
            session, made.id, CreditKind.WELCOME, balance, key=f"test-credits-{number}"
        )
    return made


def album(
    session,
    storage=None,
    *,
    of: SetsAccount | None = None,
    photos: int = 2,
    status: SetsJobStatus = SetsJobStatus.UPLOADED,
    photo_status: PhotoStatus = PhotoStatus.READY,
    **columns,
) -> SetsJob:
    """A job whose photos stand alike, with reserved credits; their files lie in a given storage."""
    number = next(_numbers)
    made = SetsJob(
        **{
            "public_id": f"job_{number}",
            "account_id": (of or account(session, balance=photos)).id,
            "preset_id": "interior",
            "status": status,
            "item_count": photos,
            "concepts": WALL,
            "protect": [],
            "expires_at": jobs.NOW + timedelta(days=30),
        }
        | columns
    )
    session.add(made)
    session.flush()
    rows = [_photo(session, storage, made, idx, photo_status) for idx in range(photos)]
    sets_credits.reserve(session, made, rows, attempt=1)
    return made


def finished(session, storage, of: SetsAccount, **columns) -> SetsJob:
    """A job whose photos are done."""
    job = album(session, storage, of=of, status=SetsJobStatus.RUNNING, **columns)
    for photo in photos_of(session, job):
        photo.status, photo.result_key = PhotoStatus.DONE, f"results/{photo.id}.png"
        storage.put(photo.result_key, photo_png(photo.id), content_type="image/png")
        for edit in edits_of(session, photo):
            sets_credits.deliver(session, edit.id)
    job.status = SetsJobStatus.DONE
    session.flush()
    return job


def photo_png(seed: int = 0, size: tuple[int, int] = SIZE) -> bytes:
    """A photo with a grey left half, the wall, and structure on the right; one for each seed."""
    levels = np.full((size[1], size[0], 3), 90 + seed % 100, np.uint8)
    levels[:, size[0] // 2 :] = np.arange(size[0] - size[0] // 2, dtype=np.uint8)[None, :, None]
    levels[0, 0] = seed % 256, seed // 256 % 256, 7
    return encoded(Image.fromarray(levels))


def sha256(data: bytes) -> str:
    """The hash of a file, in hex."""
    return hashlib.sha256(data).hexdigest()


def left_half(size: tuple[int, int] = SIZE) -> np.ndarray:
    """The mask of the wall of `photo_png`."""
    mask = np.zeros((size[1], size[0]), np.bool_)
    mask[:, : size[0] // 2] = True
    return mask


def photos_of(session, job: SetsJob) -> list[SetsPhoto]:
    """The photos of a job as they stand in the database now."""
    query = select(SetsPhoto).where(SetsPhoto.job_id == job.id).order_by(SetsPhoto.idx)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def instance(
    session, photo: SetsPhoto, storage=None, *, concept: str = "Wall", mask=None, **columns
) -> SetsInstance:
    """An instance in a photo: the left half, clicked, unless the arguments say otherwise."""
    mask = left_half((photo.width, photo.height)) if mask is None else mask
    number = next(_numbers)
    key = f"masks/{number}.png"
    made = SetsInstance(
        **{
            "public_id": f"inst_{number}",
            "photo_id": photo.id,
            "concept": concept,
            "number": number,
            "source": InstanceSource.CLICKED,
            "points": [],
            "mask_key": key,
            "box": list(bounding_box(mask)),
            "area": int(mask.sum()),
            "score": 1.0,
        }
        | columns
    )
    session.add(made)
    session.flush()
    if storage is not None:
        storage.put(made.mask_key, encode_mask(mask).png, content_type="image/png")
    return made


def put_all(session, job: SetsJob, status: PhotoStatus, *idx: int, **columns) -> None:
    """Put photos where a test wants them, past all rules; all of the job if none is named."""
    chosen = [SetsPhoto.idx.in_(idx)] if idx else []
    session.execute(
        update(SetsPhoto)
        .where(SetsPhoto.job_id == job.id, *chosen)
        .values(status=status, **columns)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()


def work(session, kind: JobKind) -> list[Job]:
    """The jobs of a kind in the platform's table, the oldest first, as they stand now."""
    query = select(Job).where(Job.kind == kind).order_by(Job.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def edits_of(session, photo: SetsPhoto) -> list[SetsEdit]:
    """The edits of a photo, the first attempt first."""
    query = select(SetsEdit).where(SetsEdit.photo_id == photo.id).order_by(SetsEdit.attempt)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def credits_of(session, job: SetsJob) -> int:
    """The credits that the account of a job has left."""
    found = select(SetsAccount.credits).where(SetsAccount.id == job.account_id)
    return session.scalars(found).one()


def _photo(session, storage, job: SetsJob, idx: int, status: PhotoStatus) -> SetsPhoto:
    number = next(_numbers)
    data = photo_png(number)
    is_checked = status not in {PhotoStatus.AWAITED, PhotoStatus.CHECKING}
    checked = {
        "photo_key": f"photos/{number}.png",
        "preview_key": f"photo_previews/{number}.webp",
        "width": SIZE[0],
        "height": SIZE[1],
    }
    made = SetsPhoto(
        job_id=job.id,
        idx=idx,
        position=idx,
        filename=f"room {idx}.png",
        content_type="image/png",
        upload_key=f"uploads/sets-{number}.png",
        sha256=sha256(data),
        status=status,
        **(checked if is_checked else {}),
    )
    session.add(made)
    session.flush()
    if storage is not None:
        storage.put(made.photo_key or made.upload_key, data, content_type="image/png")
    return made
