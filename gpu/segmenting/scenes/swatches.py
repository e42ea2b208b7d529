"""Drawn swatches: materials and paints that repeat without a seam, the same on every machine.

`python -m gpu.segmenting.scenes.swatches FOLDER` writes them as PNG. Each picture shows one repeat;
its width in metres is that of `MATERIALS`. They are drawn in linear light at twice their size.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Levels, Light, to_levels, to_linear
from gpu.segmenting.scenes.drawing import Plane, Random, colour

_SAMPLES = 2  # drawn this many times larger, then averaged
_PAINT_SIDE = 16
_COLOURS = 128  # of a PNG with a palette: a material's colours lie close together

PAINTS = {
    "offwhite_b": (240, 235, 225),
    "warm_grey": (188, 182, 173),
    "sage": (156, 169, 142),
    "forest": (45, 74, 62),
    "navy": (31, 42, 68),
    "charcoal": (58, 60, 64),
    "terracotta": (184, 98, 72),
    "mustard": (208, 162, 62),
    "blush": (226, 190, 180),
}
"""sRGB levels of plain paints by name."""


@dataclass(frozen=True)
class Drawing:
    """How a material is drawn: its seed, pixels (width, height), metres across, and its painter."""

    seed: int
    size: tuple[int, int]
    metres: float
    draw: Callable[["Sheet"], Light]


@dataclass(frozen=True)
class Sheet:
    """A torus of pixels (height, width) to draw on; `pixel` is its side in metres."""

    random: Random
    shape: tuple[int, int]
    pixel: float

    def noise(self, across: float, down: float | None = None) -> Plane:
        """Noise of mean 0 and deviation 1 that repeats; its grains have these sizes in metres."""
        field = self.random.standard_normal(self.shape).astype(np.float32)
        sigma = ((across if down is None else down) / self.pixel / 2, across / self.pixel / 2)
        # by frequencies, because that wraps around and large grains cost no more than small ones
        waves = ndimage.fourier_gaussian(np.fft.rfft2(field), sigma, n=self.shape[1])
        smooth = np.fft.irfft2(waves, s=self.shape)
        return ((smooth - smooth.mean()) / max(float(smooth.std()), 1e-9)).astype(np.float32)

    def places(self) -> tuple[Plane, Plane]:
        """Metres across and down of each pixel's centre."""
        rows, columns = np.mgrid[0 : self.shape[0], 0 : self.shape[1]].astype(np.float32)
        return (columns + 0.5) * self.pixel, (rows + 0.5) * self.pixel


def draw_swatch(name: str) -> Levels:
    """Draw a swatch as sRGB levels (H, W, 3). Raises KeyError for an unknown name."""
    if name in PAINTS:
        return np.full((_PAINT_SIDE, _PAINT_SIDE, 3), PAINTS[name], np.uint8)
    drawing = MATERIALS[name]
    width, height = (side * _SAMPLES for side in drawing.size)
    sheet = Sheet(np.random.default_rng([drawing.seed, 7]), (height, width), drawing.metres / width)
    light = drawing.draw(sheet)
    parts = light.reshape(height // _SAMPLES, _SAMPLES, width // _SAMPLES, _SAMPLES, 3)
    return to_levels(parts.mean(axis=(1, 3)))


def write_swatches(folder: Path) -> None:
    """Write every swatch as NAME.png."""
    for name in (*MATERIALS, *PAINTS):
        image = Image.fromarray(draw_swatch(name))
        image = image.quantize(_COLOURS, dither=Image.Dither.NONE)
        image.save(folder / f"{name}.png", optimize=True)


# ── wood ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Wood:
    light: Light
    dark: Light
    rings: float  # metres from ring to ring
    contrast: float
    pores: float
    variation: float


def _boards(wood: _Wood, count: int) -> Callable[[Sheet], Light]:
    def draw(sheet: Sheet) -> Light:
        height, width = sheet.shape
        edges = np.linspace(0, width, count + 1).astype(int)
        ends = sheet.random.permutation(count) / count + sheet.random.uniform(0, 0.5 / count, count)
        tones = sheet.random.permutation(np.linspace(-1, 1, count))
        boards = [
            np.roll(_board(sheet, wood, int(right - left), float(tone)), int(end * height), axis=0)
            for left, right, end, tone in zip(edges[:-1], edges[1:], ends, tones, strict=True)
        ]
        return np.concatenate(boards, axis=1)

    return draw


def _board(sheet: Sheet, wood: _Wood, width: int, tone: float) -> Light:
    """One board from end to end: the rings of a trunk that is cut along, with pores and joints."""
    random, height = sheet.random, sheet.shape[0]
    piece = Sheet(random, (height, width), sheet.pixel)
    across, down = piece.places()
    heart = width * sheet.pixel * float(random.uniform(-0.2, 1.2))
    depth = float(random.uniform(0.02, 0.05)) + down * float(random.uniform(0.01, 0.035))
    wobble = 0.004 * piece.noise(0.12, 0.5) + 0.0012 * piece.noise(0.03, 0.25)
    radius = np.hypot(across - heart + wobble, depth + 0.004 * piece.noise(0.2, 0.3))
    # rings are wide in good years and narrow in bad ones, and stand out unequally
    phase = (radius / wood.rings + 0.5 * piece.noise(0.03, 0.6)) % 1
    vivid = np.clip(0.7 + 0.45 * piece.noise(0.025, 0.3), 0.1, 1.6)
    late = np.clip(phase / 0.8, 0, 1) ** 2 * np.clip((1 - phase) / 0.2, 0, 1)
    fibre = piece.noise(0.0016, 0.06)
    pores = np.clip(piece.noise(0.0012, 0.012) - 1.2, 0, 2)
    share = 0.34 + wood.contrast * vivid * (late - 0.3) + 0.04 * fibre + wood.variation * tone
    share += wood.pores * pores + 0.04 * piece.noise(0.1, 0.5)
    mixed = wood.light + (wood.dark - wood.light) * np.clip(share, 0, 1)[..., None]
    return (mixed * _groove(across, down, sheet, (height, width))[..., None]).astype(np.float32)


def _groove(across: Plane, down: Plane, sheet: Sheet, shape: tuple[int, int]) -> Plane:
    """The bevel around a board: half a millimetre of shadow, softly."""
    height, width = (side * sheet.pixel for side in shape)
    side = np.minimum(across, width - across)
    end = np.minimum(down, height - down)
    gap = np.minimum(side, end)
    return (1 - 0.62 * np.exp(-((gap / 0.0011) ** 2)) - 0.06 * np.exp(-gap / 0.004)).astype(
        np.float32
    )


# ── stone ────────────────────────────────────────────────────────────────────────────────────────


_VEINS = ((1, 1, 0.012, 0.34), (1, 2, 0.006, 0.16), (2, -1, 0.005, 0.12), (3, 2, 0.003, 0.1))
_BLUISH = np.array([0.06, 0.035, 0.0], np.float32)  # what veins take away


def _marble(sheet: Sheet) -> Light:
    """Veins are lines across the torus, bent by noise; each comes and goes along its way."""
    across, down = sheet.places()
    side = sheet.shape[1] * sheet.pixel
    cloud = 0.6 * sheet.noise(0.35) + 0.4 * sheet.noise(0.15)
    light = 1 - 0.025 * np.clip(cloud + 0.5, 0, 3)
    bend = 0.1 * sheet.noise(0.4) + 0.035 * sheet.noise(0.12)
    for columns, rows, width, depth in _VEINS:
        jitter = 0.012 * sheet.noise(0.05) + 0.004 * sheet.noise(0.014)
        turns = np.hypot(columns, rows)
        own = bend * float(sheet.random.uniform(0.7, 1.3)) + 0.05 * sheet.noise(0.3) + jitter
        phase = (columns * across + rows * down) / side + own * turns
        start = float(sheet.random.uniform(0, 1))
        distance = np.abs((phase + start) % 1 - 0.5) / turns * side
        breadth = width * np.exp(0.5 * sheet.noise(0.1))
        strength = np.clip(0.45 + 0.5 * sheet.noise(0.22), 0, 1.2)
        core = np.exp(-((distance / breadth) ** 2)) * 0.6 + 0.4 * np.exp(-distance / breadth / 3)
        light *= 1 - depth * strength * core
    light *= 1 + 0.004 * sheet.noise(0.002)
    shade = np.clip((1 - light) / 0.4, 0, 1)[..., None]
    return (colour(240, 239, 235) * light[..., None] * (1 - shade * _BLUISH)).astype(np.float32)


def _concrete(sheet: Sheet) -> Light:
    light = 1 + 0.035 * sheet.noise(0.35) + 0.03 * sheet.noise(0.1) + 0.02 * sheet.noise(0.03)
    light += 0.008 * sheet.noise(0.16, 0.02) + 0.022 * sheet.noise(0.004)
    holes = sheet.noise(0.006) + 0.4 * sheet.noise(0.2)
    light *= 1 - 0.4 * np.clip((holes - 3.1) * 2.5, 0, 1)
    warmth = 0.012 * sheet.noise(0.25)[..., None] * np.array([1, 0, -1.4], np.float32)
    return (colour(172, 170, 165) * (light[..., None] + warmth)).astype(np.float32)


_CHIPS = (
    ((196, 186, 172), 0.28),
    ((142, 136, 130), 0.2),
    ((84, 82, 82), 0.14),
    ((190, 140, 104), 0.14),
    ((214, 190, 150), 0.14),
    ((126, 140, 134), 0.1),
)


def _terrazzo(sheet: Sheet) -> Light:
    height, width = sheet.shape
    picture = Image.new("RGB", (width, height), (232, 228, 220))
    draw = ImageDraw.Draw(picture)
    placed: list[tuple[float, float, float]] = []
    for radius, tries in ((0.013, 260), (0.007, 1100), (0.0032, 3600)):
        for _ in range(tries):
            _chip(sheet, draw, placed, radius * float(sheet.random.uniform(0.7, 1.35)))
    light = to_linear(np.asarray(picture))
    return light * (1 + 0.012 * sheet.noise(0.0016) + 0.012 * sheet.noise(0.08))[..., None]


def _chip(
    sheet: Sheet, draw: ImageDraw.ImageDraw, placed: list[tuple[float, float, float]], radius: float
) -> None:
    """Lay a stone chip where it touches no other, on a torus; else lay none."""
    random, (height, width) = sheet.random, sheet.shape
    size = radius / sheet.pixel
    x, y = float(random.uniform(0, width)), float(random.uniform(0, height))
    for other_x, other_y, other in placed:
        dx, dy = abs(x - other_x), abs(y - other_y)
        gap = np.hypot(min(dx, width - dx), min(dy, height - dy))
        if gap < (size + other) * 0.86:
            return
    placed.append((x, y, size))
    corners = int(random.integers(5, 9))
    angles = np.sort(
        random.uniform(0, 2 * np.pi, corners) * 0.35 + np.arange(corners) * 2 * np.pi / corners
    )
    reach = size * random.uniform(0.62, 1.0, corners)
    turn, flat = float(random.uniform(0, np.pi)), float(random.uniform(0.6, 1))
    along, beside = reach * np.cos(angles), reach * np.sin(angles) * flat
    xs = x + along * np.cos(turn) - beside * np.sin(turn)
    ys = y + along * np.sin(turn) + beside * np.cos(turn)
    weights = np.array([share for _, share in _CHIPS])
    level = np.array(_CHIPS[int(random.choice(len(_CHIPS), p=weights / weights.sum()))][0])
    red, green, blue = (level * random.uniform(0.93, 1.05)).clip(0, 255).astype(int).tolist()
    for shift_x in (-width, 0, width):
        for shift_y in (-height, 0, height):
            points = [(float(a + shift_x), float(b + shift_y)) for a, b in zip(xs, ys, strict=True)]
            draw.polygon(points, fill=(red, green, blue))


# ── tiles and cloth ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Tiling:
    tile: Light
    grout: Light
    columns: int
    rows: int
    shift: float  # of a tile, every other row
    joint: float  # metres
    variation: float
    wave: float


def _tiles(tiling: _Tiling) -> Callable[[Sheet], Light]:
    def draw(sheet: Sheet) -> Light:
        across, down = sheet.places()
        width = sheet.shape[1] * sheet.pixel / tiling.columns
        height = sheet.shape[0] * sheet.pixel / tiling.rows
        row = np.floor(down / height).astype(int)
        along = across + np.where(row % 2 == 1, tiling.shift * width, 0)
        column = np.floor(along / width).astype(int) % tiling.columns
        tones = sheet.random.normal(0, tiling.variation, (tiling.rows, tiling.columns, 1))
        hues = sheet.random.normal(0, tiling.variation * 0.25, (tiling.rows, tiling.columns, 3))
        tone = 1 + (tones + hues)[row, column]
        x, y = along % width, down % height
        gap = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y)) - tiling.joint / 2
        # The glaze runs thin at the edges, and its surface waves: both as little light.
        bevel = np.exp(-np.clip(gap, 0, 1) / 0.002)
        lit = np.where((x < width / 2) & (y < height / 2), 0.05, -0.05)
        glaze = 1 + tiling.wave * sheet.noise(0.05) + 0.4 * tiling.wave * sheet.noise(0.015)
        body = tiling.tile * tone * (glaze * (1 + lit * bevel))[..., None]
        grout = tiling.grout * (1 + 0.05 * sheet.noise(0.0014))[..., None]
        share = np.clip(gap / sheet.pixel / 2 + 0.5, 0, 1)[..., None]
        shadow = 1 - 0.25 * np.exp(-(((gap + tiling.joint * 0.2) / (tiling.joint * 0.25)) ** 2))
        return (share * body + (1 - share) * grout * shadow[..., None]).astype(np.float32)

    return draw


def _linen(sheet: Sheet) -> Light:
    """A plain weave: warp over weft and under it, threads of uneven thickness."""
    threads = 104
    across, down = sheet.places()
    width, height = sheet.shape[1] * sheet.pixel, sheet.shape[0] * sheet.pixel
    u = across / width * threads + 0.16 * sheet.noise(0.004, 0.05)
    v = down / height * threads + 0.16 * sheet.noise(0.05, 0.004)
    warp, weft = np.floor(u).astype(int) % threads, np.floor(v).astype(int) % threads
    round_u, round_v = np.sin(np.pi * (u % 1)), np.sin(np.pi * (v % 1))
    is_warp = (warp + weft) % 2 == 0
    tones = sheet.random.normal(0, 0.055, (2, threads)).astype(np.float32)
    slub = np.where(is_warp, sheet.noise(0.001, 0.02), sheet.noise(0.02, 0.001))
    tone = np.where(is_warp, tones[0][warp], tones[1][weft]) + 0.045 * slub
    hill = np.where(
        is_warp, round_u**0.6 * (0.55 + 0.45 * round_v), round_v**0.6 * (0.55 + 0.45 * round_u)
    )
    light = (0.62 + 0.44 * hill) * (1 + tone) * (1 + 0.02 * sheet.noise(0.0006))
    return (colour(222, 211, 193) * light[..., None]).astype(np.float32)


_OAK = _Wood(colour(222, 186, 140), colour(150, 106, 64), 0.0075, 0.32, 0.14, 0.11)
_WALNUT = _Wood(colour(134, 92, 62), colour(48, 30, 21), 0.01, 0.4, 0.12, 0.11)
_WHITE = _Tiling(colour(240, 240, 236), colour(196, 193, 187), 4, 4, 0.0, 0.003, 0.012, 0.008)
_SAGE = _Tiling(colour(152, 170, 146), colour(214, 210, 200), 2, 6, 0.5, 0.003, 0.07, 0.035)

MATERIALS: dict[str, Drawing] = {
    "oak_a": Drawing(1, (512, 1024), 0.72, _boards(_OAK, 4)),
    "walnut": Drawing(2, (512, 1024), 0.72, _boards(_WALNUT, 4)),
    "marble": Drawing(24, (512, 512), 1.2, _marble),
    "concrete": Drawing(4, (512, 512), 1.2, _concrete),
    "terrazzo": Drawing(5, (512, 512), 0.5, _terrazzo),
    "white_tile": Drawing(6, (512, 512), 0.6, _tiles(_WHITE)),
    "sage_tile": Drawing(7, (512, 512), 0.4, _tiles(_SAGE)),
    "linen": Drawing(8, (512, 512), 0.1, _linen),
}
"""Materials by name."""


def main(arguments: list[str]) -> None:
    """Write the swatches into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write_swatches(parser.parse_args(arguments).folder)


if __name__ == "__main__":
    main(sys.argv[1:])
