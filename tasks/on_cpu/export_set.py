"""Export: lay finished jobs of one album out by a template, and keep the archive."""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from celery_config import TaskName
from failpoints import failpoint
from gpu.layouts.album import Album, Colour, Group, InvalidAlbum, Language, Layout, Photo, Variant
from gpu.layouts.archive import archive_pieces
from imaging.refusal import PictureRefused
from tasks.on_cpu import pictures
from tasks.on_cpu.step import LeaseLost, StepError, begin, keep_lease, storage, verdict
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.identifiers import object_key
from webapp.domain.jobs import Lease
from webapp.domain.services import sets_archives, sets_exports
from webapp.domain.services.sets_archives import ArchiveColour, ArchivePhoto, ArchiveWork

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

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
    """Put the archive while it is made, for it may be tens of gigabytes; return key and size.

    Raises LeaseLost, and StepError for an album that cannot be laid out: then nothing is stored.
    """
    keeper = _Keeper(lease)
    album = _album(work, keeper)
    key = object_key(f"archives/{work.export_id}-{lease.fence}", "zip")
    sent = _Sent(archive_pieces(album, Layout(work.template)), keeper)
    try:
        storage().put_stream(key, cast("BinaryIO", sent), content_type="application/zip")
    except (InvalidAlbum, PictureRefused) as error:
        raise StepError(INVALID, str(error)) from error
    return key, sent.size


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


class _Sent(io.RawIOBase):
    """An archive that is made as far as it is read; keeps the lease meanwhile.

    `size` is how many bytes were read.
    """

    def __init__(self, pieces: Iterator[bytes], keeper: _Keeper) -> None:
        self._pieces, self._keeper = pieces, keeper
        self._piece = memoryview(b"")
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._keeper.keep()
        while not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
            if not self._piece:
                return 0
        target = memoryview(buffer)
        count = min(len(target), len(self._piece))
        target[:count], self._piece = self._piece[:count], self._piece[count:]
        self.size += count
        return count


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
