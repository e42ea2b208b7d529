"""A sheet with the product in every option, and the colours of each option."""

from collections.abc import Iterator

from gpu.layouts.album import Album
from gpu.layouts.comparison import Spacing, draw_comparison
from gpu.layouts.page import Sheet
from gpu.layouts.words import WORDS

_SPACING = Spacing(caption=136, label=56, chips=28)


def option_board_sheets(album: Album) -> Iterator[Sheet]:
    """Yield the sheet of the first featured photo; none if no photo has a result."""
    featured = album.featured(1)
    if featured:
        [photo] = featured
        board = draw_comparison(
            album,
            photo,
            heading=(album.title, WORDS[album.language].options, album.group(photo).name),
            prefix="{:02d}".format,
            spacing=_SPACING,
            has_levels=True,
        )
        yield Sheet("option_board", board)
