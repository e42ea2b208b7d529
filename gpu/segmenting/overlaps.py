"""From soft masks that a network scored to instances of which two do not claim one pixel.

A network asked for several concepts may give one pixel to two of them. The higher score keeps it,
and ties go to the concept that was named first, so that the answer is the same every time. The
exception is a part: a label that lies within a product would lose all its pixels, so both keep
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask
from gpu.segmenting.interface import Concept, Instance
from gpu.segmenting.masks import intersection_over_union

_IS_INSIDE = 0.5  # of the probability of a pixel
_SAME_THING = 0.6  # intersection over union of two masks of one concept
_PART = 0.9  # of a mask's area that lies within a larger one
_LEAST_KEPT = 0.1  # of a mask's area: with less left, it was the other's thing


@dataclass(frozen=True)
class Candidate:
    """A possible instance of a concept.

    `score` is 0–1; `probabilities` (h, w), each 0–1, cover the whole photo at any resolution.
    """

    score: float
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class _Claim:
    """A candidate's mask at the network's resolution, (h, w), and its concept's place."""

    concept: int
    score: float
    probabilities: NDArray[np.float32]
    mask: Mask

    @property
    def area(self) -> int:
        return int(self.mask.sum())


def resolve_overlaps(
    concepts: Sequence[Concept], candidates: Sequence[Sequence[Candidate]], size: tuple[int, int]
) -> list[Instance]:
    """Instances in a photo of `size` (width, height), by concept, the largest first.

    `candidates` are those of each concept. A concept of which there is one gets one instance: the
    union of its candidates, with the highest score. Of two candidates for the same thing, the
    higher score remains. Masks of different concepts share pixels only where one of them is part of
    the other.
    """
    claims = list[tuple[_Claim, NDArray[np.uint8]]]()
    found: list[list[tuple[Mask, float]]] = [[] for _ in concepts]
    for claim in _distinct(_ranked(concepts, candidates)):
        whole = _enlarged(claim.probabilities, size)
        mask = whole.copy()
        near = ndimage.maximum_filter(claim.mask.view(np.uint8), 3).view(np.bool_)
        for rival, packed in claims:
            if (rival.mask & near).any() and not _is_part(claim, rival):
                mask &= ~_unpacked(packed, mask.shape)
        if mask.sum() <= _LEAST_KEPT * whole.sum():
            continue
        claims.append((claim, np.packbits(mask)))
        found[claim.concept].append((mask, claim.score))
    instances = []
    for concept, masks in zip(concepts, found, strict=True):
        # the sort is stable: of equal areas, the higher score comes first
        by_area = sorted(masks, key=lambda one: -int(one[0].sum()))
        instances += [
            Instance.of(concept.name, number, mask, score)
            for number, (mask, score) in enumerate(by_area, 1)
        ]
    return instances


def _ranked(concepts: Sequence[Concept], candidates: Sequence[Sequence[Candidate]]) -> list[_Claim]:
    """All candidates, those of a single thing united, from the highest score to the lowest."""
    claims = []
    for place, (concept, own) in enumerate(zip(concepts, candidates, strict=True)):
        united = own if concept.is_many else _united(own)
        for one in united:
            mask = one.probabilities > _IS_INSIDE
            claims.append(_Claim(place, one.score, one.probabilities, mask))
    return sorted(claims, key=lambda claim: -claim.score)


def _united(candidates: Sequence[Candidate]) -> list[Candidate]:
    if not candidates:
        return []
    together = np.maximum.reduce([one.probabilities for one in candidates])
    return [Candidate(max(one.score for one in candidates), together)]


def _distinct(ranked: Sequence[_Claim]) -> list[_Claim]:
    """Without the lower of two claims of one concept on the same thing, and without empty ones."""
    kept = list[_Claim]()
    for claim in ranked:
        if claim.mask.any() and not any(
            other.concept == claim.concept
            and intersection_over_union(other.mask, claim.mask) >= _SAME_THING
            for other in kept
        ):
            kept.append(claim)
    return kept


def _is_part(first: _Claim, second: _Claim) -> bool:
    """Whether one of two claims of different concepts lies within the other."""
    if first.concept == second.concept:
        return False
    smaller, larger = sorted((first.area, second.area))
    common = int((first.mask & second.mask).sum())
    return common >= _PART * smaller and smaller <= _PART * larger


def _enlarged(probabilities: NDArray[np.float32], size: tuple[int, int]) -> Mask:
    """The mask (H, W) in the photo's size, the probabilities read between their pixels."""
    soft = Image.fromarray(probabilities).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(soft) > _IS_INSIDE


def _unpacked(packed: NDArray[np.uint8], shape: tuple[int, ...]) -> Mask:
    count = int(np.prod(shape))
    return np.unpackbits(packed, count=count).view(np.bool_).reshape(shape)
