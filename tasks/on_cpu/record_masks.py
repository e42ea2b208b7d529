"""Record masks: look at what a segmenter found, and tell which of it was there before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from celery_config import TaskName
from gpu.rules.colour import Mask
from gpu.segmenting.masks import EncodedMask, InvalidMask, bounding_box
from tasks.on_cpu import pictures
from tasks.on_cpu.step import StepError, begin, verdict
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.services import sets_segmentations
from webapp.domain.services.sets_masks import FoundMask
from webapp.domain.services.sets_segmentations import (
    CheckedMask,
    KnownInstance,
    ReportedMasks,
)

SAME_THING = 0.5  # of intersection over union, from which two masks show one thing


@task(TaskName.RECORD_MASKS)
def record_masks(*, job_id: int) -> None:
    """Read the masks of a run, make them instances of its photo, and let the photo go on."""
    lease = begin(job_id, TaskName.RECORD_MASKS)
    if lease is None:
        return
    with verdict(lease):
        with unit_of_work() as session:
            reported = sets_segmentations.reported_masks(session, lease)
        masks = _checked(reported)
        with unit_of_work() as session:
            sets_segmentations.record(session, lease, masks)


def _checked(reported: ReportedMasks) -> list[CheckedMask]:
    """Return the masks that show something, the largest of a concept first.

    An instance is found again by one mask only, the first that shows it.
    """
    checked: list[CheckedMask] = []
    for concept in dict.fromkeys(mask.concept for mask in reported.masks):
        found = [
            (FoundMask(mask.mask_key, shape.box, shape.area, mask.score), shape)
            for mask in reported.masks
            if mask.concept == concept and (shape := _shape(mask.mask_key, reported)).area
        ]
        known = [
            (each, _shape(each.mask_key, reported))
            for each in reported.known
            if each.concept == concept
        ]
        for mask, shape in sorted(found, key=lambda each: (-each[0].area, each[0].mask_key)):
            same = next((each for each in known if _is_same(mask, shape, *each)), None)
            if same is not None:
                known.remove(same)
            checked.append(CheckedMask(concept, mask, same[0].instance_id if same else None))
    return checked


def _is_same(mask: FoundMask, shape: "_Shape", known: KnownInstance, its: "_Shape") -> bool:
    return mask.mask_key == known.mask_key or shape.agreement(its) >= SAME_THING


@dataclass(frozen=True, eq=False)
class _Shape:
    """A mask within its box, one bit a pixel: hundreds of a large photo fit into memory.

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
        # What differs twofold in area cannot agree by more.
        most = min(self.area, other.area) / max(self.area, other.area, 1)
        if most < SAME_THING:
            return most
        places = [
            (max(one, two), min(one + size, two + its_size))
            for one, two, size, its_size in zip(
                self.box[:2], other.box[:2], self.box[2:], other.box[2:], strict=True
            )
        ]
        if any(start >= stop for start, stop in places):
            return 0.0
        both = int((self._within(*places) & other._within(*places)).sum())  # noqa: SLF001 - a twin
        return both / (self.area + other.area - both)

    def _within(self, columns: tuple[int, int], rows: tuple[int, int]) -> Mask:
        left, top, width, _ = self.box
        chosen = self.bits[rows[0] - top : rows[1] - top]
        whole = np.unpackbits(chosen, axis=1, count=width).view(np.bool_)
        return whole[:, columns[0] - left : columns[1] - left]


def _shape(key: str, reported: ReportedMasks) -> _Shape:
    """Read a mask. Raises StepError NETWORK for one that is missing, or is none of the photo."""
    try:
        return _Shape.of(EncodedMask(pictures.read(key), reported.width, reported.height).decode())
    except InvalidMask as error:
        raise StepError("NETWORK", f"{key}: {error}") from error
