"""Export: lay out finished jobs of one album by a template and store the archive."""

from pathlib import Path
from typing import BinaryIO, cast

from celery_config import TaskName
from failpoints import failpoint
from gpu.layouts.album import Album, Colour, Group, InvalidAlbum, Language, Layout, Photo, Variant
from gpu.layouts.archive import archive_pieces
from imaging.refusal import PictureRefused
from tasks.on_cpu.archive_streams import ArchiveStream, LeaseRenewal
from tasks.on_cpu.attempt import AttemptFailed, attempt, claim, storage
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.identifiers import object_key
from webapp.domain.jobs import Lease
from webapp.domain.services import sets_archives, sets_exports
from webapp.domain.services.sets_archives import ArchiveColour, ArchiveInput, ArchivePhoto

INVALID = "INVALID_ALBUM"


@task(TaskName.EXPORT_SET)
def export_set(*, job_id: int) -> None:
    """Write and store the archive of an export."""
    lease = claim(job_id, TaskName.EXPORT_SET)
    with attempt(lease):
        with unit_of_work() as session:
            archive = sets_archives.archive_input(session, lease)
        key, size = _store(archive, lease)
        failpoint("after_put")
        with unit_of_work() as session:
            sets_exports.record(session, lease, archive_key=key, size=size)


def _store(archive: ArchiveInput, lease: Lease) -> tuple[str, int]:
    """Upload the archive while it is written, it may be tens of gigabytes; return key and size.

    Raises LeaseLost, AttemptFailed for an album that cannot be laid out; nothing is stored then.
    """
    renewal = LeaseRenewal(lease)
    album = _album(archive, renewal)
    key = object_key(f"archives/{archive.export_id}-{lease.fence}", "zip")
    stream = ArchiveStream(archive_pieces(album, Layout(archive.template)), renewal)
    try:
        storage().put_stream(key, cast("BinaryIO", stream), content_type="application/zip")
    except (InvalidAlbum, PictureRefused) as error:
        raise AttemptFailed(INVALID, str(error)) from error
    return key, stream.size


def _album(archive: ArchiveInput, renewal: LeaseRenewal) -> Album:
    try:
        return Album(
            preset=archive.preset_id,
            title=archive.title,
            language=Language(archive.language),
            made_at=archive.made_at,
            groups=tuple(Group(each.id, each.name, each.needed) for each in archive.groups),
            variants=tuple(
                Variant(each.job, each.name, each.rule, tuple(map(_colour, each.colours)))
                for each in archive.variants
            ),
            photos=tuple(_photo(each, renewal) for each in archive.photos),
        )
    except InvalidAlbum as error:
        raise AttemptFailed(INVALID, str(error)) from error


def _photo(photo: ArchivePhoto, renewal: LeaseRenewal) -> Photo:
    return Photo(
        idx=photo.idx,
        group=photo.group,
        filename=photo.filename,
        before=renewal.reader(photo.photo_key),
        results={job: renewal.reader(key) for job, key in photo.results.items()},
        colours={job: tuple(map(_colour, each)) for job, each in photo.colours.items()},
    )


def _colour(colour: ArchiveColour) -> Colour:
    path: Path | None = colour.swatch
    return Colour(
        colour.concept, colour.name, colour.hex, None if path is None else path.read_bytes
    )
