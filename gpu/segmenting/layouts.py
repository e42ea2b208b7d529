"""Estimate the box layout of a room: floor, ceiling and three walls.

Random hypotheses of camera and box are scored by the edges along their lines, the best ones are
perturbed, and the best of all is returned: the layouts of Hedau, Hoiem and Forsyth (2009), scored
by edges only. The camera has no roll; yaw and pitch are limited.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

SURFACES = ("Left", "Right", "Floor", "Ceiling", "Back")
# Yaw and pitch in radians, focal length as a share of the width; then the distances of left wall,
# right wall, floor and ceiling from the camera as shares of the back wall's distance.
_LOWER = np.array([-0.35, -0.14, 0.5, 0.18, 0.18, 0.18, 0.1])
_UPPER = np.array([0.35, 0.06, 0.85, 1.1, 1.1, 0.55, 0.5])
_GUESSES, _RETAINED, _VARIED, _ROUNDS = 12000, 40, 24, 14
_FIRST_STEP, _LAST_STEP = (
    0.12,
    0.006,
)  # standard deviation of a perturbation, as a share of the range
_NEAREST = 0.2  # of the back wall's distance: near end of the lines
_SAMPLES = 24  # of each line
_HALF_RESPONSE = 0.5  # OKLab times 100 per pixel: gradient with a response of a half
_BASE_RESPONSE = 0.5  # mean response of a random line
_SIDE = 240  # pixels: longer side of the picture for scoring

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """A camera in a box, by the numbers above.

    Of the eight lines, `lengths` is the part of each inside the photo, as a share of its width, and
    `supports`, 0–1, the share of that with an edge. First are the back wall's upper, right, lower
    and left line, then those towards the camera: upper left, upper right, lower right, lower left.
    """

    numbers: Numbers
    lengths: Numbers
    supports: Numbers

    def surfaces(self, size: tuple[int, int]) -> NDArray[np.intp]:
        """The index in `SURFACES` of each pixel of a photo (width, height)."""
        width, height = size
        yaw, pitch, focal, left, right, floor, ceiling = self.numbers
        rows, columns = np.mgrid[0:height, 0:width]
        x = (columns + 0.5 - width / 2) / (focal * width)
        y = (height / 2 - rows - 0.5) / (focal * width)
        up, ahead = y * np.cos(pitch) + np.sin(pitch), np.cos(pitch) - y * np.sin(pitch)
        across, along = x * np.cos(yaw) + ahead * np.sin(yaw), ahead * np.cos(yaw) - x * np.sin(yaw)
        nearness = np.stack([-across / left, across / right, -up / floor, up / ceiling, along])
        nearest: NDArray[np.intp] = nearness.argmax(axis=0)
        return nearest


def find_layout(lab: NDArray[np.float32]) -> Layout:
    """The layout with the most edges along its lines, of OKLab times 100 (H, W, 3)."""
    step = max(1, round(max(lab.shape[:2]) / _SIDE))
    tensor = _edges(lab[::step, ::step])
    random = np.random.default_rng(0)
    guesses = random.uniform(_LOWER, _UPPER, (_GUESSES, len(_LOWER)))
    scores, _, _ = _scored(guesses, tensor)
    for deviation in np.geomspace(_FIRST_STEP, _LAST_STEP, _ROUNDS):
        best = guesses[np.argsort(-scores, kind="stable")[:_RETAINED]]
        moved = random.standard_normal((_VARIED, *best.shape)) * deviation * (_UPPER - _LOWER)
        varied = np.clip(best + moved, _LOWER, _UPPER).reshape(-1, len(_LOWER))
        guesses = np.concatenate([best, varied])
        scores, lengths, supports = _scored(guesses, tensor)
    first = int(scores.argmax())
    return Layout(guesses[first], lengths[first] / tensor.shape[1], supports[first])


def _edges(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Products of the colour's gradients, (H, W, 3): down·down, down·across, across·across."""
    down = np.stack([ndimage.gaussian_filter(lab[..., k], 1.2, (1, 0)) for k in range(3)], axis=-1)
    across = np.stack(
        [ndimage.gaussian_filter(lab[..., k], 1.2, (0, 1)) for k in range(3)], axis=-1
    )
    return np.stack(
        [(down * down).sum(-1), (down * across).sum(-1), (across * across).sum(-1)], axis=-1
    ).astype(np.float32)


def _scored(guesses: Numbers, tensor: NDArray[np.float32]) -> tuple[Numbers, Numbers, Numbers]:
    """The score of each guess (N,) above that of random lines; lengths and supports (N, 8)."""
    height, width = tensor.shape[:2]
    starts, ends = _lines(guesses, (width, height))
    direction = ends - starts
    length = np.linalg.norm(direction, axis=-1)
    normal = np.stack([direction[..., 1], -direction[..., 0]], axis=-1) / (length[..., None] + 1e-9)
    share = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    points = starts[..., None, :] + direction[..., None, :] * share[:, None]
    rows, columns = points[..., 0], points[..., 1]
    is_visible = (rows >= 1) & (rows < height - 1) & (columns >= 1) & (columns < width - 1)
    flat = np.where(is_visible, rows, 0).astype(np.intp) * width + np.where(
        is_visible, columns, 0
    ).astype(np.intp)
    values = tensor.reshape(-1, 3)[flat]
    y, x = normal[..., None, 0], normal[..., None, 1]
    squared = values[..., 0] * y * y + 2 * values[..., 1] * y * x + values[..., 2] * x * x
    edge = np.sqrt(np.maximum(squared, 0))
    response = edge / (edge + _HALF_RESPONSE)
    weight = is_visible * (length / _SAMPLES)[..., None]
    lengths = weight.sum(axis=2)
    supports = (weight * response).sum(axis=2) / np.maximum(lengths, 1e-9)
    return ((supports - _BASE_RESPONSE) * lengths).sum(axis=1), lengths, supports


def _lines(guesses: Numbers, size: tuple[int, int]) -> tuple[Numbers, Numbers]:
    """Starts and ends (N, 8, 2), as row and column, of the lines between surfaces."""
    left, right, floor, ceiling = guesses[:, 3:].T
    x = np.stack([-left, right, right, -left], axis=1)
    y = np.stack([ceiling, ceiling, -floor, -floor], axis=1)
    corners = _projected(guesses, x, y, np.ones_like(x), size)
    front_corners = _projected(guesses, x, y, np.full_like(x, _NEAREST), size)
    starts = np.concatenate([corners, corners], axis=1)
    ends = np.concatenate([np.roll(corners, -1, axis=1), front_corners], axis=1)
    return starts, ends


def _projected(
    guesses: Numbers, x: Numbers, y: Numbers, z: Numbers, size: tuple[int, int]
) -> Numbers:
    """Row and column (N, P, 2) of points (N, P) in the room."""
    yaw, pitch, focal = (guesses[:, axis, None] for axis in range(3))
    width, height = size
    ahead, across = z * np.cos(yaw) + x * np.sin(yaw), x * np.cos(yaw) - z * np.sin(yaw)
    up, depth = y * np.cos(pitch) - ahead * np.sin(pitch), y * np.sin(pitch) + ahead * np.cos(pitch)
    scale = focal * width / np.maximum(depth, 0.02)
    return np.stack([height / 2 - up * scale, width / 2 + across * scale], axis=-1)
