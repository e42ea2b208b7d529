"""Artists who owe nothing to the generator of scenes: their own marks, subjects and compositions.

Each is one module with `draw(number, random)`: work `number` of that artist and its true tags.
Nothing here may import gpu.pretrain (tests/artists/test_artists.py), so no base model knows them.
"""

import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.artists import collage, embroidery, gouache, mosaic, pencil, posters

SIDE = 512
WORKS = 18

Work = tuple[Image.Image, tuple[str, ...]]
ARTISTS: dict[str, Callable[[int, np.random.Generator], Work]] = {
    "posters": posters.draw,
    "collage": collage.draw,
    "embroidery": embroidery.draw,
    "pencil": pencil.draw,
    "gouache": gouache.draw,
    "mosaic": mosaic.draw,
}


def draw_works(artist: str, *, count: int = WORKS, seed: int = 1) -> list[Work]:
    """RGB works of 512² with tags; the same artist, seed and number give the same pixels."""
    draw = ARTISTS[artist]
    name = zlib.crc32(artist.encode())
    return [draw(number, np.random.default_rng([seed, number, name])) for number in range(count)]
