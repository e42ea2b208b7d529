"""Clicks of a simulated person, and the accuracy of the masks."""

import numpy as np

from gpu.segmenting.clicks import ClickedPhoto
from gpu.segmenting.masks import intersection_over_union
from gpu.segmenting.scenes.person import next_click


def play(photo, truth, *, clicks):
    """Intersection over union with the truth after each click."""
    prepared, clicks_so_far, scores = ClickedPhoto(photo), [], []
    mask = np.zeros_like(truth)
    for _ in range(clicks):
        clicks_so_far.append(next_click(mask, truth))
        mask = prepared.mask(clicks_so_far)
        scores.append(intersection_over_union(mask, truth))
    return scores
