"""What several artists need: shapes as points, smooth noise, drawing at twice the size.

Coordinates are shares of the frame: (0, 0) is its upper left corner, (1, 1) its lower right one.
"""

import numpy as np
from PIL import Image, ImageDraw

SIDE = 512
SCALE = 2  # drawn so many times larger, so that outlines are smooth

Points = np.ndarray  # [N, 2]
Rgb = tuple[int, int, int]


def circle(x: float, y: float, radius: float, *, start: float = 0, end: float = 360) -> Points:
    """Points of a circle, or of the part between two angles in degrees, from the right."""
    angles = np.radians(np.linspace(start, end, 60))
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)


def ellipse(x: float, y: float, width: float, height: float, *, turn: float = 0) -> Points:
    """An ellipse with half axes `width` and `height`, turned by degrees."""
    return turned(circle(0, 0, 1) * (width, height), turn) + (x, y)


def turned(points: Points, degrees: float) -> Points:
    """Points turned clockwise around the origin."""
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return points @ matrix


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """The corners of a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def curve(points: object, *, closed: bool = False, each: int = 14) -> Points:
    """A smooth curve through points (Catmull-Rom)."""
    knots = np.asarray(points, float)
    padded = (
        np.concatenate([knots[-1:], knots, knots[:2]])
        if closed
        else np.concatenate([knots[:1], knots, knots[-1:]])
    )
    shares = np.linspace(0, 1, each, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts.append(
            0.5
            * (
                2 * b
                + (c - a) * shares
                + (2 * a - 5 * b + 4 * c - d) * shares**2
                + (3 * b - a - 3 * c + d) * shares**3
            )
        )
    return np.concatenate([*parts, padded[-2][None]])


def along(points: Points, step: float) -> Points:
    """Points at equal distances along a line."""
    lengths = np.hypot(*np.diff(points, axis=0).T)
    places = np.concatenate([[0], np.cumsum(lengths)])
    wanted = np.arange(0, places[-1], step)
    return np.stack([np.interp(wanted, places, points[:, axis]) for axis in (0, 1)], axis=1)


def mask_of(points: Points, side: int = SIDE) -> np.ndarray:
    """What a closed shape covers: float [side, side] from 0 to 1."""
    large = Image.new("L", (side * SCALE, side * SCALE))
    ImageDraw.Draw(large).polygon([tuple(point) for point in points * side * SCALE], fill=255)
    return np.asarray(large.resize((side, side), Image.Resampling.BOX), np.float32) / 255


def smooth_noise(random: np.random.Generator, cells: int, side: int = SIDE) -> np.ndarray:
    """Noise in [0, 1] whose features are a `cells`-th of the frame wide."""
    coarse = Image.fromarray(random.random((cells, cells), np.float32))
    fine = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
    return np.clip(fine, 0, 1)


def to_image(levels: np.ndarray) -> Image.Image:
    """A picture of levels 0-255, [H, W, 3]."""
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
