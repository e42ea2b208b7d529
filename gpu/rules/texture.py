"""Lay a material in the plane of a region, under the region's own light.

The old pattern is smoothed away from the region's luminance; what is left is its light, which
multiplies the swatch. Highlights are what is far brighter than that light.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Levels, Light, Mask, luminance, to_linear
from gpu.rules.edges import Painter
from gpu.rules.errors import InvalidRule
from gpu.rules.morphology import indices_of
from gpu.rules.swatches import Swatch

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]

_BLOCK = 8  # pixels: the light is kept at an eighth of the size
_SPREAD_SHARE = 1 / 90  # of the longer side: patterns finer than this are smoothed away
_DARKEST, _BRIGHTEST = 0.2, 3.0  # times the median: what lies outside is object or lamp, not light
_HIGHLIGHT = 2.2  # times the light
_LEAST_LIGHT = 1e-4
_HORIZON = 1e-4
_USUAL_SHARE = 0.25
_LEAST_AREA = 1e-4  # of the photo, of the corners


@dataclass(frozen=True)
class Plane:
    """A rectangle of the real plane as the photo shows it.

    `corners` are its top left, top right, bottom right and bottom left as shares (x, y) of the
    photo's width and height, and may lie outside it; `width` and `height` are metres.
    """

    corners: Corners
    width: float
    height: float


@dataclass(frozen=True)
class Texture:
    """A swatch laid in a plane.

    One repeat is `metres` wide; or else `share` of the plane's width, 0.01–1, by default a quarter.
    Where `plane` is None, it is estimated if `share` is None too (see `planes`); else, or where it
    cannot be estimated, the swatch is laid flat in the region's bounding box. `rotation` is
    degrees clockwise as seen on the plane, `offset` is in repeats.
    """

    swatch: str
    share: float | None = None
    metres: float | None = None
    rotation: float = 0.0
    offset: Point = (0.0, 0.0)
    plane: Plane | None = None


@dataclass(frozen=True)
class Face:
    """A flat piece of a region: a wall between two corners of a room, or all of it.

    `start` is the place of the plane's top left corner on the unrolled material, in the unit of the
    plane's width. The next face lies where a x + b y + c > 0, for shares x and y of the photo and
    `border` (a, b, c); the last face has none.
    """

    plane: Plane
    start: Point = (0.0, 0.0)
    border: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Placement:
    """Where a part of a photo was cut out: its left and top, and the photo's width and height."""

    left: int
    top: int
    width: int
    height: int


def texture_painter(
    rule: Texture,
    swatch: Swatch,
    levels: Levels,
    region: Mask,
    placement: Placement,
    faces: Sequence[Face] = (),
) -> Painter:
    """Paint the region (H, W) of sRGB levels (H, W, 3) with a swatch.

    `placement` says where these levels lie in the photo. `faces`, from left to right, are where a
    rule without a plane lays its swatch.
    Raises InvalidRule for corners that span no plane.
    """
    lay: Layout | FacedLayout = layout(rule, swatch, region, placement)
    if faces:
        lay = FacedLayout(rule, swatch, placement, faces)
    light, median = region_light(levels, region)

    def painted(inside: Light, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Light:
        laid = swatch.at(*lay(rows, columns))
        here = _between_blocks(light, rows, columns)
        highlight = np.maximum(luminance(inside) - _HIGHLIGHT * here, 0)
        return (laid * (here / median)[:, None] + highlight[:, None]).astype(np.float32)

    return painted


# ── where on the swatch a pixel lies ─────────────────────────────────────────────────────────────

Places = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class Layout:
    """From pixels of a photo to repeats of a swatch: a projective map, a rotation and an offset."""

    def __init__(self, to_repeats: NDArray[np.float64]) -> None:
        self._matrix = to_repeats

    def __call__(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Places:
        """Repeats across and down, and the repeats that one pixel covers, each (N,)."""
        x, y, m = columns + 0.5, rows + 0.5, self._matrix
        # Beyond the horizon of the plane there is nothing to see: there it lies infinitely far.
        depth = np.maximum(m[2, 0] * x + m[2, 1] * y + m[2, 2], _HORIZON)
        u = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / depth
        v = (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / depth
        across = np.hypot(m[0, 0] - u * m[2, 0], m[1, 0] - v * m[2, 0])
        down = np.hypot(m[0, 1] - u * m[2, 1], m[1, 1] - v * m[2, 1])
        # where a plane turns away from the camera, one side of a pixel covers far more than the
        # other: read for the larger side, everything would be smeared along the smaller one
        largest = np.maximum(across, down)
        footprint = np.maximum(np.sqrt(across * down), largest / 2) / depth
        return u.astype(np.float32), v.astype(np.float32), footprint.astype(np.float32)


class FacedLayout:
    """A layout whose faces meet at the corners of a room, where the material goes round."""

    def __init__(
        self, rule: Texture, swatch: Swatch, placement: Placement, faces: Sequence[Face]
    ) -> None:
        repeat = _share(rule) * max(face.plane.width for face in faces)
        self._layouts = [
            Layout(
                _turned(rule, swatch)
                @ _shifted(face.start[0] / repeat, face.start[1] / repeat / swatch.height_share)
                @ _in_plane(face.plane, repeat, swatch, placement)
            )
            for face in faces
        ]
        size = np.array([placement.width, placement.height, 1])
        origin = np.array([placement.left + 0.5, placement.top + 0.5, 0])
        self._borders = [
            (face.border / size, origin) for face in faces[:-1] if face.border is not None
        ]

    def __call__(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Places:
        """As `Layout` answers, each pixel on its own face."""
        place = np.stack([columns, rows, np.ones(len(rows))])
        face = np.zeros(len(rows), np.intp)
        for border, origin in self._borders:
            face += border @ place + border @ origin > 0
        answers = tuple(np.zeros(len(rows), np.float32) for _ in range(3))
        for index, lay in enumerate(self._layouts):
            own = np.flatnonzero(face == index)
            for answer, values in zip(answers, lay(rows[own], columns[own]), strict=True):
                answer[own] = values
        return answers[0], answers[1], answers[2]


def layout(rule: Texture, swatch: Swatch, region: Mask, placement: Placement) -> Layout:
    """How a swatch lies on a region. Raises InvalidRule for corners that span no plane."""
    if rule.plane is not None:
        check_corners(rule.plane.corners)
        metres = rule.metres
        repeat = _share(rule) * rule.plane.width if metres is None else metres
        return Layout(_turned(rule, swatch) @ _in_plane(rule.plane, repeat, swatch, placement))
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    size = float(columns[-1] - columns[0] + 1), float(rows[-1] - rows[0] + 1)
    x, y = float(columns[0]), float(rows[0])
    quad = [(x, y), (x + size[0], y), (x + size[0], y + size[1]), (x, y + size[1])]
    repeat = _share(rule) * size[0]
    return Layout(_turned(rule, swatch) @ _to_repeats(quad, size, repeat, swatch))


def _share(rule: Texture) -> float:
    return _USUAL_SHARE if rule.share is None else rule.share


def _in_plane(
    plane: Plane, repeat: float, swatch: Swatch, placement: Placement
) -> NDArray[np.float64]:
    """The map to repeats, each `repeat` wide in the plane's unit, from its top left corner."""
    quad = [
        (x * placement.width - placement.left, y * placement.height - placement.top)
        for x, y in plane.corners
    ]
    return _to_repeats(quad, (plane.width, plane.height), repeat, swatch)


def _to_repeats(
    quad: list[Point], size: Point, repeat: float, swatch: Swatch
) -> NDArray[np.float64]:
    across, down = size[0] / repeat, size[1] / repeat / swatch.height_share
    return homography(quad, [(0, 0), (across, 0), (across, down), (0, down)])


def _shifted(across: float, down: float) -> NDArray[np.float64]:
    return np.array([[1, 0, across], [0, 1, down], [0, 0, 1]], np.float64)


def _turned(rule: Texture, swatch: Swatch) -> NDArray[np.float64]:
    """The rule's rotation and offset, of places in repeats."""
    turn = np.deg2rad(rule.rotation)
    cosine, sine = np.cos(turn), np.sin(turn)
    # a repeat is not square: turned where it is measured in its width, then counted again
    tall = swatch.height_share
    return np.array(
        [
            [cosine, sine * tall, rule.offset[0]],
            [-sine / tall, cosine, rule.offset[1]],
            [0, 0, 1],
        ]
    )


def check_corners(corners: Corners) -> None:
    """Raise InvalidRule unless the corners are a convex quadrangle, in clockwise order."""
    points = np.array(corners, np.float64)
    sides = np.roll(points, -1, axis=0) - points
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    if turns.min() <= _LEAST_AREA:
        raise InvalidRule(
            "options.plane.corners",
            "must be a convex quadrangle: top left, top right, bottom right, bottom left",
        )


def homography(before: list[Point], after: list[Point]) -> NDArray[np.float64]:
    """The 3 × 3 matrix that takes four points to four others, its depth 1 at the first's middle."""
    # Counted from the middle: from a point of the horizon, the depth could not be 1.
    middle_x, middle_y = np.mean(before, axis=0)
    rows, values = [], []
    for point, (u, v) in zip(before, after, strict=True):
        x, y = point[0] - middle_x, point[1] - middle_y
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    matrix = np.append(np.linalg.solve(np.array(rows, np.float64), values), 1).reshape(3, 3)
    moved: NDArray[np.float64] = matrix @ [[1, 0, -middle_x], [0, 1, -middle_y], [0, 0, 1]]
    return moved


# ── the light of a region ────────────────────────────────────────────────────────────────────────


def region_light(levels: Levels, region: Mask) -> tuple[NDArray[np.float32], float]:
    """Smooth luminance of a region, a value per block of 8 × 8 pixels, and its median."""
    height, width = region.shape
    grid = (-(-height // _BLOCK), -(-width // _BLOCK))
    rows, columns = indices_of(region)
    bright = luminance(to_linear(levels[rows, columns]))
    middle = max(float(np.median(bright)), _LEAST_LIGHT)
    # in logarithms: shading multiplies
    logs = np.log(np.clip(bright, _DARKEST * middle, _BRIGHTEST * middle))
    block = (rows // _BLOCK) * grid[1] + columns // _BLOCK
    count = np.bincount(block, minlength=grid[0] * grid[1]).reshape(grid)
    total = np.bincount(block, logs, grid[0] * grid[1]).reshape(grid)
    spread = max(2.0, max(height, width) / _BLOCK * _SPREAD_SHARE)
    share = ndimage.gaussian_filter(count.astype(np.float64), spread)
    mean = ndimage.gaussian_filter(total, spread) / np.maximum(share, 1e-6)
    light = np.where(share > 1e-6, np.exp(mean), middle).astype(np.float32)  # noqa: PLR2004 - nothing near
    return light, float(np.median(light[count > 0]))


def _between_blocks(
    light: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    places = np.stack([(rows + 0.5) / _BLOCK - 0.5, (columns + 0.5) / _BLOCK - 0.5])
    between: NDArray[np.float32] = ndimage.map_coordinates(light, places, order=1, mode="nearest")
    return between
