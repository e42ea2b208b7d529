"""Detect text without a model: thin strokes in lines.

Strokes are the structures that a morphological closing (dark ink) or opening (light ink) of the
grey picture removes. Adjacent components of about the same height form a line of text.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from gpu.rules.colour import Mask

_MAX_STROKE = 0.06  # of the product's width: the widest stroke
_MIN_CONTRAST = 22.0  # levels between ink and paper, at least
_HALF = 0.5  # of the contrast: threshold at the edge of a stroke
_MIN_HEIGHT = 4  # pixels
_MAX_HEIGHT = 0.3  # of the product's height
_MAX_PIECES = 800
_MAX_HEIGHT_RATIO = 2.6  # of the heights of adjacent letters
_MAX_GAP = 1.6  # of a letter's height, to the next letter
_MIN_LETTERS = 3
_MIN_ASPECT_RATIO = 1.6  # a line's width over its letters' height
_MIN_PAPER_SHARE = 0.6  # of the surroundings of a line


@dataclass(frozen=True)
class Lettering:
    """Text in a picture: mask of strokes (H, W), number of components, and whether ink is dark."""

    strokes: Mask
    pieces: int
    is_dark: bool


def lettering(grey: NDArray[np.float32], product: Mask) -> Lettering:
    """The text on a product, in a picture of levels (H, W) cropped to it."""
    height, width = _extent(product)
    size = max(5, round(_MAX_STROKE * width)) | 1
    inner = ndimage.minimum_filter(product.view(np.uint8), max(3, size // 2) | 1).view(np.bool_)
    candidates = [
        _lines(levels, *_strokes(levels, size), inner, height) for levels in (grey, 255 - grey)
    ]
    dark, light = (mask for mask in candidates)
    chosen = dark if dark[1] >= light[1] else light
    return Lettering(chosen[0], chosen[1], chosen is dark)


def _extent(mask: Mask) -> tuple[int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def _strokes(grey: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], Mask]:
    """The paper's level, and strokes narrower than `size` pixels, at half of the contrast."""
    paper = ndimage.minimum_filter(ndimage.maximum_filter(grey, size), size)
    depth = paper - grey
    deepest = ndimage.maximum_filter(depth, size)
    strokes: Mask = (depth > _HALF * deepest) & (deepest > _MIN_CONTRAST)
    return paper, strokes


def _lines(
    grey: NDArray[np.float32], paper: NDArray[np.float32], ink: Mask, inner: Mask, height: int
) -> tuple[Mask, int]:
    """The components of dark ink that form lines, and their number."""
    pieces, count = ndimage.label(ink, np.ones((3, 3)))
    is_inside = np.bincount(pieces[~inner], minlength=count + 1) == 0
    boxes = np.array(
        [[s.start, s.stop, t.start, t.stop] for s, t in ndimage.find_objects(pieces)], np.intp
    ).reshape(-1, 4)
    tall = boxes[:, 1] - boxes[:, 0]
    usable = is_inside[1:] & (tall >= _MIN_HEIGHT) & (tall <= _MAX_HEIGHT * height)
    chosen = np.flatnonzero(usable)
    chosen = chosen[np.argsort(-tall[chosen], kind="stable")][:_MAX_PIECES]
    if len(chosen) < _MIN_LETTERS:
        return np.zeros_like(ink), 0
    line = _neighbours(boxes[chosen].astype(np.float64))
    letters = list[int]()
    for number in range(int(line.max()) + 1):
        members = chosen[line == number]
        if len(members) >= _MIN_LETTERS and _is_line(grey, paper, ink, boxes[members]):
            letters += list(members + 1)
    return np.isin(pieces, letters), len(letters)


def _neighbours(boxes: NDArray[np.float64]) -> NDArray[np.int32]:
    """The line (N,) of each box: adjacent boxes of about the same height are in one line."""
    top, bottom, left, right = boxes.T
    tall = bottom - top
    overlap = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    smaller, larger = np.minimum(tall[:, None], tall), np.maximum(tall[:, None], tall)
    beside = (
        (overlap > 0.5 * smaller)
        & (gap < _MAX_GAP * larger)
        & (larger < _MAX_HEIGHT_RATIO * smaller)
    )
    line: NDArray[np.int32] = connected_components(sparse.csr_matrix(beside), directed=False)[1]
    return line


def _is_line(
    grey: NDArray[np.float32], paper: NDArray[np.float32], ink: Mask, boxes: NDArray[np.intp]
) -> bool:
    """Whether boxes form a wide line whose surroundings have the paper's level, not the ink's.

    The paper between dark letters looks like light strokes, but continues around them.
    """
    (top, _, left, _), (_, bottom, _, right) = boxes.min(axis=0), boxes.max(axis=0)
    if right - left < _MIN_ASPECT_RATIO * (boxes[:, 1] - boxes[:, 0]).max():
        return False
    margin = max(3, (bottom - top) // 2)
    around = np.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    ring = np.ones(grey[around].shape, np.bool_)
    ring[margin:-margin, margin:-margin] = False
    inked = ink[around]
    half = (grey[around][inked].mean() + paper[around][inked].mean()) / 2
    return bool((grey[around][ring] > half).mean() > _MIN_PAPER_SHARE)
