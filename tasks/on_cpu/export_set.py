"""Export: lay finished jobs of one album out by a template, and keep the archive."""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, cast

from celery_config import TaskName
from failpoints import failpoint
from gpu.layouts.album import Album, Colour, Group, InvalidAlbum, Language, Layout, Photo, Variant
from gpu.layouts.archive import write_archive
from imaging.refusal import PictureRefused
from tasks.on_cpu import pictures
from tasks.on_cpu.step import LeaseLost, StepError, begin, keep_lease, storage, verdict
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.identifiers import object_key
from webapp.domain.jobs import Lease
from webapp.domain.services import sets_archives, sets_exports
from webapp.domain.services.sets_archives import ArchiveColour, ArchivePhoto, ArchiveWork

INVALID = "INVALID_ALBUM"
RENEW_EVERY_SECONDS = 20.0


@task(TaskName.EXPORT_SET)
def export_set(*, job_id: int) -> None:
    """Make an archive."""
    lease = begin(job_id, TaskName.EXPORT_SET)
    if lease is None:
        return
    with verdict(lease):
        with unit_of_work() as session:
            work = sets_archives.archive_work(session, lease)
        try:
            key, size = _stored(work, lease)
        except LeaseLost:
            return  # whoever has the job now begins anew
        failpoint("after_put")
        with unit_of_work() as session:
            sets_exports.record(session, lease, archive_key=key, size=size)


def _stored(work: ArchiveWork, lease: Lease) -> tuple[str, int]:
    """Write the archive on disk, for it may be gigabytes, and put it; return key and size.

    Raises LeaseLost, and StepError for an album that cannot be laid out.
    """
    keeper = _Keeper(lease)
    album = _album(work, keeper)
    with tempfile.TemporaryFile() as file:
        try:
            write_archive(album, Layout(work.template), file)
        except (InvalidAlbum, PictureRefused) as error:
            raise StepError(INVALID, str(error)) from error
        size = file.tell()
        file.seek(0)
        key = object_key(f"archives/{work.export_id}-{lease.fence}", "zip")
        # Sending gigabytes takes longer than a lease, too.
        storage().put(key, cast("BinaryIO", _Sent(file, keeper)), content_type="application/zip")
    return key, size


class _Keeper:
    """Keeps the lease while pictures are read and the archive is sent, a piece at a time."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._renewed = time.monotonic()

    def of(self, key: str) -> Callable[[], bytes]:
        """Return what reads an object. It raises LeaseLost, and StepError when it is missing."""

        def read() -> bytes:
            self.keep()
            return pictures.read(key)

        return read

    def keep(self) -> None:
        """Renew the lease, unless that was done a moment ago. Raises LeaseLost."""
        if time.monotonic() - self._renewed > RENEW_EVERY_SECONDS:
            keep_lease(self._lease)
            self._renewed = time.monotonic()


class _Sent(io.BufferedIOBase):
    """A file that is read to be sent, and keeps the lease meanwhile."""

    def __init__(self, file: IO[bytes], keeper: _Keeper) -> None:
        self._file, self._keeper = file, keeper

    def read(self, size: int | None = -1, /) -> bytes:
        self._keeper.keep()
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _album(work: ArchiveWork, reader: _Keeper) -> Album:
    try:
        return Album(
            preset=work.preset_id,
            title=work.title,
            language=Language(work.language),
            made_at=work.made_at,
            groups=tuple(Group(each.id, each.name, each.wanted) for each in work.groups),
            variants=tuple(
                Variant(each.job, each.name, each.rule, tuple(map(_colour, each.colours)))
                for each in work.variants
            ),
            photos=tuple(_photo(each, reader) for each in work.photos),
        )
    except InvalidAlbum as error:
        raise StepError(INVALID, str(error)) from error


def _photo(photo: ArchivePhoto, reader: _Keeper) -> Photo:
    return Photo(
        idx=photo.idx,
        group=photo.group,
        filename=photo.filename,
        before=reader.of(photo.photo_key),
        results={job: reader.of(key) for job, key in photo.results.items()},
        absent=photo.absent,
        colours={job: tuple(map(_colour, each)) for job, each in photo.colours.items()},
    )


def _colour(colour: ArchiveColour) -> Colour:
    path: Path | None = colour.swatch
    return Colour(
        colour.concept, colour.name, colour.hex, None if path is None else path.read_bytes
    )
