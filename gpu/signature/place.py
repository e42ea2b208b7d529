"""Where a shown picture lies in a registered one: orientations and affine transforms.

Coordinates are continuous: pixel (0, 0) covers 0 to 1 in both directions. Matrices are 3 × 3 and
act on (x, y, 1).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_UNITS = 512  # length of the shorter side of every registered picture
ORIENTATIONS = 8
TURNS = 4

_MAX_BORDER_STEP = 16  # grey levels within a plain border
_BORDER_REACH = 8  # pixels: a block of JPEG, within which the picture's edge rings into the border
_LARGE_STEP = 0.5  # of the largest within the reach
_CLEAR_STEP = 4.0  # times the mean of those before
_MIN_INSIDE = 64  # pixels

Matrix = NDArray[np.float64]
Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Place:
    """Transform from pixels of a shown picture to units of the registered one.

    A unit is 1/512 of the registered picture's shorter side. `x` and `y` are the two rows of the
    transform, each of three numbers: x_units = x[0] · x_pixels + x[1] · y_pixels + x[2]. A
    watermark repeats on the longer side, so the offset is known modulo 512 units only.
    """

    x: tuple[float, float, float]
    y: tuple[float, float, float]

    @property
    def matrix(self) -> Matrix:
        """The transform as a 3 × 3 matrix."""
        return np.array([self.x, self.y, (0, 0, 1)], np.float64)


def place_of(matrix: Matrix) -> Place:
    """Return the place of a 3 × 3 affine matrix."""
    first, second = ((float(row[0]), float(row[1]), float(row[2])) for row in matrix[:2])
    return Place(first, second)


def oriented(plane: Plane, orientation: int) -> Plane:
    """Rotate by `orientation` right angles (0-3), or mirror and rotate by `orientation - 4`."""
    flipped = plane[:, ::-1] if orientation >= TURNS else plane
    return np.ascontiguousarray(np.rot90(flipped, orientation % TURNS))


def inverse(orientation: int) -> int:
    """The inverse orientation; a mirrored one is its own inverse."""
    return orientation if orientation >= TURNS else -orientation % TURNS


def inside_border(luma: Plane) -> tuple[int, int, int, int] | None:
    """Box (left, top, right, bottom) inside a plain border, as in screenshots; None without one.

    Exact to the pixel also after JPEG, unless the picture's own edge has the border's colour.
    """
    differs = np.abs(luma - luma[0, 0]) > _MAX_BORDER_STEP
    rows, columns = (np.flatnonzero(differs.any(axis)) for axis in (1, 0))
    if rows.size == 0:
        return None
    left, top, right, bottom = (
        int(side) for side in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    )
    if (bottom - top, right - left) == luma.shape or min(right - left, bottom - top) < _MIN_INSIDE:
        return None
    height, width = luma.shape
    down, across = (np.abs(np.diff(luma, axis=axis)).mean(1 - axis) for axis in (0, 1))
    return (
        _border_width(across, left),
        _border_width(down, top),
        width - _border_width(across[::-1], width - right),
        height - _border_width(down[::-1], height - bottom),
    )


def _border_width(steps: Plane, plain: int) -> int:
    """Width of a border whose first `plain` lines are plain; `steps` are those between lines.

    It ends at the first large step. The edge may ring through all of a narrow border: a side
    without a plain line has a border only if the steps before that one are far smaller.
    """
    first = max(plain - 1, 0)
    near = steps[first : first + _BORDER_REACH + 1]
    end = int(np.flatnonzero(near >= _LARGE_STEP * near.max())[0])
    if plain == 0 and (end == 0 or near[end] < _CLEAR_STEP * near[:end].mean()):
        return 0
    return first + 1 + end


def scaling(across: float, down: float) -> Matrix:
    """Scale both axes."""
    return np.diag([across, down, 1.0])


def translation(across: float, down: float) -> Matrix:
    """Add to both coordinates."""
    return np.array([[1, 0, across], [0, 1, down], [0, 0, 1]], np.float64)


def orientation_matrix(size: tuple[float, float], orientation: int) -> Matrix:
    """Pixels of a picture of `size` (width, height) to pixels of it `oriented`."""
    width, height = size
    matrix = np.eye(3)
    if orientation >= TURNS:
        matrix = np.array([[-1, 0, width], [0, 1, 0], [0, 0, 1]], np.float64)
    for _ in range(orientation % TURNS):
        # One quarter turn counterclockwise: the right edge becomes the upper one.
        matrix = np.array([[0, 1, 0], [-1, 0, width], [0, 0, 1]], np.float64) @ matrix
        width, height = height, width
    return matrix


def rotation_matrix(size: tuple[float, float], degrees: float) -> Matrix:
    """Pixels of a picture to pixels of it rotated counterclockwise about its middle."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rotation = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]], np.float64)
    middle = size[0] / 2, size[1] / 2
    matrix: Matrix = translation(*middle) @ rotation @ translation(-middle[0], -middle[1])
    return matrix


def whole_place(
    shown_size: tuple[int, int], registered_size: tuple[int, int], orientation: int = 0
) -> Place:
    """Place of a shown picture that is the whole registered one, scaled, in an orientation."""
    unit = min(registered_size) / FRAME_UNITS
    width, height = shown_size
    turned = (height, width) if orientation % 2 else (width, height)
    fit = scaling(registered_size[0] / unit / turned[0], registered_size[1] / unit / turned[1])
    return place_of(fit @ orientation_matrix(shown_size, orientation))
