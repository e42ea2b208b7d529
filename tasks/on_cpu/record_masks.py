"""Record masks: check the masks of a segmenter and match them with known instances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from celery_config import TaskName
from gpu.rules.colour import Mask
from gpu.segmenting.masks import EncodedMask, InvalidMask, bounding_box
from tasks.on_cpu import pictures
from tasks.on_cpu.attempt import AttemptFailed, attempt, claim
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.services import sets_segmentations
from webapp.domain.services.sets_masks import FoundMask
from webapp.domain.services.sets_segmentations import (
    CheckedMask,
    KnownInstance,
    ReportedMasks,
)

SAME_INSTANCE = 0.5  # intersection over union from which two masks show one instance


@task(TaskName.RECORD_MASKS)
def record_masks(*, job_id: int) -> None:
    """Read the masks of a run, record them as instances, and queue the next job of the photo."""
    lease = claim(job_id, TaskName.RECORD_MASKS)
    with attempt(lease):
        with unit_of_work() as session:
            reported = sets_segmentations.reported_masks(session, lease)
        masks = _checked(reported)
        with unit_of_work() as session:
            sets_segmentations.record(session, lease, masks)


def _checked(reported: ReportedMasks) -> list[CheckedMask]:
    """Return the non-empty masks, the largest of a concept first.

    A known instance is matched by one mask only, the first that overlaps it enough.
    """
    checked: list[CheckedMask] = []
    for concept in dict.fromkeys(mask.concept for mask in reported.masks):
        reported_shapes = [
            (FoundMask(mask.mask_key, shape.box, shape.area, mask.score), shape)
            for mask in reported.masks
            if mask.concept == concept and (shape := _shape(mask.mask_key, reported)).area
        ]
        known = [
            (each, _shape(each.mask_key, reported))
            for each in reported.instances
            if each.concept == concept
        ]
        for mask, shape in sorted(
            reported_shapes, key=lambda each: (-each[0].area, each[0].mask_key)
        ):
            same = next((each for each in known if _is_same(mask, shape, *each)), None)
            if same is not None:
                known.remove(same)
            checked.append(CheckedMask(concept, mask, same[0].instance_id if same else None))
    return checked


def _is_same(mask: FoundMask, shape: "_Shape", known: KnownInstance, its: "_Shape") -> bool:
    return mask.mask_key == known.mask_key or shape.agreement(its) >= SAME_INSTANCE


@dataclass(frozen=True, eq=False)
class _Shape:
    """A mask cropped to its box, one bit per pixel: hundreds of a large photo fit into memory.

    `box` is left, top, width and height; `bits` are its rows.
    """

    box: tuple[int, int, int, int]
    area: int
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, mask: Mask) -> "_Shape":
        left, top, width, height = box = bounding_box(mask)
        inside = mask[top : top + height, left : left + width]
        return cls(box, int(mask.sum()), np.packbits(inside, axis=1))

    def agreement(self, other: "_Shape") -> float:
        """Return intersection over union, 0–1; neither may be empty."""
        # The IoU of two masks is at most the ratio of their areas.
        most = min(self.area, other.area) / max(self.area, other.area, 1)
        if most < SAME_INSTANCE:
            return most
        overlaps = [
            (max(one, two), min(one + size, two + its_size))
            for one, two, size, its_size in zip(
                self.box[:2], other.box[:2], self.box[2:], other.box[2:], strict=True
            )
        ]
        if any(start >= stop for start, stop in overlaps):
            return 0.0
        both = int((self._within(*overlaps) & other._within(*overlaps)).sum())  # noqa: SLF001 - a twin
        return both / (self.area + other.area - both)

    def _within(self, columns: tuple[int, int], rows: tuple[int, int]) -> Mask:
        left, top, width, _ = self.box
        crop = self.bits[rows[0] - top : rows[1] - top]
        whole = np.unpackbits(crop, axis=1, count=width).view(np.bool_)
        return whole[:, columns[0] - left : columns[1] - left]


def _shape(key: str, reported: ReportedMasks) -> _Shape:
    """Read a mask. Raises AttemptFailed NETWORK if it is missing or not of the photo's size."""
    try:
        return _Shape.of(EncodedMask(pictures.read(key), reported.width, reported.height).decode())
    except InvalidMask as error:
        raise AttemptFailed("NETWORK", f"{key}: {error}") from error
