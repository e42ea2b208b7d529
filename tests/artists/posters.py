"""Posters of the fifties: flat circles, triangles and stripes in five inks, cut by a grid."""

import numpy as np
from PIL import Image, ImageDraw

from tests.artists.drawing import SCALE, SIDE, Points, box, circle, turned

CREAM, NAVY, RED, MUSTARD, TEAL, PEACH = (
    (243, 231, 205), (26, 42, 74), (214, 64, 42), (232, 168, 46), (38, 128, 128), (240, 178, 140),
)  # fmt: skip
INKS = (NAVY, RED, MUSTARD, TEAL, PEACH)

Canvas = ImageDraw.ImageDraw
Random = np.random.Generator


def draw(number: int, random: Random) -> tuple[Image.Image, tuple[str, ...]]:
    """Work `number` and its tags."""
    subject, tags = SUBJECTS[number % len(SUBJECTS)]
    large = Image.new("RGB", (SIDE * SCALE, SIDE * SCALE), CREAM)
    canvas = ImageDraw.Draw(large)
    subject(canvas, random)
    _frame(canvas)
    return large.resize((SIDE, SIDE), Image.Resampling.LANCZOS), tags


def _fill(canvas: Canvas, points: Points, ink: tuple[int, int, int]) -> None:
    canvas.polygon([tuple(point) for point in points * SIDE * SCALE], fill=ink)


def _frame(canvas: Canvas) -> None:
    side = SIDE * SCALE
    canvas.rectangle((0, 0, side - 1, side - 1), outline=CREAM, width=22 * SCALE)


def _rays(canvas: Canvas, x: float, y: float, count: int, ink: tuple, offset: float) -> None:
    for k in range(count):
        ray = np.array([(0, 0), (1.6, -1.6 * np.tan(np.pi / count / 2)),
                        (1.6, 1.6 * np.tan(np.pi / count / 2))])  # fmt: skip
        _fill(canvas, turned(ray, offset + k * 360 / count) + (x, y), ink)


def _rings(canvas: Canvas, x: float, y: float, radius: float, inks: tuple) -> None:
    for k, ink in enumerate(inks):
        _fill(canvas, circle(x, y, radius * (1 - k / len(inks))), ink)


def _waves(canvas: Canvas, top: float, inks: tuple, radius: float = 0.09) -> None:
    """Rows of scales, as on old maps."""
    for row, y in enumerate(np.arange(top + radius, 1.1, radius * 0.62)):
        for x in np.arange(-radius * (row % 2), 1.1 + radius, 2 * radius):
            for k, ink in enumerate((inks[row % len(inks)], CREAM, inks[row % len(inks)])):
                _fill(canvas, circle(x, y, radius * (1 - 0.28 * k), start=180), ink)


def _mountains(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), PEACH)
    x = random.uniform(0.3, 0.7)
    _rays(canvas, x, 0.42, 18, MUSTARD, random.uniform(0, 20))
    _rings(canvas, x, 0.42, 0.24, (RED, CREAM, RED))
    for left, peak, right, top in ((-0.2, 0.15, 0.55, 0.38), (0.4, 0.8, 1.25, 0.33),
                                   (0.1, random.uniform(0.4, 0.55), 0.95, 0.46)):  # fmt: skip
        _fill(canvas, np.array([(left, 0.86), (peak, top), (peak, 0.86)]), TEAL)
        _fill(canvas, np.array([(right, 0.86), (peak, top), (peak, 0.86)]), NAVY)
        cut = 0.3
        sides = [(peak + (end - peak) * cut, top + (0.86 - top) * cut) for end in (left, right)]
        _fill(canvas, np.array([sides[0], (peak, top), sides[1], (peak, top + 0.22)]), CREAM)
    for k in range(5):
        _fill(canvas, box(0, 0.86 + 0.03 * k, 1, 0.89 + 0.03 * k), (RED, CREAM)[k % 2])


def _boat(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), MUSTARD)
    _rings(canvas, random.uniform(0.2, 0.32), 0.27, 0.16, (CREAM, RED))
    x = random.uniform(0.52, 0.62)
    _fill(canvas, np.array([(x, 0.12), (x, 0.6), (x - 0.3, 0.6)]), CREAM)
    _fill(canvas, np.array([(x + 0.03, 0.2), (x + 0.03, 0.6), (x + 0.26, 0.6)]), RED)
    _fill(canvas, np.array([(x, 0.12), (x, 0.36), (x - 0.15, 0.36)]), TEAL)
    hull = np.array([(x - 0.34, 0.63), (x + 0.32, 0.63), (x + 0.2, 0.78), (x - 0.22, 0.78)])
    _fill(canvas, hull, NAVY)
    _waves(canvas, 0.7, (TEAL, NAVY))


def _forest(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), TEAL)
    _rings(canvas, random.uniform(0.6, 0.75), 0.25, 0.15, (CREAM,))
    for row, (y, inks) in enumerate(((0.62, (NAVY, RED)), (0.8, (MUSTARD, NAVY)),
                                     (0.97, (RED, MUSTARD)))):  # fmt: skip
        for k, x in enumerate(np.arange(-0.05 + 0.11 * (row % 2), 1.1, 0.22)):
            width, ink = 0.12, inks[k % 2]
            _fill(canvas, box(x - 0.012, y - 0.1, x + 0.012, y + 0.1), CREAM)
            for level in range(3):
                top = y - 0.4 + 0.1 * level
                half = width * (0.5 + 0.2 * level)
                _fill(canvas, np.array([(x, top), (x + half, top + 0.15), (x, top + 0.15)]), ink)
                dark = NAVY if ink != NAVY else TEAL
                left = np.array([(x, top), (x - half, top + 0.15), (x, top + 0.15)])
                _fill(canvas, left, ink if level % 2 else dark)


def _house(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), NAVY)
    for k, y in enumerate(np.arange(0.06, 0.62, 0.05)):
        _fill(canvas, box(0, y, 1, y + 0.016), (TEAL, PEACH)[k % 2])
    left = random.uniform(0.2, 0.3)
    right, middle = left + 0.5, left + 0.25
    _fill(canvas, box(left, 0.45, right, 0.86), CREAM)
    _fill(canvas, box(middle, 0.45, right, 0.86), PEACH)
    _fill(canvas, np.array([(left - 0.06, 0.46), (middle, 0.17), (middle, 0.46)]), RED)
    _fill(canvas, np.array([(right + 0.06, 0.46), (middle, 0.17), (middle, 0.46)]), MUSTARD)
    for row in range(2):
        for k in range(4):
            x, y = left + 0.045 + 0.12 * k, 0.51 + 0.13 * row
            _fill(canvas, box(x, y, x + 0.055, y + 0.08), (NAVY, TEAL)[(k + row) % 2])
    _fill(canvas, box(middle - 0.05, 0.74, middle + 0.05, 0.86), RED)
    _fill(canvas, circle(middle, 0.74, 0.05, start=180), RED)
    _fill(canvas, box(0, 0.86, 1, 1), TEAL)
    for x in (left - 0.12, right + 0.12):
        _fill(canvas, circle(x, 0.66, 0.09), MUSTARD)
        _fill(canvas, circle(x, 0.66, 0.09, start=90, end=270), RED)
        _fill(canvas, box(x - 0.01, 0.66, x + 0.01, 0.86), CREAM)


def _fish(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), TEAL)
    for k, y in enumerate(np.arange(0.1, 1, 0.16)):
        for x in np.arange(0.1, 1, 0.16):
            _fill(canvas, circle(x + 0.08 * (k % 2), y, 0.012), PEACH)
    x, y, r = 0.45 + random.uniform(-0.03, 0.03), 0.5, 0.36
    upper, lower = (
        circle(x, y + 0.22, r * 1.2, start=210, end=330),
        circle(x, y - 0.22, r * 1.2, start=30, end=150),
    )
    _fill(canvas, np.concatenate([upper, lower]), RED)
    right = x + 0.33
    _fill(canvas, np.array([(right, y), (right + 0.2, y - 0.17), (right + 0.2, y)]), MUSTARD)
    _fill(canvas, np.array([(right, y), (right + 0.2, y + 0.17), (right + 0.2, y)]), NAVY)
    for k in range(3):
        for j in range(-2 + k, 3 - k):
            cx, cy = x - 0.04 + 0.1 * k, y + 0.062 * j
            _fill(canvas, circle(cx, cy, 0.035, start=90, end=270), (CREAM, MUSTARD, NAVY)[k])
    _fill(canvas, circle(x - 0.22, y - 0.04, 0.045), CREAM)
    _fill(canvas, circle(x - 0.22, y - 0.04, 0.022), NAVY)


def _flower(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), RED)
    _fill(canvas, box(0, 0.78, 1, 1), NAVY)
    x, y, petals = 0.5 + random.uniform(-0.06, 0.06), 0.36, 12
    _fill(canvas, box(x - 0.014, y, x + 0.014, 0.8), NAVY)
    for side in (-1, 1):
        leaf = np.array([(0, 0), (side * 0.22, -0.16), (side * 0.22, 0.02)]) + (x, 0.7)
        _fill(canvas, leaf, TEAL)
        _fill(canvas, leaf * (1, 1) + (0, 0.06), MUSTARD)
    for k in range(petals):
        half = np.array([(0, 0), (0.27, -0.065), (0.27, 0)])
        _fill(canvas, turned(half, k * 360 / petals) + (x, y), CREAM)
        _fill(canvas, turned(half * (1, -1), k * 360 / petals) + (x, y), PEACH)
    _rings(canvas, x, y, 0.12, (NAVY, MUSTARD, NAVY))
    for k in range(8):
        _fill(canvas, circle(0.06 + 0.125 * k, 0.9, 0.05, start=180), (TEAL, MUSTARD)[k % 2])


def _moon(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), NAVY)
    x, y = random.uniform(0.4, 0.6), 0.38
    _rings(canvas, x, y, 0.3, (TEAL, NAVY))
    _fill(canvas, circle(x, y, 0.25), MUSTARD)
    _fill(canvas, circle(x + 0.1, y - 0.04, 0.22), NAVY)
    for _ in range(16):
        sx, sy = random.uniform(0.06, 0.94), random.uniform(0.06, 0.6)
        if np.hypot(sx - x, sy - y) > 0.33:
            for turn in (0, 90):
                star = np.array([(-0.03, 0), (0, -0.007), (0.03, 0), (0, 0.007)])
                _fill(canvas, turned(star, turn) + (sx, sy), CREAM)
    heights = random.uniform(0.1, 0.3, 8)
    for k, height in enumerate(heights):
        left = 0.02 + 0.12 * k
        _fill(canvas, box(left, 0.95 - height, left + 0.11, 1), (TEAL, RED, PEACH)[k % 3])
        for wy in np.arange(0.98 - height, 0.95, 0.05):
            _fill(canvas, box(left + 0.02, wy, left + 0.045, wy + 0.025), NAVY)
            _fill(canvas, box(left + 0.065, wy, left + 0.09, wy + 0.025), CREAM)


def _bird(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), PEACH)
    _rings(canvas, 0.78, 0.24, 0.14, (MUSTARD,))
    x, y = 0.44 + random.uniform(-0.03, 0.03), 0.5
    _fill(canvas, circle(x, y, 0.26, start=0, end=180), NAVY)
    _fill(canvas, circle(x - 0.13, y, 0.13, start=180), NAVY)
    _fill(canvas, np.array([(x - 0.25, y - 0.06), (x - 0.38, y), (x - 0.25, y + 0.02)]), MUSTARD)
    _fill(canvas, circle(x - 0.16, y - 0.03, 0.026), CREAM)
    _fill(canvas, circle(x + 0.06, y, 0.18, start=0, end=180), RED)
    _fill(canvas, circle(x + 0.06, y, 0.11, start=0, end=180), CREAM)
    _fill(canvas, np.array([(x + 0.2, y), (x + 0.46, y - 0.16), (x + 0.4, y + 0.06)]), TEAL)
    for offset in (-0.02, 0.06):
        _fill(canvas, box(x + offset, y + 0.25, x + offset + 0.014, 0.86), NAVY)
    _fill(canvas, box(0, 0.84, 1, 0.87), NAVY)
    for k in range(10):
        leaf = circle(0.05 + 0.1 * k, 0.87, 0.045, end=180)
        _fill(canvas, leaf, (TEAL, RED)[k % 2])


def _sun(canvas: Canvas, random: Random) -> None:
    _fill(canvas, box(0, 0, 1, 1), CREAM)
    _rays(canvas, 0.5, 0.62, 14, RED, random.uniform(0, 26))
    _rays(canvas, 0.5, 0.62, 14, MUSTARD, 13 + random.uniform(-4, 4))
    _rings(canvas, 0.5, 0.62, 0.28, (NAVY, MUSTARD, CREAM, RED))
    _waves(canvas, 0.62, (NAVY, TEAL), radius=0.11)


SUBJECTS = (
    (_mountains, ("mountain", "sun", "sunset")), (_boat, ("boat", "sea", "sun", "day")),
    (_forest, ("tree", "forest", "moon", "night")), (_house, ("house", "night", "white")),
    (_fish, ("fish", "sea", "red")), (_flower, ("flower", "white", "plain")),
    (_moon, ("moon", "city", "night")), (_bird, ("bird", "day", "black")),
    (_sun, ("sun", "sea", "sunset")),
)  # fmt: skip
