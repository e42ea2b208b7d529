"""An A4 page for a client: a cover picture, pairs of before and after, and the colours."""

from collections.abc import Iterator

from gpu.layouts.album import Album, Colour, Photo, Variant
from gpu.layouts.filenames import slug
from gpu.layouts.page import CAPTION, GAP, INK, MUTED, NOTE, SMALL, Page, Sheet, decoded
from gpu.layouts.typography import Style, Weight
from gpu.layouts.words import WORDS, count_words, date_words

_SIZE = 1654, 2339  # A4 at 200 dots per inch
_MARGIN = 110
_INNER = _SIZE[0] - 2 * _MARGIN
_PAIRS_OFFSET, _PAIRS_SPACE, _FOOTER = 244, 128, 84
_ROW_HEIGHT = 124
_PAIRS = 2
_PAIR_HEIGHT = 400
_MAX_COLUMNS = 3
_ROWS = 2
_SECTION_HEIGHT = 88
_TITLE = Style(76, Weight.BOLD, INK)
_SECTION = Style(30, Weight.BOLD, MUTED)
_NAME = Style(30, Weight.BOLD, INK)


def client_card_sheets(album: Album) -> Iterator[Sheet]:
    """Yield one page per variant that has results."""
    for number, variant in enumerate(album.variants, 1):
        finished = [photo for photo in album.featured(len(album.photos)) if _has(photo, variant)]
        if finished:
            name = f"client_card_{number}_{slug(variant.name, 'variant')}"
            yield Sheet(name, _card(album, variant, finished))


def _has(photo: Photo, variant: Variant) -> bool:
    return variant.job in photo.results


def _card(album: Album, variant: Variant, finished: list[Photo]) -> bytes:
    words = WORDS[album.language]
    page = Page(_SIZE)
    rows = min(-(-len(variant.colours) // _columns(variant.colours)), _ROWS)
    below = _PAIRS_OFFSET + _SECTION_HEIGHT + _PAIR_HEIGHT + _PAIRS_SPACE
    if rows:
        below += _SECTION_HEIGHT + rows * _ROW_HEIGHT + _FOOTER
    cover = _SIZE[1] - below
    page.fill_picture(decoded(finished[0].results[variant.job]), (0, 0, _SIZE[0], cover))
    page.text(_MARGIN, cover + 128, album.title, _TITLE, _INNER)
    date = date_words(album.made_at, album.language)
    count = sum(_has(photo, variant) for photo in album.photos)
    subtitle = f"{variant.name}  ·  {count_words(count, album.language)}  ·  {date}"
    page.text(_MARGIN, cover + 186, subtitle, NOTE, _INNER)
    top = cover + _PAIRS_OFFSET
    # the pair of the cover is used only if there is no other
    pairs = (finished[1:] or finished)[:_PAIRS]
    top = _section(page, words.pairs, top)
    for index, photo in enumerate(pairs):
        _pair(page, album, photo, variant, (index, len(pairs), top))
    top += _PAIR_HEIGHT + _PAIRS_SPACE
    if variant.colours:
        _palette(page, variant.colours, _section(page, words.colours, top))
    return page.jpeg()


def _section(page: Page, title: str, top: int) -> int:
    page.line(top, _MARGIN, _INNER)
    page.text(_MARGIN, top + 56, title, _SECTION, _INNER)
    return top + _SECTION_HEIGHT


def _pair(
    page: Page, album: Album, photo: Photo, variant: Variant, position: tuple[int, int, int]
) -> None:
    """Draw before and after side by side, without a gap, in a column of a row."""
    column, columns, top = position
    words = WORDS[album.language]
    width = (_INNER - (columns - 1) * GAP) // columns
    left, half = _MARGIN + column * (width + GAP), (width - 6) // 2
    boxes = (left, top, half, _PAIR_HEIGHT), (left + half + 6, top, half, _PAIR_HEIGHT)
    for box, reader in zip(boxes, (photo.before, photo.results[variant.job]), strict=True):
        page.fill_picture(decoded(reader), box)
    baseline = top + _PAIR_HEIGHT + 44
    page.text(left, baseline, album.group(photo).name, _NAME, half - GAP)
    label = f"{words.before}  |  {words.after}"
    page.text(left + width, baseline, label, SMALL, half, is_right=True)


def _columns(colours: tuple[Colour, ...]) -> int:
    """The number of columns of the palette: two for two or four colours, else three."""
    return 2 if len(colours) in {2, 4} else _MAX_COLUMNS


def _palette(page: Page, colours: tuple[Colour, ...], top: int) -> None:
    """Draw chips with names and concepts, as many as fit; the number of the others as “+n”."""
    columns = _columns(colours)
    capacity = columns * _ROWS
    shown = colours if len(colours) <= capacity else colours[: capacity - 1]
    cell = _INNER // columns
    for index, colour in enumerate(shown):
        row, column = divmod(index, columns)
        left, y = _MARGIN + column * cell, top + 8 + row * _ROW_HEIGHT
        page.chip(left, y, 92, colour)
        width = cell - 92 - 48
        page.text(left + 116, y + 40, colour.name, _NAME, width)
        page.text(left + 116, y + 78, f"{colour.concept}  ·  {colour.hex}", SMALL, width)
    if len(shown) < len(colours):
        row, column = divmod(len(shown), columns)
        left, y = _MARGIN + column * cell, top + 8 + row * _ROW_HEIGHT
        page.text(left, y + 56, f"+{len(colours) - len(shown)}", CAPTION, cell)
