"""Procedural styles: image filters that stand for the styles of artists.

PRETRAINING styles are in the data of the codec, so that it can encode texture, and of the base
model, so that it does not tie colours to things. HELD_OUT styles are used by the demo and by
measurements only, never in pretraining.
"""

import itertools
from collections.abc import Callable
from enum import StrEnum
from math import pi

import numpy as np
from PIL import Image

from gpu.pretrain import textures
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.textures import Picture, Random, RgbShare
from gpu.rendering.pixels import is_blank


class Style(StrEnum):
    """All procedural styles."""

    COLOUR_MATRIX = "colour-matrix"
    NEGATIVE = "negative"
    PASTEL = "pastel"
    DUOTONE = "duotone"
    STRIPED = "striped"
    DOTTED = "dotted"
    PIXEL = "pixel"
    CHALK = "chalk"
    INK_LINE = "ink-line"
    LOW_POLY = "low-poly"
    SEPIA_INK = "sepia-ink"
    NEON = "neon"
    CROSS_HATCH = "cross-hatch"
    RISO = "riso"
    WATERCOLOUR = "watercolour"
    BLUEPRINT = "blueprint"
    WOODCUT = "woodcut"
    STAINED_GLASS = "stained-glass"


def _random_colour(random: Random, lowest: float, highest: float) -> RgbShare:
    red, green, blue = random.uniform(lowest, highest, 3).tolist()
    return red, green, blue


def _colour_matrix(picture: Picture, random: Random) -> Picture:
    matrix = np.eye(3) + random.normal(0, 0.35, (3, 3))
    mixed = (picture - 0.5) @ matrix + 0.5 + random.normal(0, 0.1, 3)
    return mixed.astype(np.float32)


def _negative(picture: Picture, random: Random) -> Picture:
    return ((1 - picture) * random.uniform(0.8, 1.0, 3)).astype(np.float32)


def _pastel(picture: Picture, random: Random) -> Picture:
    return textures.grain(0.55 + 0.45 * picture, random, scale=1.0, amount=0.02)


def _duotone(picture: Picture, random: Random) -> Picture:
    low, high = _random_colour(random, 0, 0.4), _random_colour(random, 0.6, 1)
    return textures.between(textures.luminance(picture), low, high)


def _striped(picture: Picture, random: Random) -> Picture:
    wave = textures.stripes(picture, angle=random.uniform(0, pi), spacing=random.uniform(3, 9))
    depth = random.uniform(0.2, 0.7)
    return picture * (1 - depth * (wave > random.uniform(0.3, 0.7))[..., None])


def _dotted(picture: Picture, random: Random) -> Picture:
    dots = textures.halftone(
        textures.luminance(picture), angle=random.uniform(0, pi), spacing=random.uniform(4, 9)
    )
    ink, paper = _random_colour(random, 0, 0.4), _random_colour(random, 0.7, 1)
    return textures.between(dots, paper, ink)


def _pixel(picture: Picture, random: Random) -> Picture:
    return textures.blocks(picture, size=random.uniform(4, 10))


def _chalk(picture: Picture, random: Random) -> Picture:
    rough = textures.wobble(picture, random, scale=1.0, amount=1.0)
    return textures.grain(rough * 0.85, random, scale=random.uniform(0.4, 1.2), amount=0.12)


def _ink_line(picture: Picture, random: Random) -> Picture:
    ink = textures.edges(picture, thickness=random.uniform(1, 2))[..., None]
    return (0.4 + 0.6 * picture) * (1 - ink)


def _low_poly(picture: Picture, random: Random) -> Picture:
    return textures.cells(picture, random, count=int(random.integers(250, 900)))


def _sepia_ink(picture: Picture, random: Random) -> Picture:
    tone = textures.between(textures.luminance(picture), (0.30, 0.17, 0.08), (0.97, 0.89, 0.72))
    ink = textures.edges(picture, thickness=1.6)[..., None]
    lined = tone * (1 - ink) + np.array([0.18, 0.09, 0.04]) * ink
    return textures.grain(lined, random, scale=0.6, amount=0.045)


def _neon(picture: Picture, _: Random) -> Picture:
    glow = textures.edges(picture, thickness=1.5)[..., None]
    inverted = (1 - picture)[..., [1, 2, 0]]
    return np.clip(inverted * np.array([0.75, 0.5, 0.95]), 0, 1) * (1 - glow) + glow * np.array(
        [0.2, 1.0, 0.85]
    )


def _cross_hatch(picture: Picture, _: Random) -> Picture:
    ink = textures.hatching(picture, angles=(pi / 4, 3 * pi / 4), spacing=6)
    ink = np.maximum(ink, textures.edges(picture))
    return textures.between(ink, (0.96, 0.94, 0.88), (0.10, 0.12, 0.25))


def _riso(picture: Picture, _: Random) -> Picture:
    pink = textures.halftone(picture[..., 1], angle=pi / 12, spacing=5)[..., None]
    teal = textures.halftone(picture[..., 0], angle=pi / 3, spacing=5)[..., None]
    paper = np.array([0.98, 0.96, 0.90])
    inked = paper * (1 - pink * (1 - np.array([1.0, 0.36, 0.55])))
    return inked * (1 - teal * (1 - np.array([0.0, 0.52, 0.60])))


def _watercolour(picture: Picture, random: Random) -> Picture:
    wet = textures.wobble(picture, random, scale=5, amount=3)
    rim = textures.edges(wet, thickness=1.4)[..., None]
    wash = (0.35 + 0.65 * wet) * (1 - 0.35 * rim)
    return textures.grain(wash, random, scale=8, amount=0.05)


def _blueprint(picture: Picture, _: Random) -> Picture:
    tone = textures.between(textures.luminance(picture), (0.04, 0.14, 0.42), (0.20, 0.40, 0.75))
    line = textures.edges(picture, thickness=1.2)[..., None]
    return tone * (1 - line) + line * np.array([0.92, 0.96, 1.0])


def _woodcut(picture: Picture, random: Random) -> Picture:
    rough = textures.wobble(picture, random, scale=2, amount=0.8)
    tone = textures.luminance(rough)
    cut = textures.stripes(picture, angle=pi / 2, spacing=7)
    ink = np.clip((0.62 - tone - 0.35 * (cut - 0.5)) * 9 + 0.5, 0, 1)
    ink = np.maximum(ink, textures.edges(rough, thickness=1.8))
    return textures.between(ink.astype(np.float32), (0.95, 0.86, 0.70), (0.42, 0.07, 0.09))


def _stained_glass(picture: Picture, random: Random) -> Picture:
    panes = textures.cells(picture, random, count=150)
    lead = textures.edges(panes, thickness=2)[..., None]
    glowing = np.clip(panes, 0, 1) ** 1.4 * np.array([1.05, 0.85, 1.15])
    return (glowing * (1 - lead) + np.array([0.06, 0.05, 0.08]) * lead).astype(np.float32)


PRETRAINING: dict[Style, Callable[[Picture, Random], Picture]] = {
    Style.COLOUR_MATRIX: _colour_matrix, Style.NEGATIVE: _negative, Style.PASTEL: _pastel,
    Style.DUOTONE: _duotone, Style.STRIPED: _striped, Style.DOTTED: _dotted, Style.PIXEL: _pixel,
    Style.CHALK: _chalk, Style.INK_LINE: _ink_line, Style.LOW_POLY: _low_poly,
}  # fmt: skip
HELD_OUT: dict[Style, Callable[[Picture, Random], Picture]] = {
    Style.SEPIA_INK: _sepia_ink, Style.NEON: _neon, Style.CROSS_HATCH: _cross_hatch,
    Style.RISO: _riso, Style.WATERCOLOUR: _watercolour, Style.BLUEPRINT: _blueprint,
    Style.WOODCUT: _woodcut, Style.STAINED_GLASS: _stained_glass,
}  # fmt: skip


def restyle(image: Image.Image, style: Style, seed: int) -> Image.Image:
    """Redraw an RGB image in a style; the same image, style and seed give the same pixels."""
    draw = (PRETRAINING | HELD_OUT)[style]
    picture = (np.asarray(image, np.float32) / 255).astype(np.float32)
    restyled = draw(picture, np.random.default_rng([seed, 7_919]))
    return Image.fromarray(np.rint(np.clip(restyled, 0, 1) * 255).astype(np.uint8))


def draw_artist_works(
    style: Style, count: int, seed: int, size: tuple[int, int]
) -> list[tuple[Image.Image, tuple[str, ...]]]:
    """Draw a portfolio: `count` RGB pictures of (width, height) in a style, with their tags.

    Scenes that the style makes blank are skipped.
    """
    works: list[tuple[Image.Image, tuple[str, ...]]] = []
    for index in itertools.count(seed * 10_000):
        if len(works) == count:
            break
        scene = draw_scene(1_000_000_000 + index, size)
        work = restyle(scene.image, style, index)
        if not is_blank(work):
            works.append((work, scene.tags))
    return works
