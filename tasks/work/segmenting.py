"""Segment: claim a photo, find the parts it is asked for, hand over their masks."""

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import structlog
from PIL import Image

from failpoints import failpoint
from imaging.reading import flatten, read_picture
from tasks.messages import ClaimedJob, MadeMask, SegmentFailure, SegmentJob, SegmentResult
from tasks.worker_api import ResultRejectedError, WorkerApi, about, cause_of, worker_settings

if TYPE_CHECKING:
    from gpu.segmenting.interface import Concept, Instance, Segmenter

log = structlog.get_logger()
UNKNOWN_CONCEPT = "INVALID_PROMPT"
NO_SEGMENTER = "WORKER_LOST"  # tried again: another worker may have what this one lacks


def segment_photo(*, job_id: int | None = None) -> bool:
    """Claim a photo, the one named or the oldest, and look for its concepts.

    Returns whether there was any work. Raises ClaimError when none could be asked for, and what
    keeps the segmenter from being loaded, after the photo was given back with that failure.
    """
    try:
        found_by = segmenter()  # loaded before, not under, the lease
    except Exception as error:
        _give_back(job_id, error)
        raise
    api = worker_api()
    jobs = api.claim(job_id=job_id)
    for job in jobs:
        with about(job):
            _segment(api, job, found_by)
    return bool(jobs)


def _give_back(job_id: int | None, error: Exception) -> None:
    """Report for a photo that nobody here can look at it: its person need not wait for hours."""
    api = worker_api()
    for job in api.claim(job_id=job_id):
        with about(job):
            _fail(api, job, NO_SEGMENTER, f"The segmenter was not loaded: {type(error).__name__}.")


@lru_cache(maxsize=1)
def segmenter() -> "Segmenter":
    """Return this process's segmenter; only "sam3" leads to torch, in the child."""
    from gpu.segmenting.registry import load_segmenter

    chosen = worker_settings()
    if chosen.segmenter == "sam3" and chosen.sam3_weights:
        return load_segmenter(chosen.segmenter, source=chosen.sam3_weights)
    return load_segmenter(chosen.segmenter)


@lru_cache(maxsize=1)
def worker_api() -> WorkerApi:
    """Return this process's client of the worker protocol."""
    return WorkerApi("segmentation", worker_settings())


def _segment(api: WorkerApi, job: ClaimedJob, found_by: "Segmenter") -> None:
    """Segment a claimed photo; what goes wrong is reported, and what nobody foresaw also raised."""
    from gpu.segmenting.interface import Concept, InvalidConcept

    order = SegmentJob.model_validate(job.payload)
    wanted = [Concept(each.name, each.prompt, is_many=each.is_many) for each in order.concepts]
    try:
        instances = _found(found_by, _photo(api, job), wanted)
        failpoint("after_segment")
        api.complete(
            SegmentResult(
                segmentation_id=order.segmentation_id,
                fence=job.fence,
                segmenter=found_by.name,
                version=found_by.version,
                masks=_stored(api, job, instances),
            )
        )
    except ResultRejectedError:
        log.exception("result rejected")
    except InvalidConcept as error:
        _fail(api, job, UNKNOWN_CONCEPT, str(error))
    except httpx.HTTPError as error:
        _fail(api, job, *cause_of(error))
    except Exception as error:
        _fail(api, job, *cause_of(error))
        raise


def _found(found_by: "Segmenter", photo: Image.Image, wanted: "list[Concept]") -> "list[Instance]":
    """Segment a photo; a concept that this segmenter cannot look for is one it does not find.

    Such are concepts in somebody's own words that were clicked on other photos only.
    """
    from gpu.segmenting.classic import UnservedConcept

    left = list(wanted)
    while True:
        try:
            return found_by.segment(photo, left)
        except UnservedConcept as unserved:
            log.info("concept not served", segmenter=found_by.name, concept=unserved.concept)
            left = [concept for concept in left if concept.name != unserved.concept]


def _photo(api: WorkerApi, job: ClaimedJob) -> Image.Image:
    """Fetch the photo and decode it, RGB; what shows through it lies on a ground."""
    with tempfile.TemporaryDirectory(prefix="style-license-photo-") as folder:
        file = api.download(job.download["photo"], Path(folder) / "photo.png")
        return flatten(read_picture(file.read_bytes(), file_format="PNG"))


def _stored(api: WorkerApi, job: ClaimedJob, instances: "list[Instance]") -> list[MadeMask]:
    """Upload masks, the surest first, as many as there are places for."""
    surest = sorted(instances, key=lambda each: -each.confidence)
    masks = []
    for place, instance in zip(job.upload.values(), surest, strict=False):
        api.upload(place, instance.mask.png)
        score = instance.confidence
        masks.append(MadeMask(concept=instance.concept, mask_key=place.key, score=score))
    if len(surest) > len(masks):
        log.warning("more masks than places", found=len(surest), kept=len(masks))
    return masks


def _fail(api: WorkerApi, job: ClaimedJob, cause: str, message: str) -> None:
    order = SegmentJob.model_validate(job.payload)
    api.fail(
        SegmentFailure(
            segmentation_id=order.segmentation_id,
            fence=job.fence,
            error_code=cause,
            error_message=message[:2000],
        )
    )
