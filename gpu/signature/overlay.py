"""Lay a shown picture over a registered one and measure how much of the detail is shared.

Both are reduced to 144 samples on the registered picture's shorter side. The transform between them
is refined from coarse to fine by the inverse compositional Gauss-Newton method (Baker and Matthews,
Lucas-Kanade 20 Years On, 2004). What is compared is detail: the band of wavelengths of about two to
ten samples, divided by its local level, so that brightness, contrast and colour do not matter.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.signature.agreement import (
    LEAST_DETAIL,
    SIDE as FINE_SIDE,
    Agreement,
    fine_likeness,
    tile_correlations,
    worst_residual,
    worst_shift,
)
from gpu.signature.place import FRAME_UNITS, Matrix, Place, scaling, translation

SIDE = 144  # samples on the registered picture's shorter side
LEVELS = (24, 48, 96)  # the same while the transform is refined

_FINE_SIGMA, _COARSE_SIGMA, _LEVEL_SIGMA = 0.7, 3.0, 4.0  # samples
_LEVEL_FLOOR = 2.0  # grey levels; what is flatter has no detail
_ITERATIONS = 6
_TILE = 12  # samples
_COVERED = 0.3  # share of the detail that may be covered, by a caption for example
_LEAST_SAMPLES = 100  # of an overlap, to refine the transform
_LEAST_TILES = 3

Plane = NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class Overlay:
    """A shown picture laid over a registered one by `matrix`: its pixels to units.

    `likeness` is the correlation of their detail, 0 to 1; `moved` is the longest way of a corner in
    refining the place, in units.
    """

    likeness: float
    matrix: Matrix
    moved: float


class Registered:
    """A registered picture, prepared for comparisons."""

    def __init__(self, picture: Image.Image) -> None:
        self._picture = picture
        self._luma = _grey(picture)
        self._views = {side: _View.of(self._luma, side) for side in (*LEVELS, SIDE)}

    @property
    def has_detail(self) -> bool:
        """Whether the picture is not flat."""
        return float(np.mean(self._views[SIDE].detail ** 2)) >= LEAST_DETAIL

    def rough_likeness(self, shown: Image.Image, place: Place) -> float:
        """Correlation of coarse detail without a refined transform, -1 to 1."""
        view = self._views[LEVELS[0]]
        warped, cover = _warped(_grey(shown), view.detail.shape, view.to_samples @ place.matrix)
        return _correlation(view.detail, _detail(warped), cover)

    def overlay(self, shown: Image.Image, place: Place, *, max_shift: float) -> "Overlay":
        """Lay a picture over this one at `place`, at the best repetition of a watermark.

        The place is refined, but no corner is moved by more than `max_shift` units: pictures of
        one prompt have the same things in slightly different places.
        """
        grey = _grey(shown)
        start = max(
            self._repetitions(shown, place.matrix),
            key=lambda matrix: self._correlation_at(grey, matrix, LEVELS[1]),
            default=place.matrix,
        )
        best = start
        for side in LEVELS:
            best = _refined(self._views[side], grey, best)
        corners = np.array([(x, y, 1) for x in (0, shown.width) for y in (0, shown.height)]).T
        shift = float(np.abs((best - start)[:2] @ corners).max())
        view = self._views[SIDE]
        overlays = []
        for matrix, moved in ((start, 0.0), (best, shift)):
            if moved > max_shift:
                continue
            warped, cover = _warped(grey, view.detail.shape, view.to_samples @ matrix)
            likeness = max(0.0, _shared(view.detail, _detail(warped), cover))
            overlays.append(Overlay(likeness, matrix, moved))
        return max(overlays, key=lambda overlay: overlay.likeness)

    def agreement(self, shown: Image.Image, overlay: "Overlay") -> Agreement:
        """How far the pictures agree in every tile, in colour, place and fine detail."""
        size, to_samples = _sampling(self._picture.size, FINE_SIDE)
        colours = self._picture.convert("RGB").resize(size, Image.Resampling.BOX)
        registered = np.asarray(colours, np.float32)
        view = _View.of(self._luma, FINE_SIDE)
        to_samples = to_samples @ _refined(view, _grey(shown), overlay.matrix)
        channels = [
            _warped(channel.convert("F"), (size[1], size[0]), to_samples)
            for channel in shown.convert("RGB").split()
        ]
        laid = np.stack([plane for plane, _ in channels], -1)
        cover = channels[0][1]
        detail = _detail(laid @ _LUMA)
        return Agreement(
            shift=worst_shift(view.detail, detail, cover),
            residual=worst_residual(registered, laid, cover),
            moved=overlay.moved,
            fine_likeness=fine_likeness(view.detail, detail, cover),
        )

    def _repetitions(self, shown: Image.Image, matrix: Matrix) -> Iterator[Matrix]:
        """The transform at every repetition of the watermark that the picture overlaps."""
        width, height = self._luma.size
        unit = min(width, height) / FRAME_UNITS
        middle = matrix @ np.array([shown.width / 2, shown.height / 2, 1])
        for down in range(math.ceil(height / unit / FRAME_UNITS)):
            for across in range(math.ceil(width / unit / FRAME_UNITS)):
                shift = translation(
                    (across - middle[0] // FRAME_UNITS) * FRAME_UNITS,
                    (down - middle[1] // FRAME_UNITS) * FRAME_UNITS,
                )
                yield shift @ matrix

    def _correlation_at(self, grey: Image.Image, matrix: Matrix, side: int) -> float:
        view = self._views[side]
        warped, cover = _warped(grey, view.detail.shape, view.to_samples @ matrix)
        return _correlation(view.detail, _detail(warped), cover)


@dataclass(frozen=True, slots=True)
class _View:
    """The registered picture's detail at one size; `gradients` are by the six affine numbers."""

    detail: Plane
    gradients: Plane  # (6, rows, columns)
    to_samples: Matrix  # from units

    @classmethod
    def of(cls, luma: Image.Image, side: int) -> "_View":
        size, to_samples = _sampling(luma.size, side)
        detail = _detail(np.asarray(luma.resize(size, Image.Resampling.BOX), np.float32))
        down, across = np.gradient(detail)
        rows, columns = np.mgrid[: size[1], : size[0]].astype(np.float32)
        rows, columns = rows / side - 0.5, columns / side - 0.5
        gradients = np.stack(
            [across * columns, across * rows, across, down * columns, down * rows, down]
        )
        return cls(detail, gradients, to_samples)

    def step(self, detail: Plane, cover: NDArray[np.bool_]) -> Matrix | None:
        """Transform of units that brings `detail` nearer to the registered one's, or None."""
        if np.count_nonzero(cover) < _LEAST_SAMPLES:
            return None
        gradients = self.gradients[:, cover]
        error = np.clip(detail[cover] - self.detail[cover], -1, 1)
        normal = gradients @ gradients.T
        normal += np.eye(6) * (1e-3 * np.trace(normal) / 6 + 1e-6)
        change = np.linalg.solve(normal, gradients @ error)
        # In samples the step is x + change · (column / side - 1/2, row / side - 1/2, 1).
        side = min(self.detail.shape)
        forward = np.eye(3)
        for axis in range(2):
            a, b, c = change[3 * axis : 3 * axis + 3]
            forward[axis] += (a / side, b / side, c - a / 2 - b / 2)
        # `detail` ≈ registered(W(x)): the registered sample that a sample of `detail` shows.
        step: Matrix = np.linalg.inv(self.to_samples) @ forward @ self.to_samples
        return step


def _grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("F")


def _sampling(picture_size: tuple[int, int], side: int) -> tuple[tuple[int, int], Matrix]:
    """Size of a picture with `side` samples on the shorter side, and units to these samples."""
    shortest = min(picture_size)
    width, height = (round(each * side / shortest) for each in picture_size)
    unit = shortest / FRAME_UNITS
    to_samples = scaling(width * unit / picture_size[0], height * unit / picture_size[1])
    return (width, height), to_samples


def _warped(
    grey: Image.Image, shape: tuple[int, ...], to_samples: Matrix
) -> tuple[Plane, NDArray[np.bool_]]:
    """Draw `grey` in samples of a plane of `shape`, and where it covers them."""
    scale = math.sqrt(abs(np.linalg.det(to_samples[:2, :2])))
    if scale < 1:
        size = max(1, round(grey.width * scale)), max(1, round(grey.height * scale))
        to_samples = to_samples @ scaling(grey.width / size[0], grey.height / size[1])
        grey = grey.resize(size, Image.Resampling.BOX)
    rows, columns = shape
    back = np.linalg.inv(to_samples)[:2].ravel().tolist()
    warped = grey.transform((columns, rows), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    inside = Image.new("L", grey.size, 255).transform(
        (columns, rows), Image.Transform.AFFINE, back, Image.Resampling.NEAREST
    )
    cover = np.asarray(inside) > 0
    plane = np.asarray(warped, np.float32)
    if cover.any():
        plane = np.where(cover, plane, plane[cover].mean())
    return plane, cover


def _refined(view: _View, grey: Image.Image, matrix: Matrix) -> Matrix:
    best, best_value = matrix, -1.0
    for _ in range(_ITERATIONS):
        warped, cover = _warped(grey, view.detail.shape, view.to_samples @ matrix)
        detail = _detail(warped)
        value = _correlation(view.detail, detail, cover)
        if value <= best_value:
            break
        best, best_value = matrix, value
        step = view.step(detail, cover)
        if step is None:
            break
        matrix = step @ matrix
    return best


def _detail(luma: Plane) -> Plane:
    fine = ndimage.gaussian_filter(luma, _FINE_SIGMA)
    rough = fine - ndimage.gaussian_filter(luma, _COARSE_SIGMA)
    level = np.sqrt(ndimage.gaussian_filter(rough * rough, _LEVEL_SIGMA))
    detail: Plane = (rough / (level + _LEVEL_FLOOR)).astype(np.float32)
    return detail


def _correlation(first: Plane, second: Plane, cover: NDArray[np.bool_]) -> float:
    a, b = first[cover], second[cover]
    return float(a @ b / (math.sqrt(float(a @ a) * float(b @ b)) + 1e-3 * a.size + 1e-9))


def _shared(registered: Plane, shown: Plane, cover: NDArray[np.bool_]) -> float:
    """Correlation that all tiles but three tenths exceed, weighted by the registered detail.

    A low quantile, because pictures of one prompt have many tiles in common; not the lowest,
    because captions and stickers cover some.
    """
    correlation, own = tile_correlations(registered, shown, cover, _TILE)
    if correlation.size < _LEAST_TILES:
        return 0.0
    order = np.argsort(correlation)
    weights = np.cumsum(own[order]) / own.sum()
    return float(correlation[order][np.searchsorted(weights, _COVERED)])
