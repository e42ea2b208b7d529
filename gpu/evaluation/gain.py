"""What a training gained, from few pictures: its samples beside the base's and the works.

Palette and texture are the two halves of the style meter's features, apart, because one can be
learned without the other; edges say what neither notices, that the pictures are blurred.
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
    """What was learned of a style.

    `palette` and `texture` are shares of the way from the base model's pictures to the works: 0 is
    as the base, 1 as the works, below 0 farther than the base. `edges` is the energy of fine edges
    as a share of the works': 1 is equal.
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
    """Compare pictures of any size.

    `plain` and `trained` are the base model's and the trained style's pictures of the same prompts
    and seeds. Raises `LowQualityData` for fewer than two works, and for works without any edges.
    """
    if len(works) < MIN_WORKS:
        raise LowQualityData(f"at least {MIN_WORKS} works are needed, got {len(works)}")
    fitted = [[_fit(picture, base) for picture in pictures] for pictures in (works, plain, trained)]
    works_seen, plain_seen, trained_seen = (
        style_features(through_codec(base, pictures)) for pictures in fitted
    )
    colour, texture = slice(0, COLOUR_FEATURES), slice(COLOUR_FEATURES, None)
    return Gain(
        palette=_way(works_seen[:, colour], plain_seen[:, colour], trained_seen[:, colour]),
        texture=_way(works_seen[:, texture], plain_seen[:, texture], trained_seen[:, texture]),
        edges=edges_share(fitted[2], works=fitted[0]),
    )


def _way(works: torch.Tensor, plain: torch.Tensor, trained: torch.Tensor) -> float:
    """The share of the way that `trained` went; features [N, F].

    The end of the way is where as few other works of the artist would be. Where the base is there
    already, 1 means that nothing was lost.
    """
    meter = StyleMeter.of(works, plain)
    start, reached = meter.distance(plain), meter.distance(trained)
    end = min(_distance_of_works(works, plain, len(trained)), start)
    whole = start - end
    if whole < 0.1 * start:  # the style is the base's own
        return 1.0 - max(0.0, reached - start) / start
    return (start - reached) / whole


def _distance_of_works(works: torch.Tensor, plain: torch.Tensor, count: int) -> float:
    """How far `count` works are, on average, from the rest of them."""
    count = min(count, len(works) // 2)
    distances = []
    for split in range(_SPLITS):
        order = named_permutation(len(works), "split of works", split)
        rest = StyleMeter.of(works[order[count:]], plain)
        distances.append(rest.distance(works[order[:count]]))
    return mean(distances)


def _fit(picture: Image.Image, base: BaseModel) -> Image.Image:
    """As the trainer would crop it, so that the codec can take it."""
    buckets = aspect_buckets(base.native_side, base.size_multiple)
    return fit_to_bucket(picture, nearest_bucket(picture, buckets))
