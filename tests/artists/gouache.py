"""Gouache still lifes: opaque dabs of a broad brush, light from the left, strong shadows."""

import numpy as np
from PIL import Image, ImageDraw

from tests.artists.drawing import (
    SCALE,
    SIDE,
    Points,
    Rgb,
    box,
    circle,
    curve,
    ellipse,
    mask_of,
    turned,
)  # fmt: skip

Random = np.random.Generator
_LARGE = SIDE * SCALE
_LIGHT = np.array((-0.75, -0.66))  # where the light comes from
WINE, RUST, LEMON, OLIVE, BOTTLE, COBALT, LINEN, PLUM, PEACH, UMBER, MINT = (
    (150, 34, 52), (206, 96, 50), (238, 202, 78), (136, 148, 66), (40, 92, 80), (52, 84, 158),
    (234, 224, 204), (98, 60, 104), (240, 172, 128), (92, 64, 52), (170, 206, 184),
)  # fmt: skip


def draw(number: int, random: Random) -> tuple[Image.Image, tuple[str, ...]]:
    """Work `number` and its tags."""
    subject, tags = SUBJECTS[number % len(SUBJECTS)]
    paint = _Paint(random)
    subject(paint, random)
    return paint.picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), tags


class _Paint:
    """A board painted shape by shape, from back to front, at twice the size."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.picture = Image.new("RGB", (_LARGE, _LARGE), UMBER)

    def shape(
        self,
        points: Points,
        colour: Rgb,
        *,
        brush: float = 0.03,
        round_: float = 0.5,
        turn: float = 30,
    ) -> None:
        """Fill a shape with dabs; `round_` is how much it curves out of the light."""
        layer = self.picture.copy()
        canvas = ImageDraw.Draw(layer)
        corner, far = points.min(axis=0).clip(-0.1, 1.1), points.max(axis=0).clip(-0.1, 1.1)
        extent = np.maximum(far - corner, 1e-3)
        canvas.polygon([tuple(point) for point in points * _LARGE], fill=colour)
        count = int(2.6 * np.prod(extent + brush) / brush**2)
        for place in self._random.random((min(count, 2500), 2)) * extent + corner:
            side = (place - corner) / extent * 2 - 1
            light = float(side @ _LIGHT) * round_
            tone = np.array(colour, float)
            tone = (
                tone
                + (250 - tone) * 0.55 * max(light, 0)
                + (np.array((30, 24, 58)) - tone) * 0.75 * max(-light, 0)
            )
            curl = turn + 55 * side[0] * (round_ > 0.3)
            self._dab(canvas, place, tone + self._random.normal(0, 7, 3), brush, curl)
        mask = Image.fromarray(np.uint8(255 * mask_of(points, _LARGE // SCALE)))
        mask = mask.resize((_LARGE, _LARGE), Image.Resampling.BICUBIC)
        self.picture.paste(layer, mask=mask.point(lambda level: 255 * (level > 127)))

    def shine(self, x: float, y: float, width: float, height: float, turn: float = -40) -> None:
        """A light on something glossy: two dabs of white."""
        canvas = ImageDraw.Draw(self.picture)
        points = ellipse(x, y, width, height, turn=turn) * _LARGE
        canvas.polygon([tuple(point) for point in points], fill=(252, 248, 238))

    def stroke(self, points: Points, colour: Rgb, width: float) -> None:
        """One stroke of the edge of the brush."""
        canvas = ImageDraw.Draw(self.picture)
        for shift, factor in ((0.0, 0.8), (-0.25, 1.1)):
            line = [tuple(point) for point in (points + (shift * width, shift * width)) * _LARGE]
            tone = tuple(np.clip(np.array(colour) * factor, 0, 255).astype(int))
            canvas.line(
                line,
                fill=tone,
                width=max(2, int(width * _LARGE * (0.7 if shift else 1))),
                joint="curve",
            )

    def shadow(
        self, x: float, y: float, width: float, height: float, colour: Rgb = (70, 52, 78)
    ) -> None:
        """What something throws on the table, to the right."""
        self.shape(
            ellipse(x + 0.35 * width, y, width, height), colour, brush=0.022, round_=0.1, turn=0
        )

    def _dab(
        self, canvas: ImageDraw.ImageDraw, place: Points, tone: Points, brush: float, turn: float
    ) -> None:
        angle = np.radians(turn + self._random.normal(0, 16))
        way = np.array([np.cos(angle), -np.sin(angle)])
        across = np.array([way[1], -way[0]])
        length = brush * self._random.uniform(0.9, 1.8)
        for bristle in np.linspace(-0.5, 0.5, 6):
            start = place - way * length * self._random.uniform(0.4, 0.6) + across * bristle * brush
            end = place + way * length * self._random.uniform(0.35, 0.6) + across * bristle * brush
            fill = tuple(np.clip(tone + self._random.normal(0, 6), 0, 255).astype(int))
            canvas.line(
                [tuple(start * _LARGE), tuple(end * _LARGE)],
                fill=fill,
                width=max(2, int(brush * _LARGE / 5)),
            )


def _room(
    paint: _Paint, wall: Rgb, table: Rgb, edge: float = 0.62, *, stripes: Rgb | None = None
) -> None:
    paint.shape(box(-0.05, -0.05, 1.05, edge), wall, brush=0.06, round_=0.35, turn=60)
    if stripes is not None:
        for x in np.arange(0.04, 1, 0.16):
            paint.shape(box(x, -0.05, x + 0.05, edge), stripes, brush=0.035, round_=0.3, turn=90)
    paint.shape(box(-0.05, edge, 1.05, 1.05), table, brush=0.055, round_=0.35, turn=4)
    paint.stroke(np.array([(0, edge), (1, edge)]), UMBER, 0.008)


def _apple(paint: _Paint, x: float, y: float, radius: float, colour: Rgb) -> None:
    paint.shadow(x, y + 0.85 * radius, 1.2 * radius, 0.28 * radius)
    outline = curve([(0, -0.82), (0.6, -0.98), (1.02, -0.2), (0.62, 0.92), (0, 0.84),
                     (-0.62, 0.92), (-1.02, -0.2), (-0.6, -0.98)], closed=True)  # fmt: skip
    paint.shape(outline * radius + (x, y), colour, brush=0.026, round_=0.95, turn=70)
    paint.stroke(
        curve([(x, y - 0.75 * radius), (x + 0.04 * radius, y - 1.3 * radius)]), UMBER, 0.012
    )
    paint.shape(
        ellipse(x + 0.36 * radius, y - 1.2 * radius, 0.36 * radius, 0.15 * radius, turn=25),
        OLIVE,
        brush=0.012,
    )
    paint.shine(x - 0.45 * radius, y - 0.45 * radius, 0.16 * radius, 0.09 * radius)


def _lemon(paint: _Paint, x: float, y: float, radius: float) -> None:
    paint.shadow(x, y + 0.72 * radius, 1.2 * radius, 0.24 * radius)
    outline = curve([(-1.25, 0.05), (-0.8, -0.55), (0, -0.8), (0.8, -0.55), (1.25, 0), (0.8, 0.6),
                     (0, 0.8), (-0.8, 0.6)], closed=True)  # fmt: skip
    paint.shape(outline * radius + (x, y), LEMON, brush=0.024, round_=0.85, turn=10)
    paint.shine(x - 0.4 * radius, y - 0.36 * radius, 0.18 * radius, 0.08 * radius)


def _vase(paint: _Paint, x: float, foot: float, size: float, colour: Rgb) -> None:
    paint.shadow(x, foot, 0.75 * size, 0.12 * size)
    side = curve([(0.22, -1.0), (0.2, -0.8), (0.5, -0.4), (0.26, 0.02)])
    paint.shape(
        np.concatenate([side, side[::-1] * (-1, 1)]) * size + (x, foot),
        colour,
        round_=0.85,
        turn=80,
    )
    paint.shape(ellipse(x, foot - size, 0.23 * size, 0.06 * size), UMBER, brush=0.015, round_=0.2)
    paint.shine(x - 0.22 * size, foot - 0.45 * size, 0.03 * size, 0.13 * size, turn=-8)


def _bloom(
    paint: _Paint, x: float, y: float, size: float, colour: Rgb, heart: Rgb, petals: int = 7
) -> None:
    for k in range(petals):
        petal = turned(ellipse(0.6, 0, 0.48, 0.3), 360 * k / petals + 40 * x) * size + (x, y)
        tone = tuple(int(channel * (0.82 + 0.18 * (k % 2))) for channel in colour)
        paint.shape(petal, tone, brush=0.016, round_=0.6, turn=360 * k / petals)
    paint.shape(circle(x, y, 0.26 * size), heart, brush=0.012, round_=0.8)


def _flowers(paint: _Paint, random: Random) -> None:
    _room(paint, MINT, RUST)
    x = random.uniform(0.42, 0.58)
    heads = [(x - 0.2, 0.3), (x + 0.02, 0.17), (x + 0.22, 0.28), (x - 0.05, 0.38)]
    for hx, hy in heads:
        paint.stroke(curve([(x, 0.62), ((x + hx) / 2, 0.46), (hx, hy)]), BOTTLE, 0.014)
    for side in (-1, 1):
        paint.shape(
            ellipse(x + side * 0.17, 0.47, 0.12, 0.035, turn=side * 30),
            OLIVE,
            brush=0.018,
            turn=side * 30,
        )
    _vase(paint, x, 0.86, 0.32, COBALT)
    for (hx, hy), colour in zip(heads, (WINE, PEACH, LINEN, WINE), strict=True):
        _bloom(paint, hx, hy, 0.115, colour, LEMON)
    _lemon(paint, x + 0.3, 0.84, 0.07)


def _apples(paint: _Paint, random: Random) -> None:
    _room(paint, PLUM, LINEN, 0.5)
    x = random.uniform(0.44, 0.56)
    paint.shadow(x, 0.84, 0.38, 0.06)
    bowl = np.concatenate(
        [
            [(x - 0.36, 0.6)],
            curve([(x - 0.36, 0.6), (x - 0.2, 0.82), (x + 0.2, 0.82), (x + 0.36, 0.6)]),
        ]
    )
    for ax, ay, colour in (
        (x - 0.18, 0.52, WINE),
        (x + 0.18, 0.53, OLIVE),
        (x, 0.46, RUST),
        (x - 0.02, 0.57, WINE),
    ):
        _apple(paint, ax, ay, 0.115, colour)
    paint.shape(bowl, COBALT, round_=0.7, turn=5)
    for k in range(7):
        paint.shape(circle(x - 0.24 + 0.08 * k, 0.68, 0.018), LINEN, brush=0.012, round_=0.2)
    _apple(paint, random.choice([0.13, 0.87]), 0.84, 0.085, LEMON)


def _fish(paint: _Paint, random: Random) -> None:
    _room(paint, OLIVE, PEACH, 0.3)
    x, y = 0.5 + random.uniform(-0.04, 0.04), 0.6
    paint.shadow(x, y + 0.14, 0.42, 0.14)
    paint.shape(ellipse(x, y, 0.45, 0.24), LINEN, brush=0.035, round_=0.3, turn=0)
    paint.shape(ellipse(x, y, 0.36, 0.18), MINT, brush=0.03, round_=-0.25, turn=0)
    for dy, colour in ((-0.07, COBALT), (0.07, PLUM)):
        body = curve([(-0.3, 0.0), (-0.12, -0.075), (0.2, -0.01), (-0.12, 0.075)], closed=True) + (
            x,
            y + dy,
        )
        tail = np.array([(0.17, 0), (0.3, -0.075), (0.27, 0.0), (0.3, 0.075)]) + (x, y + dy)
        paint.shape(tail, colour, brush=0.014, turn=0)
        paint.shape(body, colour, brush=0.02, round_=0.9, turn=10)
        paint.stroke(
            curve([(x - 0.17, y + dy - 0.05), (x - 0.15, y + dy), (x - 0.17, y + dy + 0.05)]),
            UMBER,
            0.006,
        )
        paint.shape(circle(x - 0.22, y + dy - 0.012, 0.018), LINEN, brush=0.01, round_=0.1)
        paint.shape(circle(x - 0.22, y + dy - 0.012, 0.009), UMBER, brush=0.008, round_=0.1)
    _lemon(paint, x + 0.24, 0.86, 0.075)


def _bottle(paint: _Paint, random: Random) -> None:
    _room(paint, PEACH, COBALT, 0.66, stripes=LINEN)
    x = random.uniform(0.3, 0.4)
    paint.shadow(x, 0.85, 0.14, 0.03)
    side = curve([(0.035, -0.66), (0.035, -0.48), (0.11, -0.36), (0.11, 0)])
    paint.shape(
        np.concatenate([side, side[::-1] * (-1, 1)]) + (x, 0.86), BOTTLE, round_=0.9, turn=85
    )
    paint.shape(box(x - 0.085, 0.6, x + 0.085, 0.74), LINEN, brush=0.02, round_=0.4, turn=0)
    paint.shine(x - 0.07, 0.53, 0.01, 0.045, turn=0)
    _apple(paint, x + 0.27, 0.8, 0.105, WINE)
    _lemon(paint, x + 0.48, 0.82, 0.08)
    _apple(paint, x + 0.12, 0.88, 0.075, RUST)


def _window(paint: _Paint, random: Random) -> None:
    paint.shape(box(-0.05, -0.05, 1.05, 1.05), WINE, brush=0.06, round_=0.3, turn=70)
    paint.shape(box(0.16, 0.06, 0.84, 0.7), (150, 196, 220), brush=0.05, round_=0.4, turn=5)
    x = random.uniform(0.3, 0.7)
    paint.shape(ellipse(x, 0.2, 0.13, 0.04), LINEN, brush=0.02, turn=0)
    hills = curve([(0.16, 0.5), (0.34, 0.36), (0.52, 0.47), (0.7, 0.33), (0.84, 0.45)])
    paint.shape(np.concatenate([hills, [(0.84, 0.7), (0.16, 0.7)]]), COBALT, brush=0.03)
    low = curve([(0.16, 0.6), (0.4, 0.54), (0.84, 0.6)])
    paint.shape(np.concatenate([low, [(0.84, 0.7), (0.16, 0.7)]]), OLIVE, brush=0.03, turn=5)
    for bar in (box(0.13, 0.03, 0.18, 0.72), box(0.82, 0.03, 0.87, 0.72),
                box(0.48, 0.05, 0.52, 0.72),
                box(0.13, 0.03, 0.87, 0.08)):  # fmt: skip
        paint.shape(bar, LINEN, brush=0.018, round_=0.4, turn=90)
    paint.shape(box(0.05, 0.7, 0.95, 0.78), LINEN, brush=0.03, round_=0.3, turn=0)
    _vase(paint, 0.32, 0.76, 0.2, MINT)
    _bloom(paint, 0.32, 0.47, 0.095, PEACH, LEMON)
    _apple(paint, 0.66, 0.69, 0.065, RUST)
    paint.shape(box(-0.05, 0.86, 1.05, 1.05), UMBER, brush=0.04, turn=0)


def _cat(paint: _Paint, random: Random) -> None:
    _room(paint, COBALT, WINE, 0.72, stripes=(74, 108, 180))
    x = random.uniform(0.44, 0.56)
    paint.shape(ellipse(x, 0.84, 0.4, 0.11), LEMON, brush=0.035, round_=0.6, turn=0)
    tail = curve([(x + 0.2, 0.8), (x + 0.38, 0.72), (x + 0.34, 0.54)])
    paint.stroke(tail, UMBER, 0.05)
    body = curve([(x - 0.06, 0.42), (x - 0.2, 0.72), (x - 0.12, 0.85), (x + 0.2, 0.85),
                  (x + 0.24, 0.7), (x + 0.08, 0.42)], closed=True)  # fmt: skip
    paint.shape(body, UMBER, brush=0.026, round_=0.8, turn=75)
    for side in (-1, 1):
        paint.shape(
            np.array([(side * 0.13, 0.02), (side * 0.12, -0.17), (side * 0.01, -0.08)]) + (x, 0.34),
            UMBER,
            brush=0.014,
        )
        paint.shape(
            np.array([(side * 0.11, -0.04), (side * 0.105, -0.12), (side * 0.05, -0.08)])
            + (x, 0.34),
            PEACH,
            brush=0.01,
        )
    paint.shape(ellipse(x, 0.36, 0.15, 0.125), UMBER, brush=0.022, round_=0.8, turn=40)
    paint.shape(ellipse(x, 0.42, 0.06, 0.045), LINEN, brush=0.012, round_=0.4)
    for side in (-1, 1):
        paint.shape(ellipse(x + side * 0.065, 0.345, 0.03, 0.023), LEMON, brush=0.008, round_=0.2)
        paint.shape(
            ellipse(x + side * 0.065, 0.345, 0.009, 0.021), (20, 16, 20), brush=0.006, round_=0
        )
    paint.shape(np.array([(x - 0.018, 0.395), (x + 0.018, 0.395), (x, 0.415)]), WINE, brush=0.008)


def _mushrooms(paint: _Paint, random: Random) -> None:
    _room(paint, BOTTLE, RUST, 0.56)
    for x, y, size in (
        (0.26 + random.uniform(-0.03, 0.03), 0.52, 0.17),
        (0.56, 0.44, 0.2),
        (0.8, 0.68, 0.12),
    ):
        paint.shadow(x, y + 1.25 * size, 0.7 * size, 0.16 * size)
        stem = curve(
            [(-0.26, 0), (-0.24, 0.6), (-0.36, 1.2), (0, 1.32), (0.36, 1.2), (0.24, 0.6), (0.26, 0)]
        )
        paint.shape(stem * size + (x, y), LINEN, brush=0.022, round_=0.7, turn=85)
        cap = np.concatenate(
            [circle(0, 0, 1, start=175, end=365), curve([(1, 0.1), (0, 0.24), (-1, 0.1)])]
        )
        paint.shape(
            cap * (size, 0.9 * size) + (x, y),
            PEACH if size < 0.15 else WINE,
            brush=0.024,
            round_=0.9,
            turn=60,
        )
        for dx, dy in ((-0.45, -0.35), (0.02, -0.6), (0.4, -0.25)):
            paint.shape(
                ellipse(x + dx * size, y + dy * size, 0.14 * size, 0.1 * size),
                LINEN,
                brush=0.01,
                round_=0.2,
            )


def _pot(paint: _Paint, random: Random) -> None:
    _room(paint, LEMON, PLUM, 0.64)
    x = random.uniform(0.44, 0.56)
    for turn in range(-75, 80, 25):
        leaf = turned(curve([(0, 0), (0.2, 0.07), (0.46, 0), (0.2, -0.07)]), turn - 90) + (x, 0.62)
        paint.shape(leaf, (BOTTLE, OLIVE)[turn // 25 % 2], brush=0.024, round_=0.5, turn=turn - 90)
        paint.stroke(
            np.array([(x, 0.62), (x, 0.62) + turned(np.array([(0.42, 0)]), turn - 90)[0]]),
            MINT,
            0.006,
        )
    paint.shadow(x, 0.9, 0.17, 0.035)
    paint.shape(
        np.array([(x - 0.17, 0.62), (x + 0.17, 0.62), (x + 0.12, 0.9), (x - 0.12, 0.9)]),
        RUST,
        round_=0.8,
        turn=85,
    )
    paint.shape(box(x - 0.19, 0.58, x + 0.19, 0.66), RUST, brush=0.024, round_=0.6, turn=0)
    _apple(paint, random.choice([0.16, 0.85]), 0.85, 0.08, WINE)


def _bird(paint: _Paint, random: Random) -> None:
    _room(paint, RUST, MINT, 0.7)
    x = random.uniform(-0.03, 0.03)
    paint.shadow(0.5 + x, 0.86, 0.28, 0.04)
    for leg in (0.46, 0.54):
        paint.stroke(
            np.array([(leg + x, 0.7), (leg + x, 0.86), (leg + x - 0.05, 0.87)]), UMBER, 0.012
        )
    paint.shape(
        np.array([(0.64, 0.5), (0.92, 0.6), (0.9, 0.68), (0.6, 0.66)]) + (x, 0),
        COBALT,
        brush=0.02,
        turn=-15,
    )
    body = curve(
        [(0.3, 0.34), (0.27, 0.56), (0.46, 0.74), (0.7, 0.62), (0.56, 0.42), (0.42, 0.26)],
        closed=True,
    )
    paint.shape(body + (x, 0), LINEN, brush=0.028, round_=0.8, turn=60)
    wing = curve([(0.44, 0.46), (0.52, 0.66), (0.78, 0.63), (0.62, 0.48)], closed=True)
    paint.shape(wing + (x, 0), COBALT, brush=0.024, round_=0.6, turn=-20)
    paint.shape(np.array([(0.3, 0.32), (0.17, 0.37), (0.3, 0.4)]) + (x, 0), LEMON, brush=0.012)
    paint.shape(circle(0.37 + x, 0.345, 0.022), UMBER, brush=0.008, round_=0.2)
    paint.shine(0.365 + x, 0.338, 0.006, 0.005)
    _apple(paint, 0.17, 0.87, 0.085, WINE)


SUBJECTS = (
    (_flowers, ("flower", "room", "red")), (_apples, ("apple", "bowl", "room")),
    (_fish, ("fish", "two", "room")), (_bottle, ("bottle", "apple", "room")),
    (_window, ("flower", "window", "hills", "room")), (_cat, ("cat", "room", "brown")),
    (_mushrooms, ("mushroom", "three", "room")), (_pot, ("plant", "room", "green")),
    (_bird, ("bird", "room", "white")),
)  # fmt: skip
