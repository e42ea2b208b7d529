"""Convert scored soft masks of a network to instances that do not overlap.

A network may assign one pixel to several concepts. The mask with the highest score gets the pixel;
of equal scores, the first concept, so that the result is deterministic. A part is an exception: a
label inside a product would lose all its pixels, so both get them.
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
_MIN_REMAINDER = 0.1  # of a mask's area: with less, it is the same object as another mask


@dataclass(frozen=True)
class Candidate:
    """A possible instance of a concept.

    `score` is 0–1; `probabilities` (h, w), each 0–1, cover the whole photo at any resolution.
    """

    score: float
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class _Scored:
    """A candidate's mask at the network's resolution, (h, w), and the index of its concept."""

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

    `candidates` are those of each concept. A concept without `is_many` gets one instance: the union
    of its candidates, with the highest score. Of two candidates for the same object, the one with
    the higher score remains. Masks of different concepts overlap only if one is part of the other.
    """
    resolved = list[tuple[_Scored, NDArray[np.uint8]]]()
    masks_of: list[list[tuple[Mask, float]]] = [[] for _ in concepts]
    for candidate in _distinct(_ranked(concepts, candidates)):
        full_mask = _enlarged(candidate.probabilities, size)
        mask = full_mask.copy()
        neighbourhood = ndimage.maximum_filter(candidate.mask.view(np.uint8), 3).view(np.bool_)
        for other, packed in resolved:
            if (other.mask & neighbourhood).any() and not _is_part(candidate, other):
                mask &= ~_unpacked(packed, mask.shape)
        if mask.sum() <= _MIN_REMAINDER * full_mask.sum():
            continue
        resolved.append((candidate, np.packbits(mask)))
        masks_of[candidate.concept].append((mask, candidate.score))
    instances = []
    for concept, masks in zip(concepts, masks_of, strict=True):
        # the sort is stable: of equal areas, the higher score comes first
        by_area = sorted(masks, key=lambda scored_mask: -int(scored_mask[0].sum()))
        instances += [
            Instance.of(concept.name, number, mask, score)
            for number, (mask, score) in enumerate(by_area, 1)
        ]
    return instances


def _ranked(
    concepts: Sequence[Concept], candidates: Sequence[Sequence[Candidate]]
) -> list[_Scored]:
    """All candidates by descending score; those of a concept without `is_many` are united."""
    scored = []
    for index, (concept, candidates_of) in enumerate(zip(concepts, candidates, strict=True)):
        united = candidates_of if concept.is_many else _united(candidates_of)
        for candidate in united:
            mask = candidate.probabilities > _IS_INSIDE
            scored.append(_Scored(index, candidate.score, candidate.probabilities, mask))
    return sorted(scored, key=lambda candidate: -candidate.score)


def _united(candidates: Sequence[Candidate]) -> list[Candidate]:
    if not candidates:
        return []
    probabilities = np.maximum.reduce([candidate.probabilities for candidate in candidates])
    return [Candidate(max(candidate.score for candidate in candidates), probabilities)]


def _distinct(ranked: Sequence[_Scored]) -> list[_Scored]:
    """Remove empty candidates and, of two for the same object, the one with the lower score."""
    distinct = list[_Scored]()
    for candidate in ranked:
        if candidate.mask.any() and not any(
            other.concept == candidate.concept
            and intersection_over_union(other.mask, candidate.mask) >= _SAME_THING
            for other in distinct
        ):
            distinct.append(candidate)
    return distinct


def _is_part(first: _Scored, second: _Scored) -> bool:
    """Whether one of two candidates of different concepts is inside the other."""
    if first.concept == second.concept:
        return False
    smaller, larger = sorted((first.area, second.area))
    common = int((first.mask & second.mask).sum())
    return common >= _PART * smaller and smaller <= _PART * larger


def _enlarged(probabilities: NDArray[np.float32], size: tuple[int, int]) -> Mask:
    """The mask (H, W) in the photo's size, from interpolated probabilities."""
    soft = Image.fromarray(probabilities).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(soft) > _IS_INSIDE


def _unpacked(packed: NDArray[np.uint8], shape: tuple[int, ...]) -> Mask:
    count = int(np.prod(shape))
    return np.unpackbits(packed, count=count).view(np.bool_).reshape(shape)
