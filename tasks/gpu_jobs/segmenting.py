"""Segment: claim a photo, find the requested concepts, upload their masks."""

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import structlog
from PIL import Image

from failpoints import failpoint
from imaging.reading import flatten, read_picture
from tasks.messages import ClaimedSegmentation, MadeMask, SegmentFailure, SegmentResult
from tasks.outcomes import Outcome, outcome_of_failure
from tasks.worker_api import WorkerApi, about, worker_settings
from tasks.worker_errors import ResultRejectedError, cause_of

if TYPE_CHECKING:
    from gpu.segmenting.interface import Concept, Instance, Segmenter

log = structlog.get_logger()
UNKNOWN_CONCEPT = "INVALID_PROMPT"
NO_SEGMENTER = "WORKER_LOST"  # retried: another worker may have the segmenter


def segment_photo(*, job_id: int | None = None) -> dict[int, Outcome]:
    """Claim the named or the oldest photo and find its concepts.

    Returns the outcomes of the claimed jobs by id. Raises ClaimError, and the error of a segmenter
    that cannot be loaded, after the job was failed with it.
    """
    try:
        loaded = segmenter()  # loaded before the lease begins
    except Exception as error:
        _fail_without_segmenter(job_id, error)
        raise
    api = worker_api()
    outcomes = {}
    for job in api.claim(job_id=job_id):
        with about(job):
            outcomes[job.job_id] = _segment(api, job, loaded)
    return outcomes


def _fail_without_segmenter(job_id: int | None, error: Exception) -> None:
    """Claim a photo and fail it, so that it is retried elsewhere or ends before its deadline."""
    api = worker_api()
    for job in api.claim(job_id=job_id):
        with about(job):
            _fail(api, job, NO_SEGMENTER, f"The segmenter was not loaded: {type(error).__name__}.")


@lru_cache(maxsize=1)
def segmenter() -> "Segmenter":
    """Return this process's segmenter; only "sam3" imports torch, in the child."""
    from gpu.segmenting.registry import load_segmenter

    settings = worker_settings()
    if settings.segmenter == "sam3" and settings.sam3_weights:
        return load_segmenter(settings.segmenter, source=settings.sam3_weights)
    return load_segmenter(settings.segmenter)


@lru_cache(maxsize=1)
def worker_api() -> WorkerApi[ClaimedSegmentation]:
    """Return this process's client of the worker protocol."""
    return WorkerApi(ClaimedSegmentation, worker_settings())


def _segment(
    api: WorkerApi[ClaimedSegmentation], job: ClaimedSegmentation, segmenter: "Segmenter"
) -> Outcome:
    """Segment a claimed photo; errors are reported, and unexpected ones also raised."""
    from gpu.segmenting.interface import Concept, InvalidConcept

    order = job.payload
    concepts = [Concept(each.name, each.prompt, is_many=each.is_many) for each in order.concepts]
    try:
        instances = _instances(segmenter, _photo(api, job), concepts)
        failpoint("after_segment")
        answer = api.complete(
            SegmentResult(
                segmentation_id=order.segmentation_id,
                fence=job.fence,
                segmenter=segmenter.name,
                version=segmenter.version,
                masks=_upload_masks(api, job, instances),
            )
        )
    except ResultRejectedError:
        log.exception("result rejected")
        return Outcome.FAILED
    except InvalidConcept as error:
        return _fail(api, job, UNKNOWN_CONCEPT, str(error))
    except httpx.HTTPError as error:
        return _fail(api, job, *cause_of(error))
    except Exception as error:
        _fail(api, job, *cause_of(error))
        raise
    return Outcome.DONE if answer.applied else Outcome.IGNORED


def _instances(
    segmenter: "Segmenter", photo: Image.Image, concepts: "list[Concept]"
) -> "list[Instance]":
    """Segment a photo; a concept that this segmenter does not support counts as not found.

    These are concepts with a prompt of a person that were clicked on other photos only. A prompt
    that the segmenter cannot read, for example of too many tokens, counts as not found beside
    others. Raises InvalidConcept if nothing else is searched.
    """
    from gpu.segmenting.classic import UnservedConcept
    from gpu.segmenting.interface import InvalidConcept

    supported = list(concepts)
    while True:
        try:
            return segmenter.segment(photo, supported)
        except UnservedConcept as unserved:
            log.info("concept not supported", segmenter=segmenter.name, concept=unserved.concept)
            supported = [concept for concept in supported if concept.name != unserved.concept]
        except InvalidConcept as invalid:
            others = [concept for concept in supported if concept.name != invalid.concept]
            if not others or len(others) == len(supported):
                raise
            log.warning("prompt not read", segmenter=segmenter.name, problem=invalid.message)
            supported = others


def _photo(api: WorkerApi[ClaimedSegmentation], job: ClaimedSegmentation) -> Image.Image:
    """Download and decode the photo as RGB, transparent areas on a plain background."""
    with tempfile.TemporaryDirectory(prefix="style-license-photo-") as folder:
        file = api.download(job.download["photo"], Path(folder) / "photo.png")
        return flatten(read_picture(file.read_bytes(), file_format="PNG"))


def _upload_masks(
    api: WorkerApi[ClaimedSegmentation], job: ClaimedSegmentation, instances: "list[Instance]"
) -> list[MadeMask]:
    """Upload the masks of highest confidence, as many as there are upload URLs."""
    ranked = sorted(instances, key=lambda each: -each.confidence)
    masks = []
    for target, instance in zip(job.upload.values(), ranked, strict=False):
        api.upload(target, instance.mask.png)
        score = instance.confidence
        masks.append(MadeMask(concept=instance.concept, mask_key=target.key, score=score))
    if len(ranked) > len(masks):
        log.warning("masks dropped", found=len(ranked), uploaded=len(masks))
    return masks


def _fail(
    api: WorkerApi[ClaimedSegmentation], job: ClaimedSegmentation, cause: str, message: str
) -> Outcome:
    failure = SegmentFailure(
        segmentation_id=job.payload.segmentation_id,
        fence=job.fence,
        error_code=cause,
        error_message=message[:2000],
    )
    return outcome_of_failure(api.fail(failure))
