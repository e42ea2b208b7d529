"""A photo beside its results in all variants: the original first, names and colours below."""

from collections.abc import Callable
from dataclasses import dataclass

from gpu.layouts.album import Album, Photo
from gpu.layouts.grids import grid_of
from gpu.layouts.page import CAPTION, HEADING, MARGIN, NOTE, WIDTH, Page, opened
from gpu.layouts.words import WORDS


@dataclass(frozen=True)
class Spacing:
    """Pixels below a picture: of all its caption, to the baseline of its name, from it to chips."""

    caption: int
    label: int
    chips: int


def draw_comparison(
    album: Album,
    photo: Photo,
    *,
    heading: tuple[str, str, str],
    mark: Callable[[int], str],
    spacing: Spacing,
    has_levels: bool = False,
) -> bytes:
    """Return a sheet as JPEG. `mark` is what stands before the name of a variant, by its number.

    With `has_levels` a colour that gave its variant the name is written as its levels.
    """
    words = WORDS[album.language]
    before = opened(photo.before)
    aspect = before.width / before.height
    grid = grid_of(1 + len(album.variants), aspect, caption=spacing.caption, top=HEADING)
    page = Page((WIDTH, grid.bottom + MARGIN // 2))
    page.heading(*heading)
    page.picture(before, grid.box(0))
    del before  # one photo is decoded at a time
    left, top, width, height = grid.box(0)
    page.text(left, top + height + spacing.label, words.original, CAPTION, width)
    for number, variant in enumerate(album.variants, 1):
        left, top, width, height = box = grid.box(number)
        baseline = top + height + spacing.label
        if variant.job in photo.results:
            page.picture(opened(photo.results[variant.job]), box)
        else:
            page.empty(box, words.failed)
        taken = page.text(left, baseline, mark(number), NOTE, width)
        page.text(left + taken + 16, baseline, variant.name, CAPTION, width - taken - 16)
        under = variant.name if has_levels else ""
        page.chips(left, baseline + spacing.chips, width, photo.colours_of(variant), under=under)
    return page.jpeg()
