"""A simulated person who clicks into the middle of the largest mistake."""

import numpy as np
from scipy import ndimage

from gpu.segmenting.clicks import Click, ClickedPhoto
from gpu.segmenting.masks import intersection_over_union

_MOST_SIDE = 400  # pixels that mistakes are looked for on


def middle(mask):
    """Row and column that are farthest from everything outside, and how far."""
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    place = np.unravel_index(int(distance.argmax()), mask.shape)
    return place, float(distance.max())


def next_click(found, truth):
    """The click that a person who sees both masks (H, W) makes next."""
    step = max(1, max(truth.shape) // _MOST_SIDE)
    missing, extra = (
        (one & ~other)[::step, ::step] for one, other in ((truth, found), (found, truth))
    )
    (inside, depth), (outside, height) = middle(missing), middle(extra)
    row, column = inside if depth >= height else outside
    rows, columns = truth.shape
    return Click((column * step + 0.5) / columns, (row * step + 0.5) / rows, depth >= height)


def play(photo, truth, *, clicks):
    """Intersection over union with the truth after each click."""
    prepared, made, scores = ClickedPhoto(photo), [], []
    found = np.zeros_like(truth)
    for _ in range(clicks):
        made.append(next_click(found, truth))
        found = prepared.mask(made)
        scores.append(intersection_over_union(found, truth))
    return scores
