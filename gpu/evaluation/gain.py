"""Measure what a training learned from a few samples, the base model's pictures and the works.

Palette and texture are the two groups of the style meter's features. They are measured separately,
because one can be learned without the other. Edges are measured because neither detects a blur.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import torch
from PIL import Image

from gpu.base_models.model import BaseModel
from gpu.errors import LowQualityData
from gpu.evaluation.edges import edges_share
from gpu.evaluation.meter import COLOUR_FEATURES, StyleMeter, style_features, through_codec
from gpu.randomness import named_permutation
from imaging.framing import aspect_buckets, fit_to_bucket, nearest_bucket

MIN_WORKS = 2
_SPLITS = 8


@dataclass(frozen=True)
class Gain:
    """How much of a style was learned.

    `palette` and `texture` are shares of the distance between the base model's pictures and the
    works that training removed: 0 is the base model, 1 is as near as other works are, below 0 is
    farther than the base model. `edges` is the energy of fine edges divided by that of the works.
    """

    palette: float
    texture: float
    edges: float


def measure_gain(
    base: BaseModel,
    *,
    works: Sequence[Image.Image],
    plain: Sequence[Image.Image],
    trained: Sequence[Image.Image],
) -> Gain:
    """Measure the gain on pictures of any size.

    `plain` and `trained` are the base model's and the trained style's pictures of the same prompts
    and seeds.

    Raises `LowQualityData` for fewer than two works, and for works without edges.
    """
    if len(works) < MIN_WORKS:
        raise LowQualityData(f"at least {MIN_WORKS} works are needed, got {len(works)}")
    fitted = [[_fit(picture, base) for picture in pictures] for pictures in (works, plain, trained)]
    works_features, plain_features, trained_features = (
        style_features(through_codec(base, pictures)) for pictures in fitted
    )
    colour, texture = slice(0, COLOUR_FEATURES), slice(COLOUR_FEATURES, None)
    return Gain(
        palette=_progress(
            works_features[:, colour], plain_features[:, colour], trained_features[:, colour]
        ),
        texture=_progress(
            works_features[:, texture], plain_features[:, texture], trained_features[:, texture]
        ),
        edges=edges_share(fitted[2], works=fitted[0]),
    )


def _progress(works: torch.Tensor, plain: torch.Tensor, trained: torch.Tensor) -> float:
    """The share of the distance to the works that training removed; features [N, F].

    It is 1 at the distance of as many other works of the artist. If the base model is already that
    near, 1 means that training did not increase the distance.
    """
    meter = StyleMeter.of(works, plain)
    base_distance, trained_distance = meter.distance(plain), meter.distance(trained)
    works_distance = min(_distance_of_works(works, plain, len(trained)), base_distance)
    span = base_distance - works_distance
    if span < 0.1 * base_distance:  # the style is the base's own
        return 1.0 - max(0.0, trained_distance - base_distance) / base_distance
    return (base_distance - trained_distance) / span


def _distance_of_works(works: torch.Tensor, plain: torch.Tensor, count: int) -> float:
    """The mean distance of `count` works from the other ones, over random splits."""
    count = min(count, len(works) // 2)
    distances = []
    for split in range(_SPLITS):
        order = named_permutation(len(works), "split of works", split)
        rest = StyleMeter.of(works[order[count:]], plain)
        distances.append(rest.distance(works[order[:count]]))
    return mean(distances)


def _fit(picture: Image.Image, base: BaseModel) -> Image.Image:
    """Crop a picture as in training, to a size that the codec accepts."""
    buckets = aspect_buckets(base.native_side, base.size_multiple)
    return fit_to_bucket(picture, nearest_bucket(picture, buckets))
