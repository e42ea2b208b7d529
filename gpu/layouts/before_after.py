"""One sheet per photo and variant: the original and the result."""

from collections.abc import Iterator

from gpu.layouts.album import Album, Photo, Variant
from gpu.layouts.filenames import base, folder_of, photo_name
from gpu.layouts.grids import grid_of
from gpu.layouts.page import CAPTION, HEADING, MARGIN, NOTE, WIDTH, Page, Sheet, decoded
from gpu.layouts.words import WORDS

_CAPTION = 128
_LABEL = 54  # from a picture to its caption's baseline


def before_after_sheets(album: Album) -> Iterator[Sheet]:
    """Yield the sheets in the order of the groups, for photos with a result."""
    for photo in album.in_order():
        for number, variant in enumerate(album.variants, 1):
            if variant.job in photo.results:
                name = photo_name(photo.idx, photo.group, photo.filename)
                if len(album.variants) > 1:
                    name += f"_{folder_of(number, variant.name)}"
                yield Sheet(name, _sheet(album, photo, variant))


def _sheet(album: Album, photo: Photo, variant: Variant) -> bytes:
    words = WORDS[album.language]
    before = decoded(photo.before)
    grid = grid_of(2, before.width / before.height, caption=_CAPTION, top=HEADING)
    page = Page((WIDTH, grid.bottom + MARGIN // 2))
    page.heading(album.group(photo).name, base(photo.filename), album.title)
    page.picture(before, grid.box(0))
    del before  # free the memory: one photo is decoded at a time
    page.picture(decoded(photo.results[variant.job]), grid.box(1))
    for index, label in enumerate((words.before, words.after)):
        left, top, width, height = grid.box(index)
        baseline = top + height + _LABEL
        text_width = page.text(left, baseline, label, CAPTION, width)
        if index:
            page.text(left + text_width + 20, baseline, variant.name, NOTE, width - text_width - 20)
            page.chips(left, baseline + 26, width, photo.colours_of(variant))
    return page.jpeg()
