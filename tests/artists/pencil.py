"""Pencil sketches: contours drawn three times over, tone by hatching, the tooth of the paper."""

import numpy as np
from PIL import Image, ImageDraw

from tests.artists.drawing import (
    SCALE,
    SIDE,
    Points,
    along,
    box,
    circle,
    curve,
    ellipse,
    mask_of,
    smooth_noise,
    to_image,
)  # fmt: skip

Random = np.random.Generator
_PAPER = np.array((246, 242, 232), np.float32)
_GRAPHITE = np.array((34, 34, 42), np.float32)


def draw(number: int, random: Random) -> tuple[Image.Image, tuple[str, ...]]:
    """Work `number` and its tags."""
    subject, tags = SUBJECTS[number % len(SUBJECTS)]
    sheet = _Sheet(random)
    subject(sheet, random)
    return sheet.finish(), tags


class _Sheet:
    """Graphite on paper, as darkness 0-1 for each pixel."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._dark = np.zeros((SIDE, SIDE), np.float32)

    def contour(self, points: object, *, dark: float = 0.9, times: int = 3) -> None:
        """Lines through points, each time a little elsewhere."""
        points = np.asarray(points, float)
        for _ in range(times):
            shift = self._random.normal(0, 0.0022, 2)
            wave = np.cumsum(self._random.normal(0, 0.0008, points.shape), axis=0)
            wave -= np.linspace(0, 1, len(points))[:, None] * wave[-1]
            self._lines([points + shift + wave], dark * self._random.uniform(0.7, 1), width=3)

    def hatch(
        self, points: Points, *, angle: float = 55, spacing: float = 0.012, dark: float = 0.5
    ) -> None:
        """Parallel strokes that fill a shape."""
        direction = np.array([np.cos(np.radians(angle)), -np.sin(np.radians(angle))])
        across = np.array([-direction[1], direction[0]])
        centre = points.mean(axis=0)
        reach = np.abs(points - centre).max() * 1.5
        strokes = []
        for offset in np.arange(-reach, reach, spacing):
            middle = centre + across * (offset + self._random.normal(0, spacing * 0.18))
            bend = across * self._random.normal(0, 0.005)
            tilt = across * self._random.normal(0, 0.006)
            ends = (middle - direction * reach - tilt, middle + direction * reach + tilt)
            strokes.append(curve([ends[0], middle + bend, ends[1]]))
        self._lines(strokes, dark, width=2, inside=mask_of(points))

    def clear(self, points: Points) -> None:
        """Leave a shape blank, for what stands before something else."""
        self._dark *= 1 - mask_of(points)

    def shape(self, points: Points, **hatching: float) -> None:
        """Blank, hatched if told how, and outlined."""
        self.clear(points)
        if hatching:
            self.hatch(points, **hatching)
        self.contour(np.concatenate([points, points[:1]]))

    def scribble(self, x: float, y: float, width: float, height: float, *, turns: int = 40) -> None:
        """One line that winds about an ellipse: leaves, smoke."""
        angles = np.cumsum(self._random.uniform(0.4, 1.5, turns))
        radii = self._random.uniform(0.35, 1.0, turns)
        knots = np.stack([x + width * radii * np.cos(angles), y + height * radii * np.sin(angles)])
        self._lines([curve(knots.T, each=8)], self._random.uniform(0.45, 0.7), width=2)

    def finish(self) -> Image.Image:
        """The drawing on its paper."""
        tooth = 0.55 * smooth_noise(self._random, 300) + 0.45 * self._random.random((SIDE, SIDE))
        grip = np.clip((tooth - 0.2) * 3.6, 0.35, 1.25)
        dark = np.clip(self._dark * grip, 0, 1)[..., None]
        paper = _PAPER * (1 - 0.035 * smooth_noise(self._random, 160))[..., None]
        return to_image(paper * (1 - dark) + _GRAPHITE * dark)

    def _lines(
        self, lines: list[Points], dark: float, *, width: int, inside: np.ndarray | None = None
    ) -> None:
        large = Image.new("L", (SIDE * SCALE, SIDE * SCALE))
        canvas = ImageDraw.Draw(large)
        for line in lines:
            # pressure grows and fades along a stroke
            steps = along(line, 0.02) if len(line) > 1 else line
            pressures = 0.65 + 0.35 * np.sin(np.linspace(0.4, 2.7, len(steps)))
            for one, other, pressure in zip(steps, steps[1:], pressures, strict=False):
                ends = [tuple(one * SIDE * SCALE), tuple(other * SIDE * SCALE)]
                canvas.line(ends, fill=int(255 * pressure), width=width + int(pressure > 0.9))
        layer = np.asarray(large.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
        layer *= min(1.0, 1.25 * dark)
        if inside is not None:
            layer *= inside
        self._dark = 1 - (1 - self._dark) * (1 - layer)


def _house(sheet: _Sheet, random: Random) -> None:
    x = random.uniform(0.24, 0.34)
    front, side = (
        box(x, 0.46, x + 0.24, 0.78),
        np.array([(x + 0.24, 0.46), (x + 0.5, 0.42), (x + 0.5, 0.72), (x + 0.24, 0.78)]),
    )
    sheet.shape(side, angle=80, spacing=0.011, dark=0.55)
    sheet.shape(front)
    sheet.shape(np.array([(x - 0.02, 0.47), (x + 0.12, 0.24), (x + 0.26, 0.46)]))
    roof = np.array([(x + 0.12, 0.24), (x + 0.4, 0.22), (x + 0.53, 0.42), (x + 0.26, 0.46)])
    sheet.shape(roof, angle=-50, spacing=0.009, dark=0.65)
    sheet.shape(box(x + 0.4, 0.14, x + 0.45, 0.3), angle=20, dark=0.4)
    sheet.shape(box(x + 0.09, 0.6, x + 0.16, 0.78), angle=60, spacing=0.008, dark=0.7)
    for left, top in ((0.03, 0.52), (0.18, 0.52), (0.3, 0.53), (0.4, 0.51)):
        sheet.shape(box(x + left, top, x + left + 0.05, top + 0.07), angle=40, dark=0.6)
    for k in range(14):
        sheet.scribble(x + 0.62 + 0.02 * np.sin(k), 0.42 + 0.02 * (k % 7), 0.09, 0.07)
    sheet.contour(curve([(x + 0.61, 0.5), (x + 0.62, 0.66), (x + 0.6, 0.8)]))
    ground = curve([(0.04, 0.8), (0.3, 0.79), (0.6, 0.81), (0.96, 0.79)])
    sheet.contour(ground)
    sheet.hatch(np.concatenate([ground, [(0.9, 0.85), (0.1, 0.86)]]), angle=4, dark=0.4)


def _tree(sheet: _Sheet, random: Random) -> None:
    x = random.uniform(0.42, 0.58)
    trunk = np.concatenate(
        [
            curve([(x - 0.09, 0.88), (x - 0.04, 0.7), (x - 0.035, 0.45)]),
            curve([(x + 0.03, 0.45), (x + 0.045, 0.7), (x + 0.12, 0.88)]),
        ]
    )
    hill = curve([(0.02, 0.86), (0.3, 0.82), (0.7, 0.88), (0.98, 0.84)])
    sheet.contour(hill)
    sheet.shape(trunk, angle=85, spacing=0.008, dark=0.6)
    for _ in range(7):
        end = (x + random.uniform(-0.3, 0.3), random.uniform(0.16, 0.4))
        middle = ((x + end[0]) / 2, (0.5 + end[1]) / 2 + 0.03)
        sheet.contour(curve([(x, 0.5), middle, end]), times=2)
    for _ in range(46):
        angle, radius = random.uniform(0, 2 * np.pi), np.sqrt(random.random())
        sheet.scribble(
            x + 0.3 * radius * np.cos(angle), 0.33 + 0.22 * radius * np.sin(angle), 0.06, 0.045
        )
    shade = ellipse(x + 0.1, 0.42, 0.2, 0.1, turn=-10)
    sheet.hatch(shade, angle=50, spacing=0.01, dark=0.45)
    sheet.hatch(ellipse(x + 0.16, 0.89, 0.24, 0.022), angle=8, spacing=0.006, dark=0.55)


def _boat(sheet: _Sheet, random: Random) -> None:
    x = random.uniform(-0.05, 0.05)
    for k in range(9):
        y = 0.6 + 0.04 * k
        left = random.uniform(0.02, 0.2)
        knots = [(left + 0.1 * j, y + 0.006 * (-1) ** j) for j in range(int(random.integers(5, 9)))]
        sheet.contour(curve(knots), dark=0.4, times=2)
    hull = np.concatenate(
        [
            curve([(0.16 + x, 0.6), (0.5 + x, 0.66), (0.9 + x, 0.56)]),
            curve([(0.9 + x, 0.56), (0.76 + x, 0.76), (0.3 + x, 0.77), (0.16 + x, 0.6)]),
        ]
    )
    sheet.shape(hull, angle=12, spacing=0.011, dark=0.6)
    sheet.contour([(0.5 + x, 0.64), (0.5 + x, 0.12)])
    main = np.concatenate(
        [curve([(0.51 + x, 0.13), (0.74 + x, 0.36), (0.8 + x, 0.54)]), [(0.51 + x, 0.57)]]
    )
    jib = np.concatenate([curve([(0.48 + x, 0.16), (0.33 + x, 0.4), (0.22 + x, 0.55)]),
                          [(0.48 + x, 0.57)]])  # fmt: skip
    sheet.shape(main, angle=75, spacing=0.02, dark=0.35)
    sheet.shape(jib, angle=110, spacing=0.013, dark=0.5)
    sheet.hatch(ellipse(0.5 + x, 0.81, 0.3, 0.03), angle=3, spacing=0.008, dark=0.5)


def _mountain(sheet: _Sheet, random: Random) -> None:
    for base, count, dark in ((0.52, 5, 0.35), (0.66, 4, 0.6)):
        xs = np.linspace(-0.05, 1.05, 2 * count + 1)
        ys = base - np.where(np.arange(len(xs)) % 2, random.uniform(0.16, 0.34, len(xs)), 0)
        ridge = np.stack([xs, ys], axis=1)
        sheet.clear(np.concatenate([ridge, [(1.05, 1), (-0.05, 1)]]))
        sheet.contour(along(ridge, 0.02))
        for k in range(1, len(xs) - 1, 2):
            foot = ridge[k] + (0.02, 0.24)
            shade = np.array([ridge[k], ridge[k + 1], foot])
            sheet.hatch(shade, angle=-62, spacing=0.01, dark=dark)
    for row in range(3):
        for x in np.sort(random.uniform(0, 1, 9)):
            y, height = 0.74 + 0.09 * row, random.uniform(0.06, 0.11)
            knots = [(x + (-1) ** j * 0.005 * j, y - height + height * j / 7) for j in range(8)]
            sheet.contour(knots, dark=0.8, times=2)


def _cat(sheet: _Sheet, random: Random) -> None:
    x = random.uniform(-0.06, 0.06) + 0.48
    tail = curve([(x + 0.2, 0.82), (x + 0.36, 0.8), (x + 0.38, 0.62), (x + 0.3, 0.56)])
    sheet.contour(tail, times=5)
    body = curve([(x - 0.08, 0.42), (x - 0.2, 0.7), (x - 0.16, 0.86), (x + 0.18, 0.87),
                  (x + 0.24, 0.68), (x + 0.1, 0.42)], closed=True)  # fmt: skip
    sheet.shape(body, angle=72, spacing=0.014, dark=0.42)
    sheet.hatch(ellipse(x + 0.13, 0.68, 0.09, 0.18), angle=62, spacing=0.008, dark=0.5)
    for side in (-1, 1):
        ear = np.array([(x + side * 0.14, 0.3), (x + side * 0.12, 0.12), (x + side * 0.02, 0.21)])
        sheet.shape(ear, angle=70, spacing=0.009, dark=0.55)
    sheet.shape(ellipse(x, 0.31, 0.16, 0.135))
    for side in (-1, 1):
        sheet.shape(ellipse(x + side * 0.065, 0.29, 0.028, 0.022))
        sheet.hatch(ellipse(x + side * 0.065, 0.29, 0.011, 0.021), spacing=0.003, dark=0.95)
        for k in range(3):
            whisker = [(x + side * 0.05, 0.36), (x + side * 0.26, 0.33 + 0.03 * k)]
            sheet.contour(whisker, dark=0.5, times=1)
    sheet.contour(curve([(x - 0.03, 0.37), (x, 0.35), (x + 0.03, 0.37)]))
    sheet.hatch(np.array([(x - 0.02, 0.335), (x + 0.02, 0.335), (x, 0.355)]), spacing=0.003)
    for paw in (-0.06, 0.05):
        sheet.shape(ellipse(x + paw, 0.85, 0.05, 0.03))
    sheet.hatch(ellipse(x + 0.04, 0.9, 0.34, 0.022), angle=5, spacing=0.006, dark=0.6)


def _cup(sheet: _Sheet, random: Random) -> None:
    x = random.uniform(0.3, 0.4)
    sheet.contour([(0, 0.62), (1, 0.62)])
    stem = curve([(x + 0.06, 0.45), (x + 0.02, 0.3), (x + 0.05, 0.2)])
    for end in ((-0.12, 0.16), (0.05, 0.1), (0.2, 0.2)):
        sheet.contour(
            curve([(x + 0.06, 0.48), (x + end[0] / 2 + 0.05, 0.36), (x + end[0], end[1])])
        )
        for turn in range(0, 360, 60):
            sheet.shape(ellipse(x + end[0] + 0.045 * np.cos(np.radians(turn)),
                                end[1] + 0.045 * np.sin(np.radians(turn)), 0.034, 0.02,
                                turn=-turn))  # fmt: skip
        sheet.hatch(circle(x + end[0], end[1], 0.02), spacing=0.005, dark=0.9)
    sheet.contour(stem, times=1)
    vase = np.concatenate([curve([(x - 0.02, 0.45), (x - 0.12, 0.6), (x - 0.04, 0.8)]),
                          curve([(x + 0.16, 0.8), (x + 0.24, 0.6), (x + 0.14, 0.45)])])  # fmt: skip
    sheet.shape(vase, angle=80, spacing=0.016, dark=0.4)
    sheet.hatch(ellipse(x + 0.17, 0.64, 0.06, 0.15), angle=70, spacing=0.007, dark=0.55)
    sheet.shape(circle(x + 0.4, 0.72, 0.1), angle=40, spacing=0.014, dark=0.35)
    sheet.hatch(circle(x + 0.44, 0.75, 0.06), angle=50, spacing=0.008, dark=0.5)
    sheet.hatch(ellipse(x + 0.3, 0.83, 0.36, 0.025), angle=4, spacing=0.006, dark=0.6)


def _bird(sheet: _Sheet, random: Random) -> None:
    x = random.uniform(-0.04, 0.06)
    branch = curve([(0, 0.74), (0.3, 0.7), (0.6, 0.72), (1, 0.62)])
    sheet.contour(branch, times=5)
    sheet.hatch(np.concatenate([branch, branch[::-1] + (0, 0.03)]), angle=30, spacing=0.008)
    tail = np.array([(0.6 + x, 0.56), (0.86 + x, 0.7), (0.82 + x, 0.76), (0.54 + x, 0.64)])
    sheet.shape(tail, angle=-25, spacing=0.009, dark=0.6)
    body = curve([(0.3 + x, 0.3), (0.26 + x, 0.48), (0.4 + x, 0.68), (0.6 + x, 0.64),
                  (0.66 + x, 0.52), (0.5 + x, 0.36), (0.42 + x, 0.27)], closed=True)  # fmt: skip
    sheet.shape(body, angle=60, spacing=0.02, dark=0.3)
    wing = curve([(0.42 + x, 0.42), (0.5 + x, 0.6), (0.72 + x, 0.64), (0.6 + x, 0.46)], closed=True)
    sheet.shape(wing, angle=-30, spacing=0.009, dark=0.65)
    for k in range(4):
        ends = [(0.46 + x + 0.03 * k, 0.5 + 0.02 * k), (0.62 + x + 0.02 * k, 0.6 + 0.01 * k)]
        sheet.contour(ends, times=2)
    sheet.shape(np.array([(0.28 + x, 0.33), (0.17 + x, 0.37), (0.28 + x, 0.39)]), dark=0.4)
    sheet.shape(circle(0.35 + x, 0.345, 0.02))
    sheet.hatch(circle(0.35 + x, 0.345, 0.014), spacing=0.003, dark=1.0)
    for leg in (0.42, 0.48):
        sheet.contour([(leg + x, 0.66), (leg + x + 0.01, 0.72)], times=4)
    for leaf in (0.1, 0.74, 0.9):
        sheet.shape(ellipse(leaf, 0.62, 0.07, 0.028, turn=35), angle=60, dark=0.4)


def _castle(sheet: _Sheet, random: Random) -> None:
    hill = curve([(-0.02, 0.9), (0.25, 0.72), (0.7, 0.7), (1.02, 0.88)])
    sheet.contour(hill)
    sheet.hatch(np.concatenate([hill, [(1, 1), (0, 1)]]), angle=-18, spacing=0.024, dark=0.35)
    towers = sorted(random.uniform(0.22, 0.7, 2)) + [0.46]
    for place, (x, top) in enumerate(zip((0.24, 0.68, 0.44), (0.38, 0.44, 0.3), strict=True)):
        x += 0.03 * (towers[place] - 0.45)
        sheet.shape(box(x, top, x + 0.13, 0.74))
        sheet.hatch(box(x + 0.07, top, x + 0.13, 0.74), angle=82, spacing=0.008, dark=0.55)
        roof = np.array([(x - 0.025, top), (x + 0.065, top - 0.17), (x + 0.155, top)])
        sheet.shape(roof, angle=60, spacing=0.009, dark=0.7)
        sheet.shape(box(x + 0.03, top + 0.07, x + 0.055, top + 0.13), spacing=0.005, dark=0.9)
        sheet.contour([(x + 0.065, top - 0.17), (x + 0.065, top - 0.23), (x + 0.11, top - 0.21)])
    wall = [(0.32, 0.56)]
    for k in range(8):
        left = 0.32 + 0.045 * k
        wall += [(left, 0.53), (left + 0.022, 0.53), (left + 0.022, 0.56), (left + 0.045, 0.56)]
    sheet.shape(np.array([*wall, (0.68, 0.75), (0.32, 0.75)]), angle=15, spacing=0.02, dark=0.3)
    gate = np.concatenate([circle(0.5, 0.67, 0.04, start=180), [(0.54, 0.75), (0.46, 0.75)]])
    sheet.shape(gate, angle=85, spacing=0.006, dark=0.85)


def _mushroom(sheet: _Sheet, random: Random) -> None:
    for x, y, size in ((random.uniform(0.36, 0.46), 0.48, 0.27), (0.74, 0.66, 0.14)):
        stem = np.concatenate([curve([(x - 0.25 * size, y), (x - 0.2 * size, y + size),
                                      (x - 0.35 * size, y + 1.4 * size)]),
                               curve([(x + 0.35 * size, y + 1.4 * size), (x + 0.2 * size, y + size),
                                      (x + 0.22 * size, y)])])  # fmt: skip
        sheet.shape(stem, angle=84, spacing=0.018, dark=0.3)
        sheet.hatch(ellipse(x + 0.14 * size, y + 0.7 * size, 0.1 * size, 0.6 * size), angle=80,
                    spacing=0.008, dark=0.55)  # fmt: skip
        under = ellipse(x, y, size, 0.2 * size)
        sheet.shape(under, angle=90, spacing=0.007, dark=0.6)
        cap = np.concatenate([circle(0, 0, 1, start=180) * (size, 0.95 * size) + (x, y)])
        sheet.shape(cap, angle=40, spacing=0.013, dark=0.45)
        sheet.hatch(ellipse(x + 0.5 * size, y - 0.3 * size, 0.32 * size, 0.3 * size), angle=50,
                    spacing=0.008, dark=0.5)  # fmt: skip
        for dx, dy, r in ((-0.4, -0.4, 0.14), (0.05, -0.65, 0.12), (0.35, -0.25, 0.1)):
            sheet.shape(circle(x + dx * size, y + dy * size, r * size))
    for _ in range(60):
        x = random.uniform(0.02, 0.98)
        blade = curve([(x, 0.92), (x + 0.01, 0.86), (x + random.normal(0, 0.03), 0.79)])
        sheet.contour(blade, times=1)


SUBJECTS = (
    (_house, ("house", "tree", "day")), (_tree, ("tree", "hills", "day")),
    (_boat, ("boat", "sea", "day")), (_mountain, ("mountain", "forest", "day")),
    (_cat, ("cat", "plain", "grey")), (_cup, ("flower", "room")),
    (_bird, ("bird", "plain")), (_castle, ("castle", "hills", "day")),
    (_mushroom, ("mushroom", "two", "meadow")),
)  # fmt: skip
