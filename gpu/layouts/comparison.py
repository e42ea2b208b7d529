"""A sheet with a photo and its results of all variants, with names and colours."""

from collections.abc import Callable
from dataclasses import dataclass

from gpu.layouts.album import Album, Photo
from gpu.layouts.grids import grid_of
from gpu.layouts.page import CAPTION, HEADING, MARGIN, NOTE, WIDTH, Page, decoded
from gpu.layouts.words import WORDS


@dataclass(frozen=True)
class Spacing:
    """Pixels below a picture: height of the caption, picture to baseline, baseline to chips."""

    caption: int
    label: int
    chips: int


def draw_comparison(
    album: Album,
    photo: Photo,
    *,
    heading: tuple[str, str, str],
    prefix: Callable[[int], str],
    spacing: Spacing,
    has_levels: bool = False,
) -> bytes:
    """Return a sheet as JPEG. `prefix` gives the text before a variant's name for its number.

    With `has_levels`, a colour with the name of its variant is labelled with its hex value.
    """
    words = WORDS[album.language]
    before = decoded(photo.before)
    aspect = before.width / before.height
    grid = grid_of(1 + len(album.variants), aspect, caption=spacing.caption, top=HEADING)
    page = Page((WIDTH, grid.bottom + MARGIN // 2))
    page.heading(*heading)
    page.picture(before, grid.box(0))
    del before  # free the memory: one photo is decoded at a time
    left, top, width, height = grid.box(0)
    page.text(left, top + height + spacing.label, words.original, CAPTION, width)
    for number, variant in enumerate(album.variants, 1):
        left, top, width, height = box = grid.box(number)
        baseline = top + height + spacing.label
        if variant.job in photo.results:
            page.picture(decoded(photo.results[variant.job]), box)
        else:
            page.empty(box, words.failed)
        text_width = page.text(left, baseline, prefix(number), NOTE, width)
        page.text(left + text_width + 16, baseline, variant.name, CAPTION, width - text_width - 16)
        heading_name = variant.name if has_levels else ""
        page.chips(
            left,
            baseline + spacing.chips,
            width,
            photo.colours_of(variant),
            heading_name=heading_name,
        )
    return page.jpeg()
