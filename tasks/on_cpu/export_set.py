"""Export: lay out finished jobs of one album by a template and store the archive."""

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
from tasks.on_cpu.attempt import AttemptFailed, LeaseLost, attempt, claim, keep_lease, storage
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
    """Write and store the archive of an export."""
    lease = claim(job_id, TaskName.EXPORT_SET)
    if lease is None:
        return
    with attempt(lease):
        with unit_of_work() as session:
            work = sets_archives.archive_work(session, lease)
        try:
            key, size = _store(work, lease)
        except LeaseLost:
            return
        failpoint("after_put")
        with unit_of_work() as session:
            sets_exports.record(session, lease, archive_key=key, size=size)


def _store(work: ArchiveWork, lease: Lease) -> tuple[str, int]:
    """Write the archive to disk, because it may be gigabytes, and upload it; return key and size.

    Raises LeaseLost, and AttemptFailed for an album that cannot be laid out.
    """
    renewal = _LeaseRenewal(lease)
    album = _album(work, renewal)
    with tempfile.TemporaryFile() as file:
        try:
            write_archive(album, Layout(work.template), file)
        except (InvalidAlbum, PictureRefused) as error:
            raise AttemptFailed(INVALID, str(error)) from error
        size = file.tell()
        file.seek(0)
        key = object_key(f"archives/{work.export_id}-{lease.fence}", "zip")
        # Uploading gigabytes takes longer than a lease, too.
        storage().put(key, cast("BinaryIO", _Upload(file, renewal)), content_type="application/zip")
    return key, size


class _LeaseRenewal:
    """Renews the lease while pictures are read and the archive is uploaded."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._renewed = time.monotonic()

    def reader(self, key: str) -> Callable[[], bytes]:
        """Return a function that reads an object; it raises LeaseLost and AttemptFailed."""

        def read() -> bytes:
            self.renew()
            return pictures.read(key)

        return read

    def renew(self) -> None:
        """Renew the lease at most every RENEW_EVERY_SECONDS. Raises LeaseLost."""
        if time.monotonic() - self._renewed > RENEW_EVERY_SECONDS:
            keep_lease(self._lease)
            self._renewed = time.monotonic()


class _Upload(io.BufferedIOBase):
    """A file whose reads renew the lease."""

    def __init__(self, file: IO[bytes], renewal: _LeaseRenewal) -> None:
        self._file, self._renewal = file, renewal

    def read(self, size: int | None = -1, /) -> bytes:
        self._renewal.renew()
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _album(work: ArchiveWork, renewal: _LeaseRenewal) -> Album:
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
            photos=tuple(_photo(each, renewal) for each in work.photos),
        )
    except InvalidAlbum as error:
        raise AttemptFailed(INVALID, str(error)) from error


def _photo(photo: ArchivePhoto, renewal: _LeaseRenewal) -> Photo:
    return Photo(
        idx=photo.idx,
        group=photo.group,
        filename=photo.filename,
        before=renewal.reader(photo.photo_key),
        results={job: renewal.reader(key) for job, key in photo.results.items()},
        absent=photo.absent,
        colours={job: tuple(map(_colour, each)) for job, each in photo.colours.items()},
    )


def _colour(colour: ArchiveColour) -> Colour:
    path: Path | None = colour.swatch
    return Colour(
        colour.concept, colour.name, colour.hex, None if path is None else path.read_bytes
    )
