"""One board: the product in every option, with the colours of each."""

from collections.abc import Iterator

from gpu.layouts.album import Album, Photo
from gpu.layouts.grids import grid_of
from gpu.layouts.page import (
    CAPTION,
    HEADING,
    MARGIN,
    NOTE,
    WIDTH,
    Page,
    Sheet,
    opened,
)
from gpu.layouts.words import WORDS

_CAPTION = 136
_LABEL = 56


def option_board_sheets(album: Album) -> Iterator[Sheet]:
    """Yield the board of the featured photo; none where no photo has a result."""
    featured = album.featured(1)
    if featured:
        yield Sheet("option_board", _board(album, featured[0]))


def _board(album: Album, photo: Photo) -> bytes:
    words = WORDS[album.language]
    before = opened(photo.before)
    aspect = before.width / before.height
    grid = grid_of(1 + len(album.variants), aspect, caption=_CAPTION, top=HEADING)
    page = Page((WIDTH, grid.bottom + MARGIN // 2))
    page.heading(album.title, words.options, album.group(photo).name)
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
        taken = page.text(left, baseline, f"{index:02d}", NOTE, width)
        page.text(left + taken + 16, baseline, variant.name, CAPTION, width - taken - 16)
        colours = photo.colours_of(variant)
        page.chips(left, baseline + 28, width, colours, under=variant.name)
    return page.jpeg()
