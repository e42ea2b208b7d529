"""One sheet per photo: the original and up to three proposals."""

from collections.abc import Iterator

from gpu.layouts.album import MAX_PROPOSALS, Album, InvalidAlbum
from gpu.layouts.comparison import Spacing, draw_comparison
from gpu.layouts.filenames import base, photo_name
from gpu.layouts.page import Sheet

_SPACING = Spacing(caption=128, label=54, chips=26)


def proposal_sheets(album: Album) -> Iterator[Sheet]:
    """Yield the sheets in the order of the groups, for photos with a result.

    Raises InvalidAlbum for more than three variants.
    """
    if len(album.variants) > MAX_PROPOSALS:
        raise InvalidAlbum("variants", f"must be 1–{MAX_PROPOSALS} for proposals")
    for photo in album.in_order():
        if photo.results:
            name = photo_name(photo.idx, photo.group, photo.filename)
            sheet = draw_comparison(
                album,
                photo,
                heading=(album.group(photo).name, base(photo.filename), album.title),
                prefix=_letter,
                spacing=_SPACING,
            )
            yield Sheet(name, sheet)


def _letter(index: int) -> str:
    """The letter of a proposal: A, B or C."""
    return chr(ord("A") + index - 1)
