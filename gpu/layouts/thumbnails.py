"""Eight square thumbnails of 1000 pixels that do not cut the product."""

from collections.abc import Iterator
from itertools import zip_longest

from gpu.layouts.album import Album, Photo, Variant
from gpu.layouts.cropping import around_product
from gpu.layouts.filenames import slug
from gpu.layouts.page import Sheet, as_jpeg, decoded

COUNT = 8
SIDE = 1000
_SCREEN_DPI = 72


def thumbnail_photos(album: Album) -> list[tuple[Photo, Variant]]:
    """The photos of the thumbnails, at most 8: one of each variant in turn, featured ones first."""
    featured = album.featured(len(album.photos))
    others = [photo for photo in album.in_order() if photo not in featured]
    by_variant = [
        [(photo, variant) for photo in (*featured, *others) if variant.job in photo.results]
        for variant in album.variants
    ]
    rounds = zip_longest(*by_variant)
    return [pair for round_photos in rounds for pair in round_photos if pair is not None][:COUNT]


def thumbnail_sheets(album: Album) -> Iterator[Sheet]:
    """Yield the thumbnails; fewer than eight if there are fewer results."""
    for number, (photo, variant) in enumerate(thumbnail_photos(album), 1):
        group, name = slug(photo.group, "group"), slug(variant.name, "variant")
        square = around_product(decoded(photo.results[variant.job], SIDE), (SIDE, SIDE))
        yield Sheet(f"{number:02d}_{group}_{name}", as_jpeg(square, _SCREEN_DPI))
