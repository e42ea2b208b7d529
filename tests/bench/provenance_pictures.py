"""Pictures for the watermark's bench: all made here or shipped with a package, none downloaded."""

from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_sample_images

from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import Style, restyle
from tests.artists.gallery import ARTISTS

SIDE = 512
# What is sold; most orders are square.
SIZES = ((512, 512),) * 6 + ((512, 1024), (1024, 512), (1024, 1024), (512, 512))
PHOTOGRAPH_SIDE = 427  # the height of the sample photographs
_STYLES = tuple(Style)
_NAMES = tuple(ARTISTS)


def scene(number: int) -> Image.Image:
    """A scene of the generator in one of its styles, at a size that is sold."""
    size = SIZES[number % len(SIZES)]
    drawn = draw_scene(800_000_000 + number, size).image
    return restyle(drawn, _STYLES[number % len(_STYLES)], number).convert("RGB")


def artwork(number: int) -> Image.Image:
    """A work of one of the artists that no base model knows."""
    draw = ARTISTS[_NAMES[number % len(_NAMES)]]
    return draw(number // len(_NAMES), np.random.default_rng([1, number]))[0].convert("RGB")


@cache
def _photographs() -> list[Image.Image]:
    return [Image.fromarray(levels) for levels in load_sample_images().images]


def photograph(number: int) -> Image.Image:
    """A square window of a photograph, as it is or mirrored."""
    random = np.random.default_rng([2, number])
    whole = _photographs()[number % 2]
    side = int(random.integers(300, PHOTOGRAPH_SIDE))
    left = int(random.integers(whole.width - side + 1))
    top = int(random.integers(whole.height - side + 1))
    window = whole.crop((left, top, left + side, top + side))
    return window.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if number % 4 > 1 else window


def _grain(random: np.random.Generator) -> np.ndarray:
    return random.normal(128, random.uniform(8, 40), (SIDE, SIDE))


def _hatching(random: np.random.Generator) -> np.ndarray:
    down, across = np.mgrid[:SIDE, :SIDE]
    waves = [
        np.sin((across * np.cos(angle) + down * np.sin(angle)) * 2 * np.pi / spacing)
        for angle, spacing in zip(
            random.uniform(0, np.pi, 2), random.uniform(3, 12, 2), strict=True
        )
    ]
    return 128 + 110 * np.clip(waves[0] * 3, -1, 1) * np.clip(waves[1] * 3, -1, 1)


def _gravel(random: np.random.Generator) -> np.ndarray:
    smooth = ndimage.gaussian_filter(random.normal(size=(SIDE, SIDE)), random.uniform(1, 2.5))
    return 128 + 60 * smooth / smooth.std()


def _flat(random: np.random.Generator) -> np.ndarray:
    return np.full((SIDE, SIDE), random.uniform(0, 255))


def texture(number: int) -> Image.Image:
    """One of grain, hatching, gravel and a plain colour."""
    random = np.random.default_rng([3, number])
    levels = (_grain, _hatching, _gravel, _flat)[number % 4](random)
    tint = random.uniform(0.8, 1.1, 3)
    return Image.fromarray(np.clip(levels[..., None] * tint, 0, 255).astype(np.uint8))


KINDS: dict[str, Callable[[int], Image.Image]] = {
    "scenes": scene,
    "artworks": artwork,
    "photographs": photograph,
    "textures": texture,
}
# How many of ten pictures are of each kind.
_TENTHS = ("scenes",) * 4 + ("artworks",) * 4 + ("photographs", "textures")


def picture(number: int) -> tuple[str, Image.Image]:
    """Kind and pixels of picture `number`; the same number gives the same picture."""
    ten, place = divmod(number, 10)
    kind = _TENTHS[place]
    first = _TENTHS.index(kind)
    return kind, KINDS[kind](ten * _TENTHS.count(kind) + place - first)
