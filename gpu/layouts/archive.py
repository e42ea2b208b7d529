"""Write an album as a zip: full-size results, the sheets of a template, and a manifest.

The archive is generated sequentially, one file at a time. One picture is in memory at a time. The
same album gives the same bytes.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC

from gpu.layouts.album import Album, InvalidAlbum, Layout, Photo
from gpu.layouts.before_after import before_after_sheets
from gpu.layouts.client_card import client_card_sheets
from gpu.layouts.filenames import folder_of, photo_name
from gpu.layouts.manifest import (
    ColourEntry,
    FileEntry,
    JobEntry,
    Manifest,
    MissingEntry,
    PhotoEntry,
)
from gpu.layouts.option_board import option_board_sheets
from gpu.layouts.page import Sheet
from gpu.layouts.product_pack import product_pack_sheets, slots
from gpu.layouts.proposals import proposal_sheets
from gpu.layouts.thumbnails import COUNT, thumbnail_photos, thumbnail_sheets

Sheets = Callable[[Album], Iterator[Sheet]]

SHEETS: Mapping[Layout, Sheets] = {
    Layout.BEFORE_AFTER: before_after_sheets,
    Layout.PROPOSALS: proposal_sheets,
    Layout.CLIENT_CARD: client_card_sheets,
    Layout.PRODUCT_PACK: product_pack_sheets,
    Layout.OPTION_BOARD: option_board_sheets,
    Layout.THUMBNAILS: thumbnail_sheets,
}
"""The sheets of each template."""

_FOLDERS = {Layout.THUMBNAILS: "thumbnails"}
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"))
_UNIX = 3
_READABLE = 0o644 << 16


def archive_pieces(album: Album, layout: Layout) -> Generator[bytes, None, Manifest]:
    """Yield the archive of an album: the bytes of each file, then those of the central directory.

    The generator returns the manifest, which is the last file.

    Raises InvalidAlbum if no photo has a result, if a result is neither PNG nor JPEG, and for more
    proposals than fit on a sheet; PictureRefused for pictures that cannot be decoded; and the
    errors of readers.
    """
    jobs = {variant.job for variant in album.variants}
    if not any(jobs & photo.results.keys() for photo in album.photos):
        raise InvalidAlbum("photos", "have no result")
    target = _Target()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        writer = _Writer(archive, album)
        names = _pack_names(album) if layout is Layout.PRODUCT_PACK else {}
        photos = []
        for photo in album.in_order():
            files = []
            for file in _write_photo(writer, album, photo, names):
                yield target.take()
                files.append(file)
            photos.append(_photo_entry(album, photo, files))
        folder = _FOLDERS.get(layout, "sheets")
        sheets = []
        for sheet in SHEETS[layout](album):
            sheets.append(writer.add(f"{folder}/{sheet.name}.jpg", sheet.jpeg))
            yield target.take()
        manifest = Manifest(
            template=layout.value,
            preset=album.preset,
            title=album.title,
            language=album.language.value,
            made_at=album.made_at.astimezone(UTC).isoformat(timespec="seconds"),
            jobs=_jobs(album),
            photos=tuple(photos),
            sheets=tuple(sheets),
            missing=tuple(_missing(album, layout)),
        )
        writer.add("manifest.json", manifest.as_json())
    yield target.take()
    return manifest


class _Target(io.BytesIO):
    """The output of a zip: a buffer of the bytes that were not yielded yet.

    Positions are offsets in the whole zip, because `ZipFile` seeks back to the header of the file
    that it has just written.
    """

    def __init__(self) -> None:
        super().__init__()
        self._before = 0

    def tell(self) -> int:
        return self._before + super().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_SET:
            offset -= self._before
        return self._before + super().seek(offset, whence)

    def take(self) -> bytes:
        """Return the bytes since the last call, and clear the buffer."""
        piece = self.getvalue()
        self._before += len(piece)
        super().seek(0)
        self.truncate(0)
        return piece


class _Writer:
    """Adds files to a zip without compression, which would not make pictures smaller."""

    def __init__(self, archive: zipfile.ZipFile, album: Album) -> None:
        self._archive = archive
        moment = album.made_at.astimezone(UTC)
        self._moment = moment.year, moment.month, moment.day, moment.hour, moment.minute, 0

    def add(self, path: str, content: bytes, job: str | None = None) -> FileEntry:
        entry = zipfile.ZipInfo(path, self._moment)
        entry.create_system, entry.external_attr = _UNIX, _READABLE
        self._archive.writestr(entry, content)
        return FileEntry(path, len(content), hashlib.sha256(content).hexdigest(), job)


def _write_photo(
    writer: _Writer, album: Album, photo: Photo, names: Mapping[tuple[str, int], str]
) -> Iterator[FileEntry]:
    """Write the results of a photo, one at each step."""
    for number, variant in enumerate(album.variants, 1):
        reader = photo.results.get(variant.job)
        if reader is None:
            continue
        content = reader()
        folder = folder_of(number, variant.name)
        default = f"results/{folder}/{photo_name(photo.idx, photo.group, photo.filename)}"
        path = names.get((variant.job, photo.idx), default)
        entry = writer.add(f"{path}.{_suffix(content)}", content, variant.job)
        del content  # free the memory before the next one is read
        yield entry


def _photo_entry(album: Album, photo: Photo, files: list[FileEntry]) -> PhotoEntry:
    missing = tuple(variant.job for variant in album.variants if variant.job not in photo.results)
    return PhotoEntry(photo.idx, photo.group, photo.filename, tuple(files), missing)


def _suffix(content: bytes) -> str:
    for signature, suffix in _SIGNATURES:
        if content.startswith(signature):
            return suffix
    raise InvalidAlbum("photos.results", "must be PNG or JPEG")


def _pack_names(album: Album) -> dict[tuple[str, int], str]:
    """Paths of the results in a product pack, by job and idx."""
    return {
        (variant.job, slot.photo.idx): f"pack/{folder_of(number, variant.name)}/{slot.name}"
        for number, variant in enumerate(album.variants, 1)
        for slot in slots(album, variant)
        if slot.photo
    }


def _jobs(album: Album) -> tuple[JobEntry, ...]:
    return tuple(
        JobEntry(
            variant.job,
            variant.name,
            variant.rule,
            tuple(
                ColourEntry(colour.concept, colour.name, colour.hex) for colour in variant.colours
            ),
        )
        for variant in album.variants
    )


def _missing(album: Album, layout: Layout) -> Iterator[MissingEntry]:
    """The results that the template needs and the album lacks."""
    if layout is Layout.THUMBNAILS:
        count = len(thumbnail_photos(album))
        if count < COUNT:
            yield MissingEntry(None, None, COUNT, count)
    if layout is Layout.CLIENT_CARD:
        photos = album.featured(len(album.photos))
        for variant in album.variants:
            if not any(variant.job in photo.results for photo in photos):
                yield MissingEntry(variant.job, None, 1, 0)
    for variant in album.variants if layout is Layout.PRODUCT_PACK else ():
        pack = slots(album, variant)
        for group in album.groups:
            count = sum(slot.group is group and slot.photo is not None for slot in pack)
            if count < group.wanted:
                yield MissingEntry(variant.job, group.id, group.wanted, count)
