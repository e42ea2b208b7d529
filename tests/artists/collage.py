"""Paper collage: torn and cut pieces, printed papers among them, each with its shadow."""

import numpy as np
from PIL import Image, ImageFilter

from tests.artists.drawing import (
    SIDE,
    Points,
    Rgb,
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
OCHRE, BRICK, INDIGO, SAGE, BLUSH, PLUM, IVORY, COAL, SKY = (
    (217, 158, 58), (186, 72, 52), (48, 66, 120), (128, 152, 112), (232, 178, 164),
    (102, 52, 88), (240, 232, 214), (46, 42, 46), (150, 190, 204),
)  # fmt: skip
_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


def draw(number: int, random: Random) -> tuple[Image.Image, tuple[str, ...]]:
    """Work `number` and its tags."""
    subject, tags = SUBJECTS[number % len(SUBJECTS)]
    board = _Board(random)
    subject(board, random)
    return to_image(board.levels), tags


class _Board:
    """What is glued so far, levels 0-255."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.levels = self._paper((226, 216, 196))

    def cut(self, points: Points, colour: Rgb, *, pattern: str = "") -> None:
        """Glue a piece that scissors cut."""
        self._glue(mask_of(points), self._paper(colour, pattern))

    def torn(self, points: Points, colour: Rgb, *, pattern: str = "") -> None:
        """Glue a piece torn by hand: its white core shows along the rough edge."""
        distance = np.asarray(
            Image.fromarray(np.uint8(255 * mask_of(points))).filter(ImageFilter.GaussianBlur(6)),
            np.float32,
        ) / 255  # fmt: skip
        rough = 0.22 * (smooth_noise(self._random, 28) - 0.5)
        rough += 0.2 * (smooth_noise(self._random, 110) - 0.5)
        whole = np.clip((distance + rough - 0.5) * 14 + 0.5, 0, 1)
        width = 0.12 + 0.2 * smooth_noise(self._random, 9)
        printed = np.clip((distance + 0.6 * rough - 0.5 - width) * 14 + 0.5, 0, 1)[..., None]
        core = self._paper((248, 244, 236))
        self._glue(whole, core * (1 - printed) + self._paper(colour, pattern) * printed)

    def _glue(self, mask: np.ndarray, paper: np.ndarray) -> None:
        picture = Image.fromarray(np.uint8(255 * mask))
        shadow = np.asarray(picture.filter(ImageFilter.GaussianBlur(5)), np.float32) / 255
        shadow = 0.5 * _moved(shadow, 6, 5)
        shaded = self.levels * (1 - (shadow * (1 - mask))[..., None])
        rim = mask - _moved(mask, 1, 1)  # light on the upper left edge
        lit = paper + 22 * np.clip(rim, 0, 1)[..., None]
        self.levels = shaded * (1 - mask[..., None]) + lit * mask[..., None]

    def _paper(self, colour: Rgb, pattern: str = "") -> np.ndarray:
        levels = np.broadcast_to(np.array(colour, np.float32), (SIDE, SIDE, 3)).copy()
        angle = self._random.uniform(0, np.pi)
        u, v = _X * np.cos(angle) + _Y * np.sin(angle), _Y * np.cos(angle) - _X * np.sin(angle)
        if pattern == "stripes":
            levels += 52 * np.clip(np.sin(u / 4) * 3, -1, 1)[..., None]
        elif pattern == "dots":
            inside = np.hypot((u % 18) - 9, (v % 18) - 9) < 4.2
            levels = np.where(inside[..., None], 244.0, levels)
        elif pattern == "print":
            words = (np.sin(u * 0.55 + 9 * np.sin(np.floor(v / 9))) > -0.45) & (v % 9 > 4)
            words &= self._random.random((SIDE, SIDE)) > 0.25
            levels = np.where(words[..., None], levels * 0.35, levels)
        fibre = smooth_noise(self._random, 200) - 0.5
        grain = self._random.normal(0, 2.2, (SIDE, SIDE))
        return levels + (16 * fibre + grain)[..., None]


def _moved(plane: np.ndarray, down: int, right: int) -> np.ndarray:
    """A plane moved by pixels, its border repeated."""
    return np.pad(plane, ((down, 0), (right, 0)), mode="edge")[:SIDE, :SIDE]


def _hill(y: float, random: Random, *, high: float = 0.08) -> Points:
    knots = [(x, y + random.uniform(-high, high)) for x in np.linspace(-0.1, 1.1, 6)]
    return np.concatenate([curve(knots), [(1.1, 1.1), (-0.1, 1.1)]])


def _flowers(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 0.7), BLUSH)
    board.torn(box(-0.1, 0.7, 1.1, 1.1), OCHRE, pattern="stripes")
    x = random.uniform(0.42, 0.58)
    heads = [(x - 0.24, 0.3), (x, 0.17), (x + 0.23, 0.32)]
    for hx, hy in heads:
        stem = np.array([(hx, hy), (hx + 0.014, hy), (x + 0.014, 0.66), (x - 0.01, 0.66)])
        board.cut(stem, SAGE)
    for k, (hx, hy) in enumerate(heads):
        for turn in range(0, 360, 60):
            petal = ellipse(0.075, 0, 0.075, 0.042) - (0, 0)
            board.cut(turned(petal, turn + 20 * k) + (hx, hy), (BRICK, PLUM, IVORY)[k])
        board.cut(circle(hx, hy, 0.042), (OCHRE, IVORY, COAL)[k], pattern=("", "dots", "")[k])
    for side in (-1, 1):
        board.cut(ellipse(x + side * 0.13, 0.54, 0.11, 0.035, turn=side * 35), SAGE)
    vase = np.concatenate([curve([(x - 0.08, 0.6), (x - 0.17, 0.74), (x - 0.1, 0.92)]),
                          curve([(x + 0.1, 0.92), (x + 0.17, 0.74), (x + 0.08, 0.6)])])  # fmt: skip
    board.torn(vase, INDIGO, pattern="dots")


def _mountains(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 1.1), SKY)
    board.cut(circle(random.uniform(0.25, 0.75), 0.25, 0.11), BRICK)
    papers = ((INDIGO, ""), (PLUM, ""), (IVORY, "print"), (SAGE, ""), (COAL, ""))
    for row, (colour, pattern) in enumerate(papers):
        y = 0.42 + 0.13 * row
        peaks = np.linspace(-0.15, 1.15, 8) + random.uniform(-0.04, 0.04, 8)
        ys = y + np.where(np.arange(8) % 2 == row % 2, -0.16, 0.06) * random.uniform(0.6, 1.2, 8)
        ridge = np.stack([peaks, ys], axis=1)
        board.torn(np.concatenate([ridge, [(1.15, 1.2), (-0.15, 1.2)]]), colour, pattern=pattern)


def _house(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 1.1), IVORY, pattern="print")
    board.torn(_hill(0.76, random), SAGE)
    x = random.uniform(0.3, 0.4)
    board.cut(box(x + 0.28, 0.16, x + 0.35, 0.4), COAL)
    board.cut(box(x - 0.06, 0.42, x + 0.42, 0.84), BRICK)
    board.cut(np.array([(x - 0.14, 0.44), (x + 0.18, 0.2), (x + 0.5, 0.44)]), INDIGO)
    board.cut(box(x + 0.12, 0.62, x + 0.25, 0.84), OCHRE)
    for left in (0.0, 0.28):
        board.cut(box(x + left, 0.5, x + left + 0.1, 0.6), IVORY)
        board.cut(box(x + left + 0.045, 0.5, x + left + 0.055, 0.6), COAL)
        board.cut(box(x + left, 0.545, x + left + 0.1, 0.555), COAL)
    for k in range(3):
        board.torn(ellipse(x + 0.36 + 0.06 * k, 0.12 - 0.02 * k, 0.05, 0.035), SKY)
    board.torn(_hill(0.93, random, high=0.03), PLUM, pattern="dots")


def _boat(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 0.75), OCHRE)
    board.torn(circle(random.uniform(0.7, 0.82), 0.25, 0.13), IVORY)
    board.torn(_hill(0.64, random, high=0.03), SKY)
    x = random.uniform(0.4, 0.5)
    board.cut(box(x - 0.008, 0.12, x + 0.008, 0.7), COAL)
    board.cut(
        np.array([(x + 0.02, 0.14), (x + 0.3, 0.58), (x + 0.02, 0.6)]), IVORY, pattern="print"
    )
    board.cut(
        np.array([(x - 0.02, 0.22), (x - 0.22, 0.58), (x - 0.02, 0.6)]), BRICK, pattern="stripes"
    )
    board.cut(np.array([(x - 0.3, 0.64), (x + 0.34, 0.64), (x + 0.22, 0.8), (x - 0.2, 0.8)]), PLUM)
    for row, colour in enumerate((INDIGO, SKY, INDIGO)):
        y = 0.77 + 0.09 * row
        knots = [(k, y + 0.025 * (-1) ** j) for j, k in enumerate(np.linspace(-0.1, 1.1, 13))]
        board.torn(np.concatenate([curve(knots), [(1.1, 1.2), (-0.1, 1.2)]]), colour)


def _fish(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 1.1), INDIGO)
    for k in range(3):
        x, y = random.uniform(0.3, 0.6), 0.22 + 0.28 * k
        way = 1 if k % 2 else -1
        colour, pattern = ((BRICK, "dots"), (OCHRE, "stripes"), (BLUSH, "print"))[k]
        board.cut(
            np.array([(0.16, 0), (0.3, -0.1), (0.26, 0), (0.3, 0.1)]) * (way, 1) + (x, y), PLUM
        )
        board.cut(np.array([(0, -0.07), (0.12, -0.15), (0.1, -0.05)]) * (way, 1) + (x, y), PLUM)
        body = curve([(-0.22, 0.01), (-0.04, -0.1), (0.2, 0), (-0.04, 0.1)], closed=True)
        board.cut(body * (way, 1) + (x, y), colour, pattern=pattern)
        board.cut(circle(x - way * 0.12, y - 0.015, 0.03), IVORY)
        board.cut(circle(x - way * 0.12, y - 0.015, 0.014), COAL)
    for x in (0.07, 0.9):
        weed = curve([(x, 1.1), (x + 0.05, 0.9), (x - 0.03, 0.75), (x + 0.03, 0.58)])
        board.torn(np.concatenate([weed, weed[::-1] + (0.06, 0)]), SAGE)


def _moon(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 1.1), COAL)
    x, y = random.uniform(0.6, 0.72), 0.28
    board.torn(circle(x, y, 0.2), OCHRE)
    board.torn(circle(x + 0.08, y - 0.03, 0.17), COAL)
    for sx, sy in zip(random.uniform(0.05, 0.5, 7), random.uniform(0.05, 0.5, 7), strict=True):
        star = np.concatenate(
            [turned(np.array([(0.03, 0), (0.012, 0.009)]), 72 * k) for k in range(5)]
        )
        board.cut(star + (sx, sy), IVORY)
    board.torn(_hill(0.72, random), INDIGO)
    cx = random.uniform(0.3, 0.42)
    tail = curve([(cx + 0.13, 0.86), (cx + 0.26, 0.84), (cx + 0.28, 0.64), (cx + 0.2, 0.6)])
    board.cut(np.concatenate([tail, tail[::-1] + (0.045, 0.01)]), BRICK)
    body = curve(
        [(cx - 0.05, 0.55), (cx - 0.14, 0.88), (cx + 0.16, 0.88), (cx + 0.07, 0.55)], closed=True
    )
    board.cut(body, BRICK, pattern="stripes")
    for side in (-1, 1):
        board.cut(
            np.array([(side * 0.11, -0.05), (side * 0.1, -0.17), (side * 0.01, -0.08)]) + (cx, 0.5),
            BRICK,
        )
    board.cut(circle(cx, 0.5, 0.115), BRICK)
    for side in (-1, 1):
        board.cut(ellipse(cx + side * 0.045, 0.49, 0.024, 0.017), OCHRE)
        board.cut(ellipse(cx + side * 0.045, 0.49, 0.007, 0.016), COAL)
    board.torn(_hill(0.93, random, high=0.02), PLUM)


def _trees(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 1.1), SKY)
    board.torn(_hill(0.62, random), BLUSH, pattern="print")
    board.torn(_hill(0.78, random), OCHRE)
    for k, x in enumerate((0.2, 0.5, 0.8)):
        x, top = x + random.uniform(-0.05, 0.05), random.uniform(0.26, 0.4)
        board.cut(
            np.array([(x - 0.03, 0.86), (x - 0.012, top), (x + 0.012, top), (x + 0.03, 0.86)]), COAL
        )
        colour, pattern = ((SAGE, ""), (BRICK, "dots"), (INDIGO, "stripes"))[k]
        board.torn(ellipse(x, top, 0.14, 0.17), colour, pattern=pattern)
        for _ in range(5):
            leaf = ellipse(x + random.uniform(-0.08, 0.08), top + random.uniform(-0.1, 0.1), 0.03,
                           0.014, turn=random.uniform(0, 180))  # fmt: skip
            board.cut(leaf, IVORY)
    board.torn(_hill(0.93, random, high=0.03), SAGE)


def _bird(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 1.1), OCHRE)
    board.torn(ellipse(0.5, 0.48, 0.42, 0.38), IVORY)
    x = random.uniform(0.42, 0.5)
    board.cut(
        np.array([(x + 0.14, 0.5), (x + 0.42, 0.42), (x + 0.44, 0.54), (x + 0.14, 0.6)]), COAL
    )
    body = curve([(x - 0.22, 0.4), (x - 0.06, 0.68), (x + 0.2, 0.56), (x + 0.02, 0.4),
                  (x - 0.1, 0.26)], closed=True)  # fmt: skip
    board.cut(body, INDIGO)
    board.cut(
        curve([(x - 0.04, 0.46), (x + 0.06, 0.64), (x + 0.26, 0.56)], closed=True),
        BRICK,
        pattern="dots",
    )
    board.cut(np.array([(x - 0.19, 0.3), (x - 0.32, 0.36), (x - 0.19, 0.4)]), OCHRE)
    board.cut(circle(x - 0.12, 0.35, 0.028), IVORY)
    board.cut(circle(x - 0.12, 0.35, 0.013), COAL)
    branch = curve([(-0.05, 0.78), (0.3, 0.74), (0.7, 0.79), (1.05, 0.7)])
    board.torn(np.concatenate([branch, branch[::-1] + (0, 0.06)]), PLUM)
    for leaf in (0.12, 0.34, 0.66, 0.86):
        board.cut(ellipse(leaf, 0.7 + 0.14 * (leaf > 0.5), 0.075, 0.03, turn=40), SAGE)


def _balloon(board: _Board, random: Random) -> None:
    board.torn(box(-0.1, -0.1, 1.1, 1.1), BLUSH)
    for k in range(4):
        x, y = random.uniform(0.05, 0.95), 0.12 + 0.16 * k
        board.torn(ellipse(x, y, 0.16, 0.05), IVORY)
    x = random.uniform(0.4, 0.6)
    for side in (-0.1, 0.1):
        rope = np.array(
            [
                (x + side, 0.56),
                (x + side + 0.008, 0.56),
                (x + side / 2, 0.72),
                (x + side / 2 - 0.008, 0.72),
            ]
        )
        board.cut(rope, COAL)
    shape = np.concatenate(
        [circle(x, 0.34, 0.26, start=160, end=380), [(x + 0.06, 0.64), (x - 0.06, 0.64)]]
    )
    board.cut(shape, BRICK)
    board.cut((shape - (x, 0.34)) * (0.62, 1) + (x, 0.34), OCHRE, pattern="stripes")
    board.cut((shape - (x, 0.34)) * (0.24, 1) + (x, 0.34), INDIGO)
    board.cut(box(x - 0.06, 0.71, x + 0.06, 0.8), PLUM, pattern="print")
    board.torn(_hill(0.92, random, high=0.04), SAGE)


SUBJECTS = (
    (_flowers, ("flower", "three", "room")), (_mountains, ("mountain", "sun", "day")),
    (_house, ("house", "red", "meadow")), (_boat, ("boat", "sea", "day")),
    (_fish, ("fish", "three", "sea")), (_moon, ("cat", "moon", "night")),
    (_trees, ("tree", "three", "hills")), (_bird, ("bird", "blue", "plain")),
    (_balloon, ("balloon", "red", "cloud", "day")),
)  # fmt: skip
