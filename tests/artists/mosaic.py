"""Mosaics: hewn stones in rows that follow what they show, dark mortar between them."""

import numpy as np
from PIL import Image, ImageDraw

from tests.artists.drawing import (
    SCALE,
    SIDE,
    Points,
    Rgb,
    along,
    box,
    circle,
    curve,
    ellipse,
    mask_of,
    turned,
)  # fmt: skip

Random = np.random.Generator
_LARGE = SIDE * SCALE
_STONE = 0.0235  # side of a stone
SAND, CHALK, BASALT, TERRA, GOLD, LAPIS, AQUA, VERDE, ROSE, WINE = (
    (216, 196, 158), (238, 232, 216), (58, 56, 60), (184, 90, 58), (214, 164, 60), (44, 74, 138),
    (98, 166, 176), (92, 128, 84), (214, 150, 136), (122, 40, 52),
)  # fmt: skip


def draw(number: int, random: Random) -> tuple[Image.Image, tuple[str, ...]]:
    """Work `number` and its tags."""
    subject, tags = SUBJECTS[number % len(SUBJECTS)]
    floor = _Floor(random)
    subject(floor, random)
    return floor.picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), tags


class _Floor:
    """Stones in mortar; what is laid first keeps its place."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.picture = Image.new("RGB", (_LARGE, _LARGE), (74, 68, 62))
        self._canvas = ImageDraw.Draw(self.picture)
        self._taken = np.zeros((SIDE, SIDE), bool)

    def shape(
        self, points: Points, *colours: Rgb, border: Rgb | None = None, stone: float = _STONE
    ) -> None:
        """A closed shape: a row along its edge, then rows within, their colours in turn."""
        inside = mask_of(points) > 0.5
        centre = points.mean(axis=0)
        ring = np.concatenate([points, points[:1]])
        reach = np.hypot(*(points - centre).T).max()
        for row in range(int(reach / stone) + 1):
            share = 1 - (row + 0.5) * stone / reach
            colour = border if border is not None and row == 0 else colours[row % len(colours)]
            self.row(centre + (ring - centre) * max(share, 0.0), colour, inside=inside, stone=stone)
        self._fill(inside, colours[:1], 0.8 * stone)
        self._taken |= inside

    def row(
        self, line: Points, colour: Rgb, *, inside: np.ndarray | None = None, stone: float = _STONE
    ) -> None:
        """Stones along a line."""
        places = along(line, stone * 0.98)
        if not len(places):
            places = line[:1]
        ways = np.gradient(places, axis=0) if len(places) > 1 else np.array([(1.0, 0.0)])
        for place, way in zip(places, ways, strict=True):
            self._lay(place, float(np.degrees(np.arctan2(-way[1], way[0]))), colour, stone, inside)

    def ground(self, x: float, y: float, *colours: Rgb, rows: int = 1, wide: float = 1.0) -> None:
        """Fill what is left with rings about a point, `rows` of a colour at a time."""
        for ring, radius in enumerate(np.arange(_STONE, 1.5, _STONE)):
            self.row(ellipse(x, y, radius * wide, radius), colours[ring // rows % len(colours)])
        for stone in (0.85 * _STONE, 0.65 * _STONE):
            self._fill(np.ones((SIDE, SIDE), bool), colours, stone)

    def _fill(self, inside: np.ndarray, colours: tuple[Rgb, ...], stone: float) -> None:
        """Smaller stones wherever there is still room."""
        free = np.argwhere(inside & ~self._taken)
        for k, (y, x) in enumerate(self._random.permutation(free)[: len(free) // 2]):
            turn = self._random.uniform(0, 90)
            self._lay(np.array((x, y)) / SIDE, turn, colours[k % len(colours)], stone, inside)

    def frame(self, one: Rgb, other: Rgb) -> None:
        """Two rows along the border, the inner one of two colours."""
        for inset, colours in ((0.5, (one,)), (1.5, (other, one))):
            places = np.arange(inset * _STONE, 1, _STONE)
            for k, place in enumerate(places):
                for x, y in ((place, inset * _STONE), (place, 1 - inset * _STONE),
                             (inset * _STONE, place), (1 - inset * _STONE, place)):  # fmt: skip
                    self._lay(np.array((x, y)), 0, colours[k // 2 % len(colours)], _STONE, None)

    def _lay(
        self, place: Points, turn: float, colour: Rgb, stone: float, inside: np.ndarray | None
    ) -> None:
        x, y = np.rint(place * SIDE).astype(int)
        if not (0 <= x < SIDE and 0 <= y < SIDE) or (inside is not None and not inside[y, x]):
            return
        reach = int(stone * SIDE * 0.36)
        around = self._taken[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        if around.any():
            return
        half = stone * 0.43 * self._random.uniform(0.86, 1.06, (4, 1))
        corners = (
            turned(
                np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half,
                turn + self._random.normal(0, 4),
            )
            + place
        )
        tone = np.array(colour) * self._random.uniform(0.84, 1.12) + self._random.normal(0, 5, 3)
        points = [tuple(corner) for corner in corners * _LARGE]
        self._canvas.polygon(points, fill=_rgb(tone))
        self._canvas.line(points[:2], fill=_rgb(tone + 34), width=3)
        self._canvas.line(points[2:], fill=_rgb(tone * 0.66), width=3)
        middle = place * SIDE
        size = stone * SIDE * 0.42
        left, top = np.maximum(middle - size, 0).astype(int)
        self._taken[top : int(middle[1] + size) + 1, left : int(middle[0] + size) + 1] = True


def _rgb(tone: Points) -> Rgb:
    return tuple(np.clip(tone, 0, 255).astype(int).tolist())


def _fish(floor: _Floor, random: Random) -> None:
    floor.frame(BASALT, CHALK)
    for k, y in enumerate((0.3, 0.66)):
        x, way = 0.48 + random.uniform(-0.05, 0.05), (1, -1)[k]
        eye = np.array((x - way * 0.17, y - 0.02))
        floor.shape(circle(*eye, 0.03), BASALT, border=CHALK, stone=0.018)
        body = curve([(-0.27, 0), (-0.06, -0.13), (0.18, 0), (-0.06, 0.13)], closed=True)
        floor.shape(body * (way, 1) + (x, y), (TERRA, GOLD)[k], (ROSE, CHALK)[k], border=BASALT)
        tail = np.array([(0.17, 0), (0.32, -0.12), (0.27, 0), (0.32, 0.12)])
        floor.shape(tail * (way, 1) + (x, y), WINE, border=BASALT)
    floor.ground(0.5, -0.4, AQUA, AQUA, LAPIS, rows=2, wide=1.4)


def _bird(floor: _Floor, random: Random) -> None:
    floor.frame(TERRA, CHALK)
    x = random.uniform(-0.04, 0.04)
    floor.shape(circle(0.36 + x, 0.34, 0.022), BASALT, stone=0.02)
    floor.shape(np.array([(0.29, 0.31), (0.16, 0.37), (0.29, 0.4)]) + (x, 0), GOLD)
    wing = curve([(0.42, 0.44), (0.5, 0.62), (0.72, 0.6), (0.58, 0.44)], closed=True)
    floor.shape(wing + (x, 0), LAPIS, AQUA, border=BASALT)
    body = curve(
        [(0.29, 0.34), (0.28, 0.56), (0.46, 0.72), (0.66, 0.6), (0.52, 0.4), (0.4, 0.26)],
        closed=True,
    )
    floor.shape(body + (x, 0), TERRA, ROSE, border=WINE)
    floor.shape(
        np.array([(0.6, 0.55), (0.9, 0.6), (0.88, 0.7), (0.58, 0.64)]) + (x, 0),
        LAPIS,
        border=BASALT,
    )
    branch = curve([(0.06, 0.8), (0.4, 0.76), (0.7, 0.8), (0.95, 0.74)])
    for shift in (0, _STONE):
        floor.row(branch + (0, shift), BASALT)
    for lx, turn in ((0.18, 35), (0.3, -20), (0.74, 40), (0.86, -10)):
        floor.shape(
            ellipse(lx, 0.71 + 0.16 * (turn < 0), 0.075, 0.035, turn=turn), VERDE, border=VERDE
        )
    floor.ground(0.45, 0.45, CHALK, SAND, rows=2)


def _sun(floor: _Floor, random: Random) -> None:
    x, y = random.uniform(0.44, 0.56), 0.42
    floor.shape(circle(x, y, 0.17), GOLD, GOLD, TERRA, border=WINE)
    for turn in range(0, 360, 30):
        ray = turned(np.array([(0.2, -0.045), (0.37, 0), (0.2, 0.045)]), turn + 8) + (x, y)
        floor.shape(ray, TERRA if turn % 60 else GOLD, border=TERRA if turn % 60 else GOLD)
    for row in range(7):
        wave = curve(
            [
                (k, 0.84 + _STONE * row + 0.018 * (-1) ** j)
                for j, k in enumerate(np.linspace(-0.05, 1.05, 12))
            ]
        )
        floor.row(wave, (LAPIS, LAPIS, AQUA, CHALK)[row % 4])
    floor.ground(x, y, AQUA, CHALK, rows=3)


def _boat(floor: _Floor, random: Random) -> None:
    floor.frame(LAPIS, CHALK)
    x = random.uniform(0.46, 0.54)
    mast = np.array([(x, 0.14), (x, 0.62)])
    floor.row(mast, BASALT)
    floor.shape(
        np.array([(x + 0.03, 0.16), (x + 0.3, 0.56), (x + 0.03, 0.58)]), CHALK, ROSE, border=WINE
    )
    floor.shape(np.array([(x - 0.03, 0.2), (x - 0.25, 0.56), (x - 0.03, 0.58)]), TERRA, border=WINE)
    hull = curve(
        [(x - 0.36, 0.62), (x, 0.66), (x + 0.38, 0.6), (x + 0.2, 0.78), (x - 0.2, 0.78)],
        closed=True,
    )
    floor.shape(hull, WINE, TERRA, GOLD, border=BASALT)
    for row in range(14):
        wave = curve(
            [
                (k, 0.72 + _STONE * row + 0.022 * (-1) ** j)
                for j, k in enumerate(np.linspace(-0.05, 1.05, 12))
            ]
        )
        floor.row(wave, (LAPIS, AQUA, LAPIS, AQUA, CHALK)[row % 5])
    floor.ground(0.2, 0.2, GOLD, SAND, CHALK, rows=3)


def _tree(floor: _Floor, random: Random) -> None:
    floor.frame(BASALT, GOLD)
    x = random.uniform(0.44, 0.56)
    for k in range(11):
        angle, radius = 2 * np.pi * k / 8, 0.2 if k < 8 else 0.07
        angle += 0 if k < 8 else 0.8 * k
        centre = (x + 1.2 * radius * np.cos(angle), 0.36 + radius * np.sin(angle))
        floor.shape(circle(*centre, 0.036), WINE if k % 2 else TERRA, stone=0.02)
    crown = curve([(x - 0.34, 0.4), (x - 0.24, 0.16), (x, 0.09), (x + 0.24, 0.16), (x + 0.34, 0.4),
                   (x + 0.18, 0.58), (x - 0.18, 0.58)], closed=True)  # fmt: skip
    floor.shape(crown, VERDE, VERDE, (122, 158, 98), border=(62, 92, 66))
    trunk = np.array([(x - 0.035, 0.56), (x - 0.075, 0.88), (x + 0.075, 0.88), (x + 0.035, 0.56)])
    floor.shape(trunk, TERRA, border=BASALT)
    for row in range(5):
        floor.row(
            curve([(0, 0.88 + _STONE * row), (0.5, 0.85 + _STONE * row), (1, 0.89 + _STONE * row)]),
            (VERDE, SAND)[row % 2],
        )
    floor.ground(x, 0.36, SAND, CHALK, rows=2)


def _flower(floor: _Floor, random: Random) -> None:
    x = random.uniform(0.45, 0.55)
    floor.frame(WINE, SAND)
    floor.shape(circle(x, 0.36, 0.075), GOLD, TERRA)
    for turn in range(0, 360, 45):
        petal = turned(ellipse(0.2, 0, 0.115, 0.07), turn) + (x, 0.36)
        floor.shape(petal, ROSE if turn % 90 else CHALK, border=WINE)
    for shift in (-0.5, 0.5):
        floor.row(curve([(x + shift * _STONE, 0.68), (x + 0.02 + shift * _STONE, 0.93)]), VERDE)
    for side in (-1, 1):
        floor.shape(
            ellipse(x + side * 0.17, 0.78, 0.14, 0.055, turn=side * 28),
            VERDE,
            (130, 164, 104),
            border=(62, 92, 66),
        )
    floor.ground(x, 0.36, LAPIS, LAPIS, AQUA, rows=2)


def _mountain(floor: _Floor, random: Random) -> None:
    floor.shape(circle(random.uniform(0.2, 0.8), 0.19, 0.09), WINE, TERRA)
    for peak, half, colour, dark in ((0.3, 0.3, LAPIS, BASALT), (0.72, 0.34, AQUA, LAPIS)):
        peak += random.uniform(-0.04, 0.04)
        top = 0.28 if half > 0.3 else 0.36
        floor.shape(
            np.array(
                [
                    (peak - 0.09, top + 0.12),
                    (peak, top),
                    (peak + 0.09, top + 0.12),
                    (peak, top + 0.17),
                ]
            ),
            CHALK,
        )
        for row in range(18):
            y = top + _STONE * (row + 0.5)
            width = half * (y - top) / (0.74 - top)
            floor.row(np.array([(peak - width, y), (peak, y)]), colour)
            floor.row(np.array([(peak + _STONE, y), (peak + width, y)]), dark)
    for row in range(12):
        hill = curve(
            [
                (-0.05, 0.74 + _STONE * row),
                (0.3, 0.7 + _STONE * row),
                (0.7, 0.75 + _STONE * row),
                (1.05, 0.7 + _STONE * row),
            ]
        )
        floor.row(hill, (VERDE, VERDE, GOLD, SAND)[row // 2 % 4])
    floor.ground(0.5, 0.9, ROSE, SAND, CHALK, rows=2)


def _cat(floor: _Floor, random: Random) -> None:
    floor.frame(BASALT, TERRA)
    x = random.uniform(0.44, 0.52)
    for side in (-1, 1):
        floor.shape(ellipse(x + side * 0.065, 0.33, 0.036, 0.03), BASALT, border=GOLD, stone=0.018)
    floor.shape(circle(x, 0.385, 0.018), ROSE, stone=0.016)
    floor.shape(ellipse(x, 0.35, 0.155, 0.125), BASALT, (86, 82, 84), border=(40, 38, 42))
    for side in (-1, 1):
        floor.shape(
            np.array([(side * 0.15, -0.03), (side * 0.13, -0.2), (side * 0.02, -0.11)]) + (x, 0.34),
            BASALT,
            border=(40, 38, 42),
        )
    tail = curve([(x + 0.2, 0.86), (x + 0.36, 0.8), (x + 0.36, 0.6), (x + 0.28, 0.54)])
    for shift in (0, _STONE):
        floor.row(tail + (shift, 0), BASALT)
    body = curve([(x - 0.08, 0.46), (x - 0.19, 0.72), (x - 0.15, 0.88), (x + 0.18, 0.88),
                  (x + 0.22, 0.7), (x + 0.08, 0.46)], closed=True)  # fmt: skip
    floor.shape(body, BASALT, (86, 82, 84), border=(40, 38, 42))
    floor.ground(x, 0.5, TERRA, GOLD, SAND, SAND, rows=2)


def _moon(floor: _Floor, random: Random) -> None:
    x = random.uniform(0.4, 0.56)
    crescent = np.concatenate(
        [circle(x, 0.34, 0.2, start=60, end=300), circle(x + 0.1, 0.34, 0.16, start=300, end=60)]
    )
    inside = mask_of(crescent) > 0.5
    for radius in np.arange(0.19, 0.02, -_STONE):
        floor.row(circle(x, 0.34, radius), GOLD if radius > 0.14 else CHALK, inside=inside)
    for sx, sy in ((0.12, 0.14), (0.8, 0.12), (0.88, 0.42), (0.1, 0.5), (0.7, 0.56), (0.62, 0.3)):
        star = np.concatenate(
            [turned(np.array([(0.045, 0), (0.02, 0.0145)]), 72 * k) for k in range(5)]
        )
        floor.shape(star + (sx, sy), CHALK, stone=0.018)
    for k, x0 in enumerate((0.04, 0.26, 0.5, 0.74)):
        top = random.uniform(0.66, 0.76)
        roof = np.array([(x0, top), (x0 + 0.11, top - 0.1), (x0 + 0.22, top)])
        floor.shape(box(x0 + 0.08, top + 0.06, x0 + 0.14, top + 0.13), GOLD)
        floor.shape(roof, WINE)
        floor.shape(box(x0, top, x0 + 0.22, 1.0), (CHALK, ROSE, SAND, TERRA)[k])
    floor.ground(x, 0.34, LAPIS, LAPIS, (66, 98, 160), rows=2)


SUBJECTS = (
    (_fish, ("fish", "two", "sea")), (_bird, ("bird", "plain", "orange")),
    (_sun, ("sun", "sea", "day")), (_boat, ("boat", "sea", "day")),
    (_tree, ("tree", "green", "plain")), (_flower, ("flower", "plain", "pink")),
    (_mountain, ("mountain", "hills", "sunset")), (_cat, ("cat", "black", "plain")),
    (_moon, ("moon", "house", "night")),
)  # fmt: skip
