"""Text without a model: strokes of one width that stand in lines.

Strokes are what a closing (dark ink) or an opening (light ink) of the grey picture removes. Pieces
of stroke of about one height that stand side by side are a line of text.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from gpu.rules.colour import Mask

_WIDEST = 0.06  # of the product's width: the widest stroke
_LEAST_CONTRAST = 22.0  # levels between ink and paper
_HALF = 0.5  # of the contrast: where a stroke ends
_LEAST_HEIGHT = 4  # pixels
_MOST_HEIGHT = 0.3  # of the product's height
_MOST_PIECES = 800
_LIKE = 2.6  # how much higher one letter may be than its neighbour
_GAP = 1.6  # of a letter's height, to the next letter
_LEAST_LETTERS = 3
_LEAST_STRETCH = 1.6  # a line's width over its letters' height
_MOSTLY = 0.6  # of a line's surroundings: paper


@dataclass(frozen=True)
class Lettering:
    """Text in a picture: its strokes (H, W), how many pieces they are, and whether ink is dark."""

    strokes: Mask
    pieces: int
    is_dark: bool


def lettering(grey: NDArray[np.float32], product: Mask) -> Lettering:
    """The text on a product, in a picture of levels (H, W) that shows little beside it."""
    height, width = _extent(product)
    size = max(5, round(_WIDEST * width)) | 1
    inner = ndimage.minimum_filter(product.view(np.uint8), max(3, size // 2) | 1).view(np.bool_)
    found = [
        _lines(levels, *_strokes(levels, size), inner, height) for levels in (grey, 255 - grey)
    ]
    dark, light = (mask for mask in found)
    chosen = dark if dark[1] >= light[1] else light
    return Lettering(chosen[0], chosen[1], chosen is dark)


def _extent(mask: Mask) -> tuple[int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def _strokes(grey: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], Mask]:
    """The paper's level, and strokes narrower than `size` pixels: darker than half way to it."""
    paper = ndimage.minimum_filter(ndimage.maximum_filter(grey, size), size)
    depth = paper - grey
    deepest = ndimage.maximum_filter(depth, size)
    strokes: Mask = (depth > _HALF * deepest) & (deepest > _LEAST_CONTRAST)
    return paper, strokes


def _lines(
    grey: NDArray[np.float32], paper: NDArray[np.float32], ink: Mask, inner: Mask, height: int
) -> tuple[Mask, int]:
    """The pieces of dark ink that stand in lines, and how many they are."""
    pieces, count = ndimage.label(ink, np.ones((3, 3)))
    whole = np.bincount(pieces[~inner], minlength=count + 1) == 0
    boxes = np.array(
        [[s.start, s.stop, t.start, t.stop] for s, t in ndimage.find_objects(pieces)], np.intp
    ).reshape(-1, 4)
    tall = boxes[:, 1] - boxes[:, 0]
    usable = whole[1:] & (tall >= _LEAST_HEIGHT) & (tall <= _MOST_HEIGHT * height)
    chosen = np.flatnonzero(usable)
    chosen = chosen[np.argsort(-tall[chosen], kind="stable")][:_MOST_PIECES]
    if len(chosen) < _LEAST_LETTERS:
        return np.zeros_like(ink), 0
    line = _neighbours(boxes[chosen].astype(np.float64))
    kept = list[int]()
    for number in range(int(line.max()) + 1):
        members = chosen[line == number]
        if len(members) >= _LEAST_LETTERS and _is_line(grey, paper, ink, boxes[members]):
            kept += list(members + 1)
    return np.isin(pieces, kept), len(kept)


def _neighbours(boxes: NDArray[np.float64]) -> NDArray[np.int32]:
    """The line (N,) of each box: neighbours of about one height, side by side, share a line."""
    top, bottom, left, right = boxes.T
    tall = bottom - top
    overlap = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    smaller, larger = np.minimum(tall[:, None], tall), np.maximum(tall[:, None], tall)
    beside = (overlap > 0.5 * smaller) & (gap < _GAP * larger) & (larger < _LIKE * smaller)
    line: NDArray[np.int32] = connected_components(sparse.csr_matrix(beside), directed=False)[1]
    return line


def _is_line(
    grey: NDArray[np.float32], paper: NDArray[np.float32], ink: Mask, boxes: NDArray[np.intp]
) -> bool:
    """Whether boxes form a wide line whose surroundings have the paper's level, not the ink's.

    The paper between dark letters looks like light strokes, but goes on around them.
    """
    (top, _, left, _), (_, bottom, _, right) = boxes.min(axis=0), boxes.max(axis=0)
    if right - left < _LEAST_STRETCH * (boxes[:, 1] - boxes[:, 0]).max():
        return False
    margin = max(3, (bottom - top) // 2)
    around = np.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    ring = np.ones(grey[around].shape, np.bool_)
    ring[margin:-margin, margin:-margin] = False
    inked = ink[around]
    half = (grey[around][inked].mean() + paper[around][inked].mean()) / 2
    return bool((grey[around][ring] > half).mean() > _MOSTLY)
