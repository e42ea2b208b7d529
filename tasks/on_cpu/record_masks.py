"""Record masks: look at what a segmenter found, and tell which of it was there before."""

from celery_config import TaskName
from gpu.rules.colour import Mask
from gpu.segmenting.masks import (
    EncodedMask,
    InvalidMask,
    bounding_box,
    intersection_over_union,
)
from tasks.on_cpu import pictures
from tasks.on_cpu.step import StepError, begin, verdict
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.services import sets_segmentations
from webapp.domain.services.sets_masks import FoundMask
from webapp.domain.services.sets_segmentations import (
    CheckedMask,
    KnownInstance,
    ReportedMask,
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
        found = [_found(mask, reported) for mask in reported.masks if mask.concept == concept]
        known = [each for each in reported.known if each.concept == concept]
        for mask in sorted((each for each in found if each.area), key=_largest_first):
            same = next((each for each in known if _is_same(mask, each, reported)), None)
            if same is not None:
                known.remove(same)
            checked.append(CheckedMask(concept, mask, same.instance_id if same else None))
    return checked


def _found(mask: ReportedMask, reported: ReportedMasks) -> FoundMask:
    """Measure a mask. Raises StepError NETWORK for one that is missing, or is none of the photo."""
    decoded = _decoded(mask.mask_key, reported)
    return FoundMask(mask.mask_key, bounding_box(decoded), int(decoded.sum()), mask.score)


def _largest_first(mask: FoundMask) -> tuple[int, str]:
    return -mask.area, mask.mask_key


def _is_same(mask: FoundMask, known: KnownInstance, reported: ReportedMasks) -> bool:
    if mask.mask_key == known.mask_key:
        return True
    if not _meet(mask.box, known.box):
        return False
    first, second = _decoded(mask.mask_key, reported), _decoded(known.mask_key, reported)
    return intersection_over_union(first, second) >= SAME_THING


def _meet(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> bool:
    return all(
        first[side] < second[side] + second[side + 2]
        and second[side] < first[side] + first[side + 2]
        for side in (0, 1)
    )


def _decoded(key: str, reported: ReportedMasks) -> Mask:
    try:
        return EncodedMask(pictures.read(key), reported.width, reported.height).decode()
    except InvalidMask as error:
        raise StepError("NETWORK", f"{key}: {error}") from error
