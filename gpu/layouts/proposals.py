"""One sheet per photo: the original and up to three proposals side by side."""

from collections.abc import Iterator

from gpu.layouts.album import MAX_PROPOSALS, Album, InvalidAlbum, Photo
from gpu.layouts.filenames import base, photo_name
from gpu.layouts.grids import grid_of
from gpu.layouts.page import CAPTION, HEADING, MARGIN, NOTE, WIDTH, Page, Sheet, opened
from gpu.layouts.words import WORDS

_CAPTION = 128
_LABEL = 54


def proposal_sheets(album: Album) -> Iterator[Sheet]:
    """Yield the sheets in the order of the rooms; photos without any result have none.

    Raises InvalidAlbum for more than three variants.
    """
    if len(album.variants) > MAX_PROPOSALS:
        raise InvalidAlbum("variants", f"must be 1–{MAX_PROPOSALS} for proposals")
    for photo in album.in_order():
        if photo.results:
            name = photo_name(photo.idx, photo.group, photo.filename)
            yield Sheet(name, _sheet(album, photo))


def _sheet(album: Album, photo: Photo) -> bytes:
    words = WORDS[album.language]
    before = opened(photo.before)
    aspect = before.width / before.height
    grid = grid_of(1 + len(album.variants), aspect, caption=_CAPTION, top=HEADING)
    page = Page((WIDTH, grid.bottom + MARGIN // 2))
    page.heading(album.group(photo).name, base(photo.filename), album.title)
    page.picture(before, grid.box(0))
    del before  # one photo is decoded at a time
    left, top, width, height = grid.box(0)
    page.text(left, top + height + _LABEL, words.original, CAPTION, width)
    for index, variant in enumerate(album.variants, 1):
        left, top, width, height = box = grid.box(index)
        baseline = top + height + _LABEL
        if variant.job in photo.results:
            page.picture(opened(photo.results[variant.job]), box)
        else:
            page.empty(box, words.failed)
        taken = page.text(left, baseline, _letter(index), NOTE, width)
        page.text(left + taken + 16, baseline, variant.name, CAPTION, width - taken - 16)
        page.chips(left, baseline + 26, width, photo.colours_of(variant))
    return page.jpeg()


def _letter(index: int) -> str:
    """A proposal is called A, B or C beside its name."""
    return chr(ord("A") + index - 1)
