"""A canvas that lies in the plane of its region: a floor seen from above, walls unrolled.

Where a region shows several walls, they stand side by side on the canvas and meet at the corners of
the room, so that what is painted goes round the corners.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Light, Mask
from gpu.rules.edges import Painter
from gpu.rules.errors import InvalidRule
from gpu.rules.restyle_frames import (
    ANOTHER_PART,
    ENLARGED,
    LARGE,
    PORTRAIT,
    SMALL,
    TALL,
    Frame,
    Shown,
    Size,
)
from gpu.rules.swatches import Swatch
from gpu.rules.texture import Face, Layout, Placement, homography

Matrix = NDArray[np.float64]
Numbers = NDArray[np.float64]
Indexes = NDArray[np.intp]

_SURROUNDINGS = 1 / 16  # of the region's longer side in its plane, beyond each of its sides
_GRID = 512  # blocks along a photo's longer side: a region is measured by them
_FARTHEST = 0.04  # of the nearness of a face's middle: what is farther is not measured
_BEYOND = 0.01  # of a region may be farther, or beyond the horizon: masks are not exact
_USUAL = 0.75  # of a region is enlarged less than what counts as its enlargement
_MOST_ENLARGED = 4.0  # times as much as a flat canvas would be
_SAMPLES = 2  # along each side of a canvas pixel
_CHECKED = 4096  # pixels of a region
_OUTSIDE = 0.02  # of a region may lie outside its canvas
_BEHIND = 1e-3  # of the depth of a face's middle: nothing of the photo lies nearer
_NUMBERS = 9  # of the map of a face


@dataclass(frozen=True)
class PlaneFrame:
    """Where a canvas of `size` (width, height) shows the faces of a region.

    `maps` take pixels of the photo, homogeneous, to shares of the canvas: one 3 × 3 matrix by rows
    for each face, from left to right. `corners` are where the next face begins, in shares of the
    canvas's width.
    """

    size: Size
    maps: tuple[tuple[float, ...], ...]
    corners: tuple[float, ...]

    @classmethod
    def of(cls, region: Mask, faces: Sequence[Face]) -> Self | None:
        """The frame around a region (H, W) on its faces, with surroundings.

        None where there is no face, where the region cannot lie on its faces, or where so much of
        them is far away that hardly anything could be painted on what is near.
        """
        if not faces:
            return None
        blocks = _Blocks.of(region, faces)
        if (blocks.nearness < _FARTHEST).mean() > _BEYOND:
            return None
        low, high = blocks.extent()
        sides = high - low + 2 * _SURROUNDINGS * (high - low).max()
        size = PORTRAIT if sides[1] >= TALL * sides[0] else SMALL
        enlarged = blocks.enlarged(sides, size)
        if size == SMALL and enlarged > ENLARGED:
            size = LARGE
            enlarged = blocks.enlarged(sides, size)
        flat = Frame.of(region)
        if enlarged > _MOST_ENLARGED * max(1, flat.width / flat.size[0]):
            return None
        middle, scale = (low + high) / 2, _scale(sides, size) / np.array(size)
        to_shares = np.diag([float(scale[0]), float(scale[1]), 1.0])
        to_shares[:2, 2] = 0.5 - scale * middle
        maps = [to_shares @ each for each in blocks.maps]
        height, width = region.shape
        corners = [
            _across(each, _on_border(face.border, width, height))
            for each, face in zip(maps, faces, strict=True)
            if face.border is not None
        ]
        return cls(size, tuple(tuple(each.ravel().tolist()) for each in maps), tuple(corners))

    @classmethod
    def of_numbers(cls, numbers: Sequence[float], size: Size) -> Self:
        """The frame that is kept as these `numbers`."""
        count = (len(numbers) + 1) // (_NUMBERS + 1)
        flat = tuple(float(number) for number in numbers)
        maps = tuple(flat[_NUMBERS * face : _NUMBERS * (face + 1)] for face in range(count))
        return cls(size, maps, flat[_NUMBERS * count :])

    @property
    def numbers(self) -> tuple[float, ...]:
        """The maps, then the corners."""
        return *(number for each in self.maps for number in each), *self.corners

    def shown(self, photo: Image.Image, region: Mask) -> Shown:
        """See `CanvasFrame.shown`."""
        x, y = self._places(1)
        scale = _scale_of(x, y, region.shape)
        samples = 1 if scale <= 1 else _SAMPLES
        if samples > 1:
            x, y = self._places(samples)
        height, width = region.shape
        step = max(1, int(scale / samples))
        # beyond the photo lies its mirror image; what is farther than that is not worth a look
        at = np.stack([np.clip(y, -height, 2 * height), np.clip(x, -width, 2 * width)]) / step - 0.5
        levels = np.asarray(photo.convert("RGB").reduce(step))
        seen = [
            self._means(ndimage.map_coordinates(each, at, np.float32, order=1, mode="reflect"))
            for each in np.moveaxis(levels, -1, 0)
        ]
        small = np.asarray(Image.fromarray(region.view(np.uint8) * 255).reduce(step)) > 0
        covered = ndimage.map_coordinates(small.view(np.uint8), at, order=0, mode="reflect") > 0
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return Shown(
            np.rint(np.stack(seen, axis=-1)).astype(np.uint8),
            touched=self._means(covered & inside) > 0,
            covered=self._means(covered) == 1,
        )

    def painter(self, image: Image.Image, region: Mask, placement: Placement) -> Painter:
        """See `CanvasFrame.painter`."""
        layout = _Unrolled(self, placement)
        rows, columns = np.nonzero(region)
        step = max(1, len(rows) // _CHECKED)
        u, v, _ = layout(rows[::step], columns[::step])
        if (np.maximum(np.abs(2 * u - 1), np.abs(2 * v - 1)) > 1).mean() > _OUTSIDE:
            raise InvalidRule("value", ANOTHER_PART)
        # read by straight lines between its own pixels, an enlarged picture would show their grid
        larger = image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC)
        painting = Swatch(np.asarray(larger))

        def painted(_: Light, rows: Indexes, columns: Indexes) -> Light:
            u, v, footprint = layout(rows, columns)
            return painting.at(np.clip(u, 0, 1), np.clip(v, 0, 1), footprint)

        return painted

    def _places(self, samples: int) -> tuple[Numbers, Numbers]:
        """Columns and rows of the photo, in pixels, at so many samples along each canvas pixel."""
        width, height = (side * samples for side in self.size)
        u, v = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
        x, y = np.empty_like(u), np.empty_like(u)
        bounds = [0, *(int(np.clip(each, 0, 1) * width) for each in self.corners), width]
        for each, (first, last) in zip(self.maps, pairwise(bounds), strict=True):
            back, own = np.linalg.inv(np.reshape(each, (3, 3))), np.s_[:, first:last]
            depth = np.maximum(back[2, 0] * u[own] + back[2, 1] * v[own] + back[2, 2], _BEHIND)
            x[own] = (back[0, 0] * u[own] + back[0, 1] * v[own] + back[0, 2]) / depth
            y[own] = (back[1, 0] * u[own] + back[1, 1] * v[own] + back[1, 2]) / depth
        return x, y

    def _means(self, samples: NDArray[np.float32] | Mask) -> NDArray[np.float32]:
        """Means of samples (H, W) over each pixel of the canvas."""
        width, height = self.size
        cells = samples.reshape(height, samples.shape[0] // height, width, -1)
        return cells.mean(axis=(1, 3), dtype=np.float32)


class _Unrolled:
    """From pixels of a part of a photo to shares of a canvas, each on its own face."""

    def __init__(self, frame: PlaneFrame, placement: Placement) -> None:
        moved = np.array([[1, 0, placement.left], [0, 1, placement.top], [0, 0, 1]], np.float64)
        maps = [np.reshape(each, (3, 3)) @ moved for each in frame.maps]
        self._layouts = [Layout(each) for each in maps]
        borders = (
            each[0] - corner * each[2] for each, corner in zip(maps, frame.corners, strict=False)
        )
        self._borders = [border * np.sign(border[0]) for border in borders]

    def __call__(self, rows: Indexes, columns: Indexes) -> tuple[Light, Light, Light]:
        """Shares across and down, and the share of the width that one pixel covers, each (N,)."""
        x, y = columns + 0.5, rows + 0.5
        face = np.zeros(len(rows), np.intp)
        for a, b, c in self._borders:
            face += a * x + b * y + c > 0
        answers = np.zeros((3, len(rows)), np.float32)
        for index, layout in enumerate(self._layouts):
            own = np.flatnonzero(face == index)
            answers[:, own] = layout(rows[own], columns[own])
        return answers[0], answers[1], answers[2]


@dataclass(frozen=True)
class _Blocks:
    """A region by its blocks: places (N, 2) in the unit of its planes, and how near they are.

    `maps` take pixels of the photo to places, one for each face. `nearness` (N,) is 1 in the middle
    of each face; `density` (N,) is how much of the plane a pixel of the photo covers.
    """

    maps: list[Matrix]
    places: Numbers
    nearness: Numbers
    density: Numbers

    @classmethod
    def of(cls, region: Mask, faces: Sequence[Face]) -> Self:
        height, width = region.shape
        step = -(-max(region.shape) // _GRID)
        rows, columns = np.nonzero(
            np.asarray(Image.fromarray(region.view(np.uint8) * 255).reduce(step))
        )
        x, y = (
            np.minimum((at + 0.5) * step, most) for at, most in ((columns, width), (rows, height))
        )
        number = np.zeros(len(x), np.intp)
        for face in faces:
            if face.border is not None:
                a, b, c = face.border
                number += a * x / width + b * y / height + c > 0
        maps = [_map_of(face, width, height) for face in faces]
        at = np.einsum("nij,nj->ni", np.stack(maps)[number], np.stack([x, y, np.ones_like(x)], 1))
        depth = at[:, 2]
        nearness = np.zeros_like(depth)
        for index in range(len(maps)):
            own = number == index
            if own.any():
                nearness[own] = depth[own] / max(float(np.median(depth[own])), 1e-12)
        area = np.array([abs(np.linalg.det(each)) for each in maps])[number]
        safe = np.maximum(depth, 1e-12)
        return cls(maps, at[:, :2] / safe[:, None], nearness, area / safe**3)

    def extent(self) -> tuple[Numbers, Numbers]:
        """The least and the largest places across and down."""
        seen = self.places[self.nearness >= _FARTHEST]
        return seen.min(axis=0), seen.max(axis=0)

    def enlarged(self, sides: Numbers, size: Size) -> float:
        """How many times a canvas that shows so much of the plane is enlarged in the photo."""
        scale = _scale(sides, size)
        return float(np.quantile(1 / (scale * np.sqrt(self.density)), _USUAL))


def _map_of(face: Face, width: int, height: int) -> Matrix:
    """From pixels of a photo to places on the unrolled faces."""
    plane, (left, top) = face.plane, face.start
    right, bottom = left + plane.width, top + plane.height
    quad = [(x * width, y * height) for x, y in plane.corners]
    return homography(quad, [(left, top), (right, top), (right, bottom), (left, bottom)])


def _scale(sides: Numbers, size: Size) -> float:
    """Pixels of a canvas for a unit of the plane, where all of it is to be shown."""
    return min(size[0] / float(sides[0]), size[1] / float(sides[1]))


def _on_border(border: tuple[float, float, float], width: int, height: int) -> Numbers:
    """A pixel of the photo, homogeneous, on the line between two faces."""
    a, b, c = border
    return np.array([-(b / 2 + c) / a * width, height / 2, 1])


def _across(matrix: Matrix, pixel: Numbers) -> float:
    return float(matrix[0] @ pixel / (matrix[2] @ pixel))


def _scale_of(x: Numbers, y: Numbers, shape: tuple[int, ...]) -> float:
    """How many pixels of a photo (H, W) lie along the side of a canvas pixel at these places."""
    inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
    areas = np.abs(
        np.diff(x, axis=1)[1:] * np.diff(y, axis=0)[:, 1:]
        - np.diff(y, axis=1)[1:] * np.diff(x, axis=0)[:, 1:]
    )[inside[1:, 1:]]
    return float(np.sqrt(np.median(areas))) if areas.size else 1.0
