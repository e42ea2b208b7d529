"""The clicks of a simulated person, and how well they do."""

import numpy as np

from gpu.segmenting.clicks import ClickedPhoto
from gpu.segmenting.masks import intersection_over_union
from gpu.segmenting.scenes.person import next_click


def play(photo, truth, *, clicks):
    """Intersection over union with the truth after each click."""
    prepared, made, scores = ClickedPhoto(photo), [], []
    found = np.zeros_like(truth)
    for _ in range(clicks):
        made.append(next_click(found, truth))
        found = prepared.mask(made)
        scores.append(intersection_over_union(found, truth))
    return scores
