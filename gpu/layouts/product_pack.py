"""A product pack: files named by shot, and one sheet per variant of present and missing photos."""

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
    decoded,
)
from gpu.layouts.words import WORDS

_CAPTION = 76
_SMALL_COLUMNS = 3
_LABEL = 50


@dataclass(frozen=True)
class Slot:
    """A slot of the pack: photo `number` of a group, or None if it is missing."""

    group: Group
    number: int
    photo: Photo | None

    @property
    def name(self) -> str:
        """File name without suffix."""
        return f"{slug(self.group.id, 'group')}_{self.number}"


def slots(album: Album, variant: Variant) -> list[Slot]:
    """The slots of a variant's pack, by group; further photos of a group are left out."""
    pack_slots = []
    for group in album.groups:
        finished = [
            photo
            for photo in album.in_order()
            if photo.group == group.id and variant.job in photo.results
        ]
        for index in range(group.wanted):
            photo = finished[index] if index < len(finished) else None
            pack_slots.append(Slot(group, index + 1, photo))
    return pack_slots


def product_pack_sheets(album: Album) -> Iterator[Sheet]:
    """Yield an overview of each variant's pack, with placeholders for missing photos."""
    for number, variant in enumerate(album.variants, 1):
        pack = slots(album, variant)
        if any(slot.photo for slot in pack):
            yield Sheet(f"pack_{folder_of(number, variant.name)}", _sheet(album, variant, pack))


def _sheet(album: Album, variant: Variant, pack: list[Slot]) -> bytes:
    """Draw the main photo large on the left, the others in a grid of squares."""
    words = WORDS[album.language]
    main, *others = pack
    rows = max(2, -(-len(others) // _SMALL_COLUMNS))
    side = (INNER - (_SMALL_COLUMNS + 1) * GAP) // (_SMALL_COLUMNS + 2)
    step = side + _CAPTION + GAP
    large = 2 * side + GAP, rows * step - GAP - _CAPTION
    page = Page((WIDTH, HEADING + rows * step + 64 + MARGIN // 2))
    page.heading(album.title, variant.name, words.contents)
    _draw_slot(page, main, variant.job, words.missing, (MARGIN, HEADING, *large))
    for index, slot in enumerate(others):
        row, column = divmod(index, _SMALL_COLUMNS)
        left = MARGIN + large[0] + GAP + column * (side + GAP)
        box = left, HEADING + row * step, side, side
        _draw_slot(page, slot, variant.job, words.missing, box)
    page.chips(
        MARGIN, page.size[1] - MARGIN // 2 - 48, INNER, variant.colours, heading_name=variant.name
    )
    return page.jpeg()


def _draw_slot(page: Page, slot: Slot, job: str, missing: str, box: Box) -> None:
    left, top, width, height = box
    if slot.photo:
        page.fill_picture(around_product(decoded(slot.photo.results[job]), (width, height)), box)
    else:
        page.empty(box, missing)
    text_width = page.text(left, top + height + _LABEL, slot.group.name, CAPTION, width)
    if slot.group.wanted > 1:
        number = f"{slot.number}/{slot.group.wanted}"
        page.text(
            left + text_width + 14, top + height + _LABEL, number, NOTE, width - text_width - 14
        )
