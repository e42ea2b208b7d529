"""Drawn products: a bottle, a jar or a carton before a backdrop, with label, logo and gloss."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Light, Mask, to_linear
from gpu.segmenting.scenes.drawing import Noise, Plane, Random, Scene, colour, photographed

_BACKDROPS = ((238, 238, 240), (206, 196, 184), (120, 132, 140), (228, 214, 210))
BODIES = (
    (190, 40, 44),
    (34, 80, 150),
    (30, 120, 84),
    (236, 200, 60),
    (40, 40, 46),
    (170, 120, 170),
)
_CAP, _CARDBOARD = (50, 50, 54), (180, 150, 110)
_PAPER, _INK, _RED, _CREAM = (246, 243, 234), (30, 30, 34), (200, 60, 40), (250, 240, 220)
_NAMES = ("AURORA", "OLIVA", "NORDIC")
_LABEL = (600, 420)  # pixels of the label's own picture
_GLOSS = 0.6  # light that the streak of a lamp adds at its middle
_SEEN = 0.12  # light from which on a highlight is seen


@dataclass
class _Shape:
    """What a product looks like before it is coloured, all (H, W).

    `across` and `down` are places on its front, 0–1 where the label may be; `shade` is the light on
    it; `gloss` is the light that it mirrors.
    """

    mask: Mask
    across: Plane
    down: Plane
    shade: Plane
    gloss: Plane
    cap: Mask
    label: tuple[float, float, float, float] = field(default=(0.14, 0.4, 0.86, 0.8))


def draw_product(
    seed: int,
    size: tuple[int, int] = (900, 900),
    *,
    body: tuple[int, int, int] | None = None,
) -> Scene:
    """Draw the product of a seed as a photo (width, height); `body` is its colour, sRGB levels."""
    random = np.random.default_rng([seed, 2])
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (columns + 0.5) / width, (rows + 0.5) / height
    backdrop = colour(*_BACKDROPS[int(random.integers(len(_BACKDROPS)))])
    chosen = BODIES[int(random.integers(len(BODIES)))]
    shape = _SHAPES[seed % len(_SHAPES)](random, x, y, width / height)
    light = _backdrop(random, backdrop, x, y, shape)
    accessory = _accessory(random, light, x, y, shape) if seed % 2 else None
    coat = 1 + 0.01 * Noise(random, 2.0)(columns / 4, rows / 4)
    light[shape.mask] = (colour(*(body or chosen)) * (shape.shade * coat)[..., None])[shape.mask]
    light[shape.cap] = (colour(*_CAP) * shape.shade[..., None])[shape.cap]
    paper, text, logo = _label(light, shape, _NAMES[seed % len(_NAMES)])
    light += shape.gloss[..., None]
    gloss = shape.mask & (shape.gloss > _SEEN)
    masks = {
        "Product": shape.mask,
        "Body": shape.mask & ~paper & ~shape.cap,
        "Label_Text": text & ~gloss,
        "Logo": logo & ~gloss,
        "Gloss": gloss,
        "Parts": shape.cap & ~gloss,
        "Background": ~shape.mask,
    }
    if accessory is not None:
        masks["Accessories"] = accessory
        masks["Background"] = ~shape.mask & ~accessory
    return Scene(
        photographed(random, light, grain=0.006),
        {name: (mask,) for name, mask in masks.items() if mask.any()},
    )


def _backdrop(random: Random, base: Light, x: Plane, y: Plane, shape: _Shape) -> Light:
    """A bright middle, darker towards the corners and the front, and the product's shadow."""
    horizon = float(random.uniform(0.55, 0.68))
    light = 1.02 - 0.22 * np.hypot(x - 0.45, y - 0.4) - 0.12 * np.clip(y - horizon, 0, 1)
    light += 0.012 * Noise(random, 6.0)(x * 120, y * 120)
    bottom = float(y[shape.mask].max())
    left, right = float(x[shape.mask].min()), float(x[shape.mask].max())
    reach = (x - (left + right) / 2 - 0.05) / ((right - left) * 0.6)
    shadow = np.exp(-(reach**2) - ((y - bottom) / 0.03) ** 2)
    return (base * (light * (1 - 0.5 * shadow))[..., None]).astype(np.float32)


def _accessory(random: Random, light: Light, x: Plane, y: Plane, shape: _Shape) -> Mask:
    """A little carton beside the product."""
    is_left = float(np.median(x[shape.mask])) > 0.5
    centre = 0.13 if is_left else 0.87
    bottom, height = float(y[shape.mask].max()) - 0.01, float(random.uniform(0.1, 0.16))
    mask = (np.abs(x - centre) < 0.06) & (y < bottom) & (y > bottom - height) & ~shape.mask
    light[mask] = (colour(*_CARDBOARD) * (0.8 - 1.5 * (x - centre))[..., None])[mask]
    return mask


# ── shapes ───────────────────────────────────────────────────────────────────────────────────────


def _turned(
    random: Random, x: Plane, y: Plane, aspect: float, profile: Callable[[Plane], Plane]
) -> _Shape:
    """A body of revolution. `profile` is its radius, 0–1, at heights 0 (top) to 1 (bottom)."""
    centre, bottom = float(random.uniform(0.45, 0.55)), float(random.uniform(0.82, 0.88))
    tall, wide = float(random.uniform(0.64, 0.7)), float(random.uniform(0.14, 0.18))
    down = (y - bottom + tall) / tall
    radius = profile(down) * wide / aspect
    mask = (down >= 0) & (down <= 1) & (np.abs(x - centre) < radius)
    around = np.clip((x - centre) / np.maximum(radius, 1e-6), -1, 1)
    shade = 0.3 + 0.7 * np.sqrt(np.clip(1 - (around + 0.25) ** 2 / 1.6, 0, 1))
    streak = np.exp(-(((around + 0.55) / 0.11) ** 2))
    ends = np.clip((down - 0.06) / 0.05, 0, 1) * np.clip((0.95 - down) / 0.05, 0, 1)
    across = (np.arcsin(around) / np.pi + 0.5).astype(np.float32)
    return _Shape(mask, across, down, shade, _GLOSS * streak * ends * mask, mask & (down < 0.14))


def _bottle(random: Random, x: Plane, y: Plane, aspect: float) -> _Shape:
    def profile(down: Plane) -> Plane:
        shoulder = np.clip((down - 0.2) / 0.14, 0, 1)
        rounded = shoulder * shoulder * (3 - 2 * shoulder)
        foot = np.sqrt(np.clip((1.004 - down) / 0.03, 0, 1))
        return (0.34 + 0.66 * rounded) * (0.94 + 0.06 * foot)

    return _turned(random, x, y, aspect, profile)


def _jar(random: Random, x: Plane, y: Plane, aspect: float) -> _Shape:
    def profile(down: Plane) -> Plane:
        return np.where(down < 0.14, 1.12, 1.25).astype(np.float32)

    shape = _turned(random, x, y * 1.15 - 0.12, aspect, profile)
    shape.label = (0.12, 0.3, 0.88, 0.85)
    return shape


def _carton(random: Random, x: Plane, y: Plane, aspect: float) -> _Shape:
    """A box seen a little from the right: its front and one side, both slanted."""
    left, bottom = float(random.uniform(0.25, 0.3)), float(random.uniform(0.82, 0.88))
    front, side = float(random.uniform(0.3, 0.35)) / aspect, 0.14 / aspect
    tall = float(random.uniform(0.6, 0.68))
    u = (x - left) / front
    beyond = np.clip((x - left - front) / side, 0, 1)
    top = bottom - tall + 0.04 * beyond
    floor = bottom - 0.05 * beyond
    down = (y - top) / (floor - top)
    mask = (u >= 0) & (x <= left + front + side) & (down >= 0) & (down <= 1)
    is_front = u < 1
    shade = np.where(is_front, 0.92, 0.55) * (1.04 - 0.15 * down)
    spot = np.exp(-(((u - 0.25) / 0.16) ** 2) - ((down - 0.16) / 0.07) ** 2)
    across = np.where(is_front, u, 2).astype(np.float32)
    return _Shape(
        mask,
        across,
        down.astype(np.float32),
        shade.astype(np.float32),
        (0.5 * spot * mask * is_front).astype(np.float32),
        np.zeros(mask.shape, np.bool_),
    )


_SHAPES = (_bottle, _jar, _carton)


# ── label ────────────────────────────────────────────────────────────────────────────────────────


def _label(light: Light, shape: _Shape, name: str) -> tuple[Mask, Mask, Mask]:
    """Print the label on the product's front; masks of its paper, its text and its logo."""
    picture, text, logo = _printed(name)
    u0, v0, u1, v1 = shape.label
    u, v = (shape.across - u0) / (u1 - u0), (shape.down - v0) / (v1 - v0)
    paper = shape.mask & (u >= 0) & (u < 1) & (v >= 0) & (v < 1)
    places = np.stack([v[paper] * _LABEL[1] - 0.5, u[paper] * _LABEL[0] - 0.5])

    def read(plane: Plane) -> Plane:
        return ndimage.map_coordinates(plane, places, order=1, mode="nearest")

    printed = to_linear(np.asarray(picture))
    ink = np.stack([read(printed[..., channel]) for channel in range(3)], axis=-1)
    light[paper] = ink * shape.shade[paper][:, None]
    masks = []
    for drawn in (text, logo):
        mask = np.zeros(paper.shape, np.bool_)
        mask[paper] = read(np.asarray(drawn, np.float32)) > 127
        masks.append(mask)
    return paper, ndimage.binary_dilation(masks[0]) & paper, masks[1]


def _printed(name: str) -> tuple[Image.Image, Image.Image, Image.Image]:
    """The label as a picture, and where its text and its logo are, 0–255."""
    picture = Image.new("RGB", _LABEL, _PAPER)
    text, logo = Image.new("L", _LABEL), Image.new("L", _LABEL)
    middle = _LABEL[0] / 2
    for words, top, points in ((name, 160, 92), ("COLD PRESSED 500 ml", 290, 40)):
        font = ImageFont.load_default(points)
        for pad, ink in ((picture, _INK), (text, 255)):
            ImageDraw.Draw(pad).text((middle, top), words, font=font, fill=ink, anchor="ma")
    for pad, inks in ((picture, (_RED, _CREAM)), (logo, (255, 255))):
        pen = ImageDraw.Draw(pad)
        pen.ellipse((middle - 55, 25, middle + 55, 135), fill=inks[0])
        pen.polygon([(middle, 42), (middle + 40, 112), (middle - 40, 112)], fill=inks[1])
    return picture, text, logo
