"""Embroidery on linen: satin stitches, outlines in back stitch, French knots."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

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
    smooth_noise,
    to_image,
    turned,
)  # fmt: skip

Random = np.random.Generator
CRIMSON, ROSE, GOLD, LEAF, MOSS, ULTRAMARINE, SKY, WHITE, BROWN, BLACK, VIOLET = (
    (176, 34, 52), (226, 128, 140), (226, 170, 52), (92, 142, 72), (52, 92, 58), (40, 66, 140),
    (124, 172, 206), (246, 242, 232), (118, 76, 48), (44, 40, 44), (128, 82, 150),
)  # fmt: skip
_LARGE = SIDE * SCALE


def draw(number: int, random: Random) -> tuple[Image.Image, tuple[str, ...]]:
    """Work `number` and its tags."""
    subject, tags = SUBJECTS[number % len(SUBJECTS)]
    cloth = _Cloth(random)
    subject(cloth, random)
    return cloth.finish(), tags


class _Cloth:
    """Stitches over linen, drawn at twice the size."""

    def __init__(self, random: Random) -> None:
        self._random = random
        rows, columns = np.mgrid[0:_LARGE, 0:_LARGE].astype(np.float32)
        over = np.sin(columns * np.pi / 5), np.sin(rows * np.pi / 5)
        weave = np.where((rows // 5 + columns // 5) % 2, np.abs(over[0]), np.abs(over[1]))
        slub = smooth_noise(random, 120, _LARGE) - 0.5
        shade = 0.82 + 0.16 * weave + 0.12 * slub
        self._picture = to_image(np.array((224, 212, 188)) * shade[..., None])
        self._threads = Image.new("RGBA", self._picture.size)
        self._canvas = ImageDraw.Draw(self._threads)

    def satin(self, points: Points, colour: Rgb, *, angle: float = 0, long: float = 0.045) -> None:
        """Fill a shape with rows of stitches that run at an angle, in degrees."""
        inside = mask_of(points) > 0.5
        centre = points.mean(axis=0)
        reach = np.abs(points - centre).max() * 1.5
        ways = turned(np.array([(1.0, 0.0), (0.0, 1.0)]), angle)
        for row, offset in enumerate(np.arange(-reach, reach, 0.0066)):
            places = np.arange(-reach, reach, 0.003)
            line = centre + ways[1] * offset + places[:, None] * ways[0]
            pixels = np.rint(line * SIDE).astype(int)
            seen = ((pixels >= 0) & (pixels < SIDE)).all(axis=1)
            pixels = pixels.clip(0, SIDE - 1)
            covered = np.flatnonzero(seen & inside[pixels[:, 1], pixels[:, 0]])
            for run in np.split(covered, np.flatnonzero(np.diff(covered) > 1) + 1):
                self._row(line[run], colour, long, shift=(row % 3) * long / 3)

    def outline(self, points: Points, colour: Rgb, *, step: float = 0.02) -> None:
        """Back stitches along a line."""
        places = along(points, step)
        for one, other in zip(places, places[1:], strict=False):
            gap = (other - one) * 0.08
            self._stitch(one + gap, other - gap, colour, width=7)

    def knot(self, x: float, y: float, colour: Rgb, *, radius: float = 0.011) -> None:
        """A French knot."""
        left, top, right, bottom = (np.array((x, y, x, y)) * _LARGE).tolist()
        r = radius * _LARGE
        dark, light = (
            tuple(np.clip(np.array(colour) * f, 0, 255).astype(int)) for f in (0.5, 1.25)
        )
        self._canvas.ellipse((left - r, top - r, right + r, bottom + r), fill=dark)
        r *= 0.8
        self._canvas.ellipse((left - r, top - r, right + r, bottom + r), fill=colour)
        self._canvas.arc(
            (left - r / 2, top - r / 2, right + r / 2, bottom + r / 2), 150, 20, light, 3
        )

    def finish(self) -> Image.Image:
        """The cloth with what is stitched on it, and the shadow of the threads."""
        alpha = self._threads.getchannel("A")
        shadow = Image.new("L", alpha.size)
        shadow.paste(alpha.filter(ImageFilter.GaussianBlur(6)), (5, 7))
        dark = Image.new("RGB", alpha.size, (96, 84, 66))
        self._picture.paste(dark, mask=shadow.point(lambda level: level * 0.55))
        self._picture.paste(self._threads, mask=alpha)
        return self._picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)

    def _row(self, line: Points, colour: Rgb, long: float, shift: float) -> None:
        if len(line) < 2:
            return
        whole = np.hypot(*(line[-1] - line[0]))
        cuts = np.arange(shift - long, whole, long) + self._random.uniform(-0.004, 0.004)
        cuts = np.concatenate([[0], cuts[(cuts > 0.008) & (cuts < whole - 0.008)], [whole]])
        for one, other in zip(cuts, cuts[1:], strict=False):
            ends = [
                line[0] + (line[-1] - line[0]) * place / max(whole, 1e-6) for place in (one, other)
            ]
            self._stitch(*ends, colour)

    def _stitch(self, one: Points, other: Points, colour: Rgb, *, width: int = 6) -> None:
        tone = np.array(colour) * self._random.uniform(0.9, 1.08)
        ends = np.stack([one, other]) * _LARGE
        middle = ends[0] + (ends[1] - ends[0]) * np.array([[0.2], [0.75]])
        for points, factor, thick in ((ends, 0.55, width + 1), (ends, 1.0, width - 1),
                                      (middle - 1, 1.28, max(1, width // 3))):  # fmt: skip
            fill = tuple(np.clip(tone * factor, 0, 255).astype(int))
            self._canvas.line([tuple(point) for point in points], fill=fill, width=thick)


def _petals(
    cloth: _Cloth, x: float, y: float, size: float, colour: Rgb, heart: Rgb, count: int
) -> None:
    for k in range(count):
        turn = 360 * k / count
        petal = turned(ellipse(0.62 * size, 0, 0.42 * size, 0.24 * size), turn) + (x, y)
        cloth.satin(petal, colour, angle=turn)
        cloth.outline(np.concatenate([petal, petal[:1]]), tuple(int(c * 0.7) for c in colour))
    for ring, knots in ((0.0, 1), (0.1, 6), (0.2, 11)):
        for k in range(knots):
            angle = 2 * np.pi * k / knots
            cloth.knot(x + ring * size * np.cos(angle), y + ring * size * np.sin(angle), heart)


def _leaf(
    cloth: _Cloth, x: float, y: float, turn: float, colour: Rgb = LEAF, size: float = 0.12
) -> None:
    """Two halves of slanted stitches and a vein."""
    for side in (-1, 1):
        half = curve([(0, 0), (0.5, 0.26 * side), (1, 0)]) * size
        cloth.satin(turned(half, turn) + (x, y), colour, angle=turn + 40 * side)
    cloth.outline(turned(np.array([(0, 0), (size, 0)]), turn) + (x, y), MOSS)


def _flowers(cloth: _Cloth, random: Random) -> None:
    x = random.uniform(0.44, 0.56)
    for hx, hy in ((0.26, 0.34), (x, 0.22), (0.76, 0.36)):
        cloth.outline(curve([(hx, hy), ((hx + x) / 2, 0.62), (x, 0.92)]), MOSS, step=0.024)
    for lx, ly, turn in (
        (x - 0.04, 0.76, -150),
        (x + 0.04, 0.74, -35),
        (0.36, 0.6, 160),
        (0.64, 0.6, 10),
    ):
        _leaf(cloth, lx, ly, -turn)
    _petals(cloth, 0.26, 0.34, 0.15, ROSE, GOLD, 6)
    _petals(cloth, 0.76, 0.36, 0.15, VIOLET, GOLD, 6)
    _petals(cloth, x, 0.22, 0.17, CRIMSON, GOLD, 8)


def _house(cloth: _Cloth, random: Random) -> None:
    x = random.uniform(0.28, 0.36)
    cloth.satin(box(x + 0.3, 0.2, x + 0.36, 0.36), BROWN, angle=90)
    cloth.satin(box(x, 0.44, x + 0.42, 0.78), WHITE)
    cloth.satin(np.array([(x - 0.06, 0.46), (x + 0.21, 0.22), (x + 0.48, 0.46)]), CRIMSON, angle=90)
    cloth.outline(
        np.array([(x - 0.06, 0.46), (x + 0.21, 0.22), (x + 0.48, 0.46), (x - 0.06, 0.46)]), BROWN
    )
    cloth.satin(box(x + 0.16, 0.6, x + 0.26, 0.78), ULTRAMARINE, angle=90)
    for left in (0.04, 0.3):
        window = box(x + left, 0.52, x + left + 0.09, 0.61)
        cloth.satin(window, SKY, angle=90)
        cloth.outline(np.concatenate([window, window[:1]]), BROWN, step=0.022)
    cloth.satin(
        np.concatenate(
            [curve([(0.03, 0.8), (0.5, 0.77), (0.97, 0.8)]), [(0.97, 0.86), (0.03, 0.86)]]
        ),
        LEAF,
        angle=90,
    )
    for k in range(9):
        fx = 0.07 + 0.107 * k
        cloth.outline(np.array([(fx, 0.93), (fx, 0.87)]), MOSS)
        cloth.knot(fx, 0.86, (CRIMSON, GOLD, VIOLET)[k % 3], radius=0.017)
    _sun(cloth, 0.16, 0.17, 0.07)


def _sun(cloth: _Cloth, x: float, y: float, radius: float) -> None:
    cloth.satin(circle(x, y, radius), GOLD, angle=45)
    for turn in range(0, 360, 30):
        ray = turned(np.array([(radius * 1.2, 0), (radius * 1.75, 0)]), turn) + (x, y)
        cloth.outline(ray, GOLD, step=radius * 0.5)


def _bird(cloth: _Cloth, random: Random) -> None:
    branch = curve([(0.03, 0.78), (0.35, 0.72), (0.7, 0.76), (0.97, 0.66)])
    for shift in (0, 0.012, 0.024):
        cloth.outline(branch + (0, shift), BROWN, step=0.03)
    for lx, turn in ((0.14, 60), (0.3, -50), (0.72, 55), (0.86, -40)):
        _leaf(cloth, lx, 0.74, turn)
    x = random.uniform(-0.03, 0.04)
    cloth.satin(
        np.array([(0.58, 0.52), (0.88, 0.6), (0.86, 0.7), (0.54, 0.62)]) + (x, 0),
        ULTRAMARINE,
        angle=-15,
    )
    body = curve(
        [(0.3, 0.34), (0.3, 0.56), (0.48, 0.7), (0.64, 0.58), (0.5, 0.38), (0.4, 0.26)], closed=True
    ) + (x, 0)
    cloth.satin(body, SKY, angle=50)
    cloth.satin(
        curve([(0.3, 0.42), (0.32, 0.56), (0.46, 0.66), (0.42, 0.5)], closed=True) + (x, 0),
        CRIMSON,
        angle=70,
    )
    cloth.satin(
        curve([(0.42, 0.44), (0.52, 0.62), (0.7, 0.62), (0.58, 0.46)], closed=True) + (x, 0),
        ULTRAMARINE,
        angle=-40,
    )
    cloth.satin(np.array([(0.31, 0.31), (0.2, 0.36), (0.31, 0.39)]) + (x, 0), GOLD)
    cloth.outline(np.concatenate([body, body[:1]]), ULTRAMARINE)
    cloth.knot(0.38 + x, 0.33, BLACK, radius=0.016)
    for bx, by in ((0.78, 0.2), (0.86, 0.28), (0.72, 0.3)):
        cloth.knot(bx, by, CRIMSON, radius=0.03)
        cloth.outline(np.array([(bx, by - 0.03), (0.8, 0.1)]), MOSS)


def _tree(cloth: _Cloth, random: Random) -> None:
    x = random.uniform(0.44, 0.56)
    trunk = np.array([(x - 0.05, 0.86), (x - 0.025, 0.5), (x + 0.025, 0.5), (x + 0.05, 0.86)])
    cloth.satin(trunk, BROWN, angle=90)
    for k in range(7):
        angle = np.radians(200 + 23 * k)
        end = (x + 0.3 * np.cos(angle), 0.44 + 0.26 * np.sin(angle))
        cloth.outline(curve([(x, 0.54), ((x + end[0]) / 2, 0.46), end]), BROWN)
    for k in range(90):
        angle, radius = random.uniform(0, 2 * np.pi), 0.04 + 0.27 * np.sqrt(random.random())
        lx, ly = x + 1.15 * radius * np.cos(angle), 0.34 + 0.85 * radius * np.sin(angle)
        _leaf(cloth, lx, ly, random.uniform(0, 360), (LEAF, MOSS, GOLD)[k % 3], size=0.08)
    for _ in range(12):
        angle, radius = random.uniform(0, 2 * np.pi), 0.27 * np.sqrt(random.random())
        cloth.knot(
            x + radius * np.cos(angle), 0.34 + 0.8 * radius * np.sin(angle), CRIMSON, radius=0.022
        )
    ground = curve([(0.08, 0.87), (0.5, 0.84), (0.92, 0.88)])
    for shift in (0, 0.016, 0.032):
        cloth.outline(ground + (0, shift), LEAF, step=0.028)


def _mushrooms(cloth: _Cloth, random: Random) -> None:
    for x, y, size in ((random.uniform(0.36, 0.44), 0.46, 0.25), (0.75, 0.62, 0.15)):
        stem = np.array([(x - 0.26 * size, y), (x - 0.34 * size, y + 1.4 * size),
                         (x + 0.34 * size, y + 1.4 * size), (x + 0.26 * size, y)])  # fmt: skip
        cloth.satin(stem, WHITE, angle=90)
        cap = circle(0, 0, 1, start=180) * (size, 1.05 * size) + (x, y)
        cloth.satin(cap, CRIMSON, angle=70)
        cloth.outline(np.concatenate([cap, cap[:1]]), BROWN)
        for dx, dy in ((-0.5, -0.3), (-0.05, -0.68), (0.42, -0.36), (0.02, -0.22)):
            cloth.satin(circle(x + dx * size, y + dy * size, 0.12 * size), WHITE, angle=0)
    for k in range(24):
        bx = 0.04 + 0.04 * k
        cloth.outline(
            np.array([(bx, 0.9), (bx + random.normal(0, 0.02), 0.78)]),
            (LEAF, MOSS)[k % 2],
            step=0.055,
        )


def _butterfly(cloth: _Cloth, random: Random) -> None:
    x, y = 0.5, random.uniform(0.46, 0.52)
    for side in (-1, 1):
        upper = curve([(0.02, 0), (0.16, -0.3), (0.38, -0.3), (0.36, -0.06)], closed=True)
        lower = curve([(0.02, 0.02), (0.3, 0.04), (0.28, 0.26), (0.12, 0.3)], closed=True)
        for wing, colour, turn in ((upper, ULTRAMARINE, 35), (lower, GOLD, -40)):
            shape = wing * (side, 1) + (x, y)
            cloth.satin(shape, colour, angle=side * turn)
            cloth.outline(np.concatenate([shape, shape[:1]]), BLACK)
        cloth.satin(circle(x + side * 0.26, y - 0.2, 0.05), ROSE)
        cloth.satin(circle(x + side * 0.2, y + 0.15, 0.04), CRIMSON)
        cloth.outline(
            curve([(x, y - 0.16), (x + side * 0.06, y - 0.3), (x + side * 0.14, y - 0.36)]), BLACK
        )
        for k in range(5):
            cloth.knot(x + side * (0.14 + 0.05 * k), y - 0.26 + 0.005 * k, WHITE)
    cloth.satin(ellipse(x, y, 0.026, 0.17), BROWN)
    for k in range(5):
        _petals(cloth, 0.1 + 0.2 * k, 0.92, 0.05, (ROSE, WHITE)[k % 2], GOLD, 5)


def _fish(cloth: _Cloth, random: Random) -> None:
    for k in range(2):
        x, y = 0.46 + random.uniform(-0.05, 0.05), 0.32 + 0.36 * k
        way, colour = (1, ROSE) if k else (-1, GOLD)
        body = curve([(-0.26, 0), (-0.05, -0.12), (0.2, 0), (-0.05, 0.12)], closed=True)
        tail = np.array([(0.16, 0), (0.32, -0.11), (0.27, 0), (0.32, 0.11)])
        cloth.satin(tail * (way, 1) + (x, y), CRIMSON, angle=0)
        cloth.satin(body * (way, 1) + (x, y), colour, angle=90, long=0.03)
        for column in range(4):
            arc = circle(-0.08 + 0.07 * column, 0, 0.07 - 0.008 * column, start=-60, end=60)
            cloth.outline(arc * (way, 1) + (x, y), CRIMSON)
        whole = np.concatenate([body, body[:1]]) * (way, 1) + (x, y)
        cloth.outline(whole, BROWN)
        cloth.knot(x - way * 0.16, y - 0.02, BLACK, radius=0.018)
    for row in range(4):
        y = 0.1 + 0.26 * row
        knots = [(px, y + 0.02 * (-1) ** j) for j, px in enumerate(np.linspace(0.03, 0.97, 11))]
        cloth.outline(curve(knots), (SKY, ULTRAMARINE)[row % 2], step=0.024)


def _moon(cloth: _Cloth, random: Random) -> None:
    x = random.uniform(0.44, 0.56)
    cloth.satin(circle(x, 0.4, 0.3), ULTRAMARINE, angle=20)
    crescent = np.concatenate(
        [circle(x, 0.4, 0.21, start=60, end=300), circle(x + 0.1, 0.4, 0.17, start=295, end=65)]
    )
    cloth.satin(crescent, GOLD, angle=100)
    for _ in range(9):
        angle, radius = random.uniform(-1, 1), random.uniform(0.02, 0.24)
        sx, sy = x + 0.03 + radius * np.cos(angle), 0.4 + radius * np.sin(angle)
        for turn in (0, 60, 120):
            cloth.outline(
                turned(np.array([(-0.016, 0), (0.017, 0)]), turn) + (sx, sy), WHITE, step=0.032
            )
    frame = circle(x, 0.4, 0.33)
    cloth.outline(frame, GOLD, step=0.026)
    for k in range(7):
        hx = 0.1 + 0.13 * k
        _leaf(cloth, hx, 0.94, 90, (LEAF, MOSS)[k % 2], size=0.13)


def _boat(cloth: _Cloth, random: Random) -> None:
    x = random.uniform(0.46, 0.54)
    cloth.outline(np.array([(x, 0.14), (x, 0.66)]), BROWN, step=0.026)
    cloth.satin(np.array([(x + 0.02, 0.16), (x + 0.28, 0.56), (x + 0.02, 0.6)]), WHITE, angle=90)
    cloth.satin(np.array([(x - 0.02, 0.22), (x - 0.22, 0.56), (x - 0.02, 0.6)]), CRIMSON, angle=90)
    cloth.satin(
        np.array([(x - 0.3, 0.64), (x + 0.32, 0.64), (x + 0.2, 0.76), (x - 0.2, 0.76)]), BROWN
    )
    for row in range(5):
        knots = [
            (px, 0.78 + 0.04 * row + 0.012 * (-1) ** j)
            for j, px in enumerate(np.linspace(0.03, 0.97, 13))
        ]
        cloth.outline(curve(knots), (ULTRAMARINE, SKY)[row % 2], step=0.026)
    _sun(cloth, 0.18, 0.2, 0.075)


SUBJECTS = (
    (_flowers, ("flower", "three", "red")), (_house, ("house", "white", "sun", "meadow")),
    (_bird, ("bird", "blue", "plain")), (_tree, ("tree", "green", "plain")),
    (_mushrooms, ("mushroom", "two", "red", "meadow")),
    (_butterfly, ("butterfly", "blue", "flower")),
    (_fish, ("fish", "two", "sea")), (_moon, ("moon", "star", "night")),
    (_boat, ("boat", "sea", "sun", "day")),
)  # fmt: skip
