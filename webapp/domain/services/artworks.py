"""Training images: what an artist uploads, checked in the request, stored for validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, TypeVar

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.domain import images
from webapp.domain.db import UnitOfWork
from webapp.domain.errors import FieldProblem, ValidationFailed
from webapp.domain.gateways.storage import Storage
from webapp.domain.identifiers import object_key
from webapp.domain.image_errors import (
    IMAGE_ERRORS,
    DuplicateImage,
    ImageSizeExceeded,
    InsufficientImages,
    InvalidImageFormat,
    TooManyImages,
)
from webapp.domain.images import RefusedImage
from webapp.domain.models.style import Artwork, ArtworkStatus, Style
from webapp.domain.services import shown_artworks, tags

MIN_IMAGES = 10
MAX_IMAGES = 100
MAX_IMAGE_TAGS = 20
UPLOAD_TIME = timedelta(hours=1)
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png"}
SIMILAR = "SIMILAR_IMAGE"
"""Code of an artwork nearly the same as another: left out until its artist says otherwise."""

NAME = "work-{:03}"
"""The name of an artwork for workers, by its index."""


@dataclass(frozen=True)
class UploadedImage:
    """One file of a multipart request: bytes, or a seekable stream that is never read whole."""

    filename: str
    data: bytes | BinaryIO
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredImage:
    """A checked file in storage; `size` in bytes, `width` and `height` in pixels."""

    filename: str
    upload_key: str
    content_type: str
    size: int
    width: int
    height: int
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnusableArtwork:
    """An artwork that a worker could not use, named as in its job, and the code of the reason."""

    name: str
    code: str


@dataclass(frozen=True)
class DeclaredFile:
    """One file that will be uploaded straight to storage."""

    filename: str
    size: int
    content_type: str
    tags: tuple[str, ...] = ()


File = TypeVar("File", UploadedImage, DeclaredFile)


@dataclass(frozen=True)
class Upload:
    """The presigned upload of one declared file."""

    artwork_id: int
    idx: int
    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


def check_count(count: int) -> None:
    """Raise InsufficientImages or TooManyImages."""
    if count < MIN_IMAGES:
        raise InsufficientImages(count=count, min=MIN_IMAGES)
    if count > MAX_IMAGES:
        raise TooManyImages(count=count, max=MAX_IMAGES)


def inspect(uploaded: list[UploadedImage]) -> list[images.ImageHeader]:
    """Return the headers of all files, or raise the first bad one's error naming every bad one."""
    headers: list[images.ImageHeader] = []
    bad: list[RefusedImage] = []
    first_with: dict[str, int] = {}
    for idx, file in enumerate(uploaded):
        try:
            header = images.inspect(file.data, images.TRAINING_IMAGE)
        except images.BadImage as error:
            bad.append(_bad(idx, file, error.code, error.actual, error.limit))
            continue
        headers.append(header)
        first_idx = first_with.setdefault(header.sha256, idx)
        if first_idx != idx:
            bad.append(_bad(idx, file, DuplicateImage.code) | {"duplicate_of": first_idx})
    _refuse(bad)
    return headers


def check_declared(files: list[DeclaredFile]) -> None:
    """Raise the error of files that are declared too heavy or of another type."""
    limits = images.TRAINING_IMAGE
    bad: list[RefusedImage] = []
    for idx, file in enumerate(files):
        if file.content_type not in EXTENSIONS:
            formats = ", ".join(limits.formats)
            bad.append(_bad(idx, file, InvalidImageFormat.code, file.content_type, formats))
        elif file.size > limits.max_bytes:
            bad.append(_bad(idx, file, ImageSizeExceeded.code, file.size, limits.max_bytes))
    _refuse(bad)


def _bad(
    idx: int,
    file: UploadedImage | DeclaredFile,
    code: str,
    actual: int | str | None = None,
    limit: int | str | None = None,
) -> RefusedImage:
    return {
        "idx": idx,
        "filename": file.filename,
        "code": code,
        "actual": actual,
        "limit": limit,
    }


def _refuse(bad: Sequence[RefusedImage]) -> None:
    if not bad:
        return
    first = bad[0]
    if first["code"] == DuplicateImage.code:
        raise DuplicateImage(images=bad, duplicate_of=first["duplicate_of"])
    raise IMAGE_ERRORS[first["code"]](images=bad, **images.TRAINING_IMAGE.allowed(first["code"]))


def with_clean_tags(session: Session, files: list[File]) -> list[File]:
    """Return the files with their tags as they are kept.

    Raises ValidationFailed, InvalidTagLanguage and TagNotAllowed.
    """
    clean = [tags.normalise(file.tags, field="image_tags") for file in files]
    if any(len(words) > MAX_IMAGE_TAGS for words in clean):
        raise ValidationFailed(
            fields={"image_tags": [FieldProblem("At most %(most)d tags.", most=MAX_IMAGE_TAGS)]}
        )
    tags.refuse_blocked(session, {word for words in clean for word in words})
    return [replace(file, tags=tuple(words)) for file, words in zip(files, clean, strict=True)]


def store(
    unit_of_work: UnitOfWork,
    storage: Storage,
    uploaded: list[UploadedImage],
    check: Callable[[Session], object] = lambda _session: None,
) -> list[StoredImage]:
    """Check files and their tags, and put them into storage while no transaction is open.

    `check` may refuse the request before anything is stored. Raises the error of the first bad
    file, naming every bad one; then nothing was stored. Files that get no row afterwards are
    collected as garbage.
    """
    headers = inspect(uploaded)
    with unit_of_work() as session:
        uploaded = with_clean_tags(session, uploaded)
        check(session)
    return [_stored(storage, *each) for each in zip(uploaded, headers, strict=True)]


def _stored(storage: Storage, file: UploadedImage, header: images.ImageHeader) -> StoredImage:
    content_type = f"image/{header.format.lower()}"
    key = object_key("uploads", EXTENSIONS[content_type])
    storage.put(key, file.data, content_type=content_type)
    return StoredImage(
        filename=file.filename,
        upload_key=key,
        content_type=content_type,
        size=header.size,
        width=header.width,
        height=header.height,
        tags=file.tags,
    )


def add_stored(
    session: Session, style: Style, stored: list[StoredImage], *, first_idx: int
) -> None:
    """Add rows for files in storage, with clean tags."""
    for idx, file in enumerate(stored, first_idx):
        artwork = _new_artwork(session, style, idx, file, file.upload_key)
        artwork.width, artwork.height = file.width, file.height
    session.flush()


def add_declared(
    session: Session, storage: Storage, style: Style, files: list[DeclaredFile], *, first_idx: int
) -> list[Upload]:
    """Add rows for files to come, with clean tags, and return where each goes."""
    artworks = [
        _new_artwork(
            session, style, idx, file, object_key("uploads", EXTENSIONS[file.content_type])
        )
        for idx, file in enumerate(files, first_idx)
    ]
    session.flush()
    return [upload_for(storage, artwork) for artwork in artworks]


def _new_artwork(
    session: Session,
    style: Style,
    idx: int,
    file: StoredImage | DeclaredFile,
    upload_key: str,
) -> Artwork:
    name_tag = style.tags[0]
    artwork = Artwork(
        style_id=style.id,
        idx=idx,
        filename=file.filename,
        upload_key=upload_key,
        declared_size=file.size,
        content_type=file.content_type,
        tags=[name_tag, *(tag for tag in file.tags if tag != name_tag)],
    )
    style.tags = [*style.tags, *(tag for tag in file.tags if tag not in style.tags)]
    session.add(artwork)
    return artwork


def upload_for(storage: Storage, artwork: Artwork) -> Upload:
    """Return a new presigned upload for an artwork."""
    put = storage.presigned_put(
        artwork.upload_key, content_type=artwork.content_type, expires_in=UPLOAD_TIME
    )
    return Upload(
        artwork_id=artwork.id,
        idx=artwork.idx,
        method=put.method,
        url=put.url,
        headers=dict(put.headers),
        expires_at=datetime.now(UTC) + UPLOAD_TIME,
    )


def present(session: Session, style_id: int) -> list[Artwork]:
    """Return the images of a style that were not taken out, in order."""
    return list(
        session.scalars(
            select(Artwork)
            .where(Artwork.style_id == style_id, Artwork.is_removed.is_(False))
            .order_by(Artwork.idx)
        )
    )


def awaited(session: Session, style_id: int) -> list[Artwork]:
    """Return the images whose uploaded files are still needed; of judged ones they are gone."""
    return [
        artwork
        for artwork in present(session, style_id)
        if artwork.status == ArtworkStatus.PENDING and artwork.clean_key is None
    ]


def judge_again(session: Session, artworks: list[Artwork]) -> None:
    """Forget the verdicts, so that validation judges the new set as a whole.

    A refused image stays refused, for its bytes are gone; one that was only like another is not.
    """
    session.execute(
        update(Artwork)
        .where(
            Artwork.id.in_([artwork.id for artwork in artworks]),
            or_(Artwork.status == ArtworkStatus.VALID, Artwork.code == SIMILAR),
        )
        .values(status=ArtworkStatus.PENDING, code=None, twin_idx=None)
    )


def remove(
    session: Session, style_id: int, artwork_ids: list[int], *, accept_similar: bool = False
) -> None:
    """Take images out of the set, and those refused before; their rows stay as history.

    With `accept_similar` those that were only like another stay in it. None of those that are out
    is shown any more.
    """
    refused = Artwork.status == ArtworkStatus.REJECTED
    if accept_similar:
        refused = and_(refused, Artwork.code != SIMILAR)
    session.execute(
        update(Artwork)
        .where(Artwork.style_id == style_id, or_(Artwork.id.in_(artwork_ids), refused))
        .values(is_removed=True)
    )
    shown_artworks.delete_removed(session, style_id)


def leave_out(session: Session, style_id: int, unusable: Sequence[UnusableArtwork]) -> None:
    """Reject artworks that a training could not use; repeating it changes nothing."""
    for artwork in unusable:
        idx = artwork.name.removeprefix(NAME.partition("{")[0])
        if not idx.isdecimal():
            continue
        session.execute(
            update(Artwork)
            .where(
                Artwork.style_id == style_id,
                Artwork.idx == int(idx),
                Artwork.status == ArtworkStatus.VALID,
            )
            .values(status=ArtworkStatus.REJECTED, code=artwork.code)
        )


def next_idx(session: Session, style_id: int) -> int:
    """Return the index of the next image of a style."""
    last = session.scalar(select(func.max(Artwork.idx)).where(Artwork.style_id == style_id))
    return 0 if last is None else last + 1
