"""A product's files by shot, and one sheet per variant that shows what the pack holds and lacks."""

from collections.abc import Iterator
from dataclasses import dataclass

from gpu.layouts.album import Album, Group, Photo, Variant
from gpu.layouts.cropping import around_product
from gpu.layouts.filenames import folder_of, slug
from gpu.layouts.page import (
    CAPTION,
    GAP,
    HEADING,
    INNER,
    MARGIN,
    NOTE,
    WIDTH,
    Box,
    Page,
    Sheet,
    opened,
)
from gpu.layouts.words import WORDS

_CAPTION = 76
_SMALL_COLUMNS = 3
_LABEL = 50


@dataclass(frozen=True)
class Slot:
    """A place of the pack: the number-th photo of a group, or None where it is missing."""

    group: Group
    number: int
    photo: Photo | None

    @property
    def name(self) -> str:
        """Name of its file without suffix."""
        return f"{slug(self.group.id, 'group')}_{self.number}"


def slots(album: Album, variant: Variant) -> list[Slot]:
    """The places of a variant's pack, by group; what a group has beyond its places is left out."""
    found = []
    for group in album.groups:
        finished = [
            photo
            for photo in album.in_order()
            if photo.group == group.id and variant.job in photo.results
        ]
        for index in range(group.wanted):
            photo = finished[index] if index < len(finished) else None
            found.append(Slot(group, index + 1, photo))
    return found


def product_pack_sheets(album: Album) -> Iterator[Sheet]:
    """Yield an overview of each variant's pack, with empty places for what is missing."""
    for number, variant in enumerate(album.variants, 1):
        pack = slots(album, variant)
        if any(slot.photo for slot in pack):
            yield Sheet(f"pack_{folder_of(number, variant.name)}", _sheet(album, variant, pack))


def _sheet(album: Album, variant: Variant, pack: list[Slot]) -> bytes:
    """The main photo large on the left, the others in a square grid beside it."""
    words = WORDS[album.language]
    main, *others = pack
    rows = max(2, -(-len(others) // _SMALL_COLUMNS))
    side = (INNER - (_SMALL_COLUMNS + 1) * GAP) // (_SMALL_COLUMNS + 2)
    step = side + _CAPTION + GAP
    large = 2 * side + GAP, rows * step - GAP - _CAPTION
    page = Page((WIDTH, HEADING + rows * step + 64 + MARGIN // 2))
    page.heading(album.title, variant.name, words.contents)
    _place(page, main, variant.job, words.missing, (MARGIN, HEADING, *large))
    for index, slot in enumerate(others):
        row, column = divmod(index, _SMALL_COLUMNS)
        left = MARGIN + large[0] + GAP + column * (side + GAP)
        box = left, HEADING + row * step, side, side
        _place(page, slot, variant.job, words.missing, box)
    page.chips(MARGIN, page.size[1] - MARGIN // 2 - 48, INNER, variant.colours, under=variant.name)
    return page.jpeg()


def _place(page: Page, slot: Slot, job: str, missing: str, box: Box) -> None:
    left, top, width, height = box
    if slot.photo:
        page.covering(around_product(opened(slot.photo.results[job]), (width, height)), box)
    else:
        page.empty(box, missing)
    taken = page.text(left, top + height + _LABEL, slot.group.name, CAPTION, width)
    if slot.group.wanted > 1:
        number = f"{slot.number}/{slot.group.wanted}"
        page.text(left + taken + 14, top + height + _LABEL, number, NOTE, width - taken - 14)
