"""Eight square thumbnails of 1000 pixels that never cut the product."""

from collections.abc import Iterator
from itertools import zip_longest

from gpu.layouts.album import Album, Photo, Variant
from gpu.layouts.cropping import around_product
from gpu.layouts.filenames import slug
from gpu.layouts.page import Sheet, as_jpeg, opened

COUNT = 8
SIDE = 1000
_SCREEN_DPI = 72


def picks(album: Album) -> list[tuple[Photo, Variant]]:
    """What the thumbnails show: each variant's photos by group, the variants in turn, at most 8."""
    featured = album.featured(len(album.photos))
    rest = [photo for photo in album.in_order() if photo not in featured]
    by_variant = [
        [(photo, variant) for photo in (*featured, *rest) if variant.job in photo.results]
        for variant in album.variants
    ]
    turns = zip_longest(*by_variant)
    return [pick for turn in turns for pick in turn if pick is not None][:COUNT]


def thumbnail_sheets(album: Album) -> Iterator[Sheet]:
    """Yield the thumbnails; fewer than eight where there are fewer results."""
    for number, (photo, variant) in enumerate(picks(album), 1):
        group, name = slug(photo.group, "group"), slug(variant.name, "variant")
        square = around_product(opened(photo.results[variant.job], SIDE), (SIDE, SIDE))
        yield Sheet(f"{number:02d}_{group}_{name}", as_jpeg(square, _SCREEN_DPI))
