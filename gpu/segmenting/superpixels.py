"""Superpixels: small patches of similar colour whose borders follow the photo's edges.

SLIC (Achanta et al. 2012): k-means of position and colour, in which a pixel can be assigned to the
nine centres around its initial cell only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Levels, to_linear, to_oklab

Labels = NDArray[np.int32]

_COMPACTNESS = 2.0  # distance in OKLab times 100 that equals one spacing of position
_ROUNDS = 4


@dataclass(frozen=True)
class Superpixels:
    """A picture (H, W) segmented into `count` patches.

    `labels` (H, W) are the patches of pixels, from 0. `lab` (H, W, 3) are colours in OKLab times
    100. `colours` (count, 3) and `areas` (count,) are of patches. `pairs` (E, 2) are adjacent
    patches, `borders` (E,) the lengths of their borders in pixels, and `steps` (E,) the mean colour
    differences across them.
    """

    labels: Labels
    lab: NDArray[np.float32]
    colours: NDArray[np.float64]
    areas: NDArray[np.float64]
    pairs: NDArray[np.intp]
    borders: NDArray[np.float64]
    steps: NDArray[np.float64]

    @property
    def count(self) -> int:
        """The number of patches."""
        return len(self.areas)


def cut_into_superpixels(levels: Levels, spacing: int) -> Superpixels:
    """Segment sRGB levels (H, W, 3) into patches of about spacing² pixels."""
    lab = to_oklab(to_linear(levels)) * np.float32(100)
    smooth = ndimage.gaussian_filter(lab, (0.7, 0.7, 0))
    labels = _clustered(smooth, spacing)
    areas = np.bincount(labels.ravel()).astype(np.float64)
    colours = np.stack([_mean(labels, lab[..., axis], areas) for axis in range(3)], axis=1)
    return Superpixels(labels, lab, colours, areas, *_neighbours(labels, smooth, len(areas)))


def _clustered(lab: NDArray[np.float32], spacing: int) -> Labels:
    """The patch of each pixel, numbered without gaps."""
    height, width = lab.shape[:2]
    grid = -(-height // spacing), -(-width // spacing)
    count = grid[0] * grid[1]

    def of_cells(values: NDArray[Any]) -> NDArray[Any]:
        """The value of each pixel (H, W), given those of the cells of the grid."""
        return values.repeat(spacing, 0)[:height].repeat(spacing, 1)[:, :width]

    weight = np.float32(_COMPACTNESS / spacing)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) * weight
    # axis by axis: sums over a short last axis take most of the time otherwise
    features = [*np.ascontiguousarray(np.moveaxis(lab, -1, 0)), rows, columns]
    cells = np.arange(count).reshape(grid)
    around = np.pad(cells, 1, "edge")
    labels = of_cells(cells)
    for _ in range(_ROUNDS):
        flat = labels.ravel()
        sizes = np.maximum(np.bincount(flat, minlength=count), 1)
        centres = [
            (np.bincount(flat, plane.ravel(), count) / sizes).astype(np.float32)
            for plane in features
        ]
        nearest = np.full((height, width), np.inf, np.float32)
        for down, across in np.ndindex(3, 3):
            candidates = around[down : down + grid[0], across : across + grid[1]]
            distance = np.zeros((height, width), np.float32)
            for plane, centre in zip(features, centres, strict=True):
                distance += (plane - of_cells(centre[candidates])) ** 2
            closer = distance < nearest
            np.copyto(nearest, distance, where=closer)
            np.copyto(labels, of_cells(candidates), where=closer)
    _, numbered = np.unique(labels, return_inverse=True)
    return numbered.reshape(labels.shape).astype(np.int32)


def _mean(
    labels: Labels, plane: NDArray[np.float32], areas: NDArray[np.float64]
) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.bincount(labels.ravel(), plane.ravel()) / areas
    return mean


def _neighbours(
    labels: Labels, lab: NDArray[np.float32], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Pairs of adjacent patches, lengths of their borders, and colour differences across."""
    keys, steps = [], []
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        one, other = labels[first], labels[second]
        differs = one != other
        low, high = np.minimum(one, other)[differs], np.maximum(one, other)[differs]
        keys.append(low.astype(np.int64) * count + high)
        steps.append(np.linalg.norm(lab[first][differs] - lab[second][differs], axis=-1))
    unique, which, length = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    pairs = np.stack([unique // count, unique % count], axis=1)
    step = np.bincount(which, np.concatenate(steps)) / length
    return pairs, length.astype(np.float64), step
