"""Render: claim a batch of the oldest orders of one size, render it, complete it."""

import hashlib
import io
import time
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx
import structlog

from failpoints import failpoint
from tasks.gpu_jobs.adapter_files import AdapterFiles
from tasks.messages import (
    Answer,
    ClaimedGeneration,
    RenderFailure,
    RenderJob,
    RenderProgress,
    RenderProgressBody,
    RenderResult,
)
from tasks.outcomes import Outcome, outcome_of_failure
from tasks.worker_api import WorkerApi, about, worker_settings
from tasks.worker_errors import ClaimError, ResultRejectedError, cause_of

if TYPE_CHECKING:
    from PIL import Image

    from gpu.rendering.renderer import Renderer
    from gpu.rendering.requests import RenderedImage, RenderRequest

log = structlog.get_logger()
REPORT_EVERY_SECONDS = 1.0


def render_batch(*, job_id: int | None = None) -> dict[int, Outcome]:
    """Claim the named or the oldest job with others of its size; render and complete them.

    Returns the outcomes of the claimed jobs by id; empty if none was claimed. Raises ClaimError.
    """
    from gpu.rendering.requests import RenderedImage

    base_model = worker_settings().base_model
    renderer = renderer_for(base_model)  # loaded before the lease begins
    api = worker_api()
    jobs = _claim_batch(api, job_id, base_model, renderer.base_model_sha256)
    if not jobs:
        return {}  # nothing is due, or another worker has the job
    try:
        adapter_files().make_room()
    except OSError as error:
        _fail_all(api, jobs, error)
        raise
    jobs_by_id = {str(job.job_id): job for job in jobs}
    outcomes: dict[int, Outcome] = {}
    requests = []
    for job in jobs:
        prepared = _prepare(api, job)
        if isinstance(prepared, Outcome):
            outcomes[job.job_id] = prepared
        else:
            requests.append(prepared)
    progress = Progress(api, [jobs_by_id[request.request_id] for request in requests])
    try:
        results = renderer.render(
            requests, on_step=progress.on_step, should_stop=lambda: progress.is_lost
        )
    except Exception as error:
        _fail_all(api, progress.jobs, error)
        raise
    failpoint("after_render")
    for result in results:
        job = jobs_by_id[result.request_id]
        if isinstance(result, RenderedImage):
            with about(job):
                outcomes[job.job_id] = _complete(api, job, result)
        else:
            if result.cause == "ADAPTER_MISMATCH":
                adapter_files().forget(job.payload.adapter_sha256)
            outcomes[job.job_id] = _fail(api, job, result.cause, result.message)
    return outcomes


def _claim_batch(
    api: WorkerApi[ClaimedGeneration], job_id: int | None, base_model: str, sha256: str
) -> list[ClaimedGeneration]:
    """Claim a job and its batch; if the batch is not full, claim again after a short wait.

    Orders placed together are published one by one: without the wait the first would be rendered
    alone. An empty claim returns at once.
    """
    settings = worker_settings()
    jobs = api.claim(
        job_id=job_id,
        limit=settings.render_batch_size,
        base_model=base_model,
        base_model_sha256=sha256,
    )
    missing = settings.render_batch_size - len(jobs)
    if not jobs or not missing or not settings.render_wait_seconds:
        return jobs
    time.sleep(settings.render_wait_seconds)
    try:
        more = api.claim(job_id=None, limit=missing, base_model=base_model, batch_of=jobs[0].job_id)
    except ClaimError as error:
        log.warning("batch not filled", error=str(error))
        return jobs
    return jobs + more


@lru_cache(maxsize=1)
def renderer_for(base_model: str) -> "Renderer":
    """Return this process's renderer; torch is imported here, in the child, never in the parent."""
    from gpu.rendering.renderer import Renderer

    return Renderer.setup(base_model)


@lru_cache(maxsize=1)
def worker_api() -> WorkerApi[ClaimedGeneration]:
    """Return this process's client of the worker protocol."""
    return WorkerApi(ClaimedGeneration, worker_settings())


def adapter_files() -> AdapterFiles:
    """Return the cache of adapters on disk."""
    settings = worker_settings()
    return AdapterFiles(settings.worker_cache_dir / "adapters", settings.worker_cache_bytes)


class Progress:
    """Reports the progress of a batch; `is_lost` when all its leases are lost."""

    def __init__(self, api: WorkerApi[ClaimedGeneration], jobs: list[ClaimedGeneration]) -> None:
        self.jobs = jobs
        self.is_lost = False
        self._api = api
        self._started = time.monotonic()
        self._reported = float("-inf")

    def on_step(self, step: int, total: int) -> None:
        """Report at most once a second; a report that shows progress renews the lease."""
        failpoint("mid_render")
        now = time.monotonic()
        if now - self._reported < REPORT_EVERY_SECONDS:
            return
        self._reported = now
        remaining = (now - self._started) * (total - step) / max(step, 1)
        body = RenderProgressBody(
            current_step=step,
            total_steps=total,
            progress_percent=min(99, 100 * step // total),
            estimated_seconds=round(remaining),
        )
        answers = [self._report(job, body) for job in self.jobs]
        self.is_lost = all(answer.reason in {"stale_attempt", "terminal"} for answer in answers)

    def _report(self, job: ClaimedGeneration, body: RenderProgressBody) -> Answer:
        generation_id = job.payload.generation_id
        report = RenderProgress(generation_id=generation_id, fence=job.fence, progress=body)
        with about(job):
            return self._api.progress(report)


def _prepare(
    api: WorkerApi[ClaimedGeneration], job: ClaimedGeneration
) -> "RenderRequest | Outcome":
    """Return the request for the engine with its adapter on disk, or the outcome of a failure."""
    from gpu.errors import InvalidPicture
    from gpu.rendering.requests import RenderRequest

    order = job.payload
    try:
        adapter = adapter_files().get(
            order.adapter_sha256, lambda path: api.download(job.download["adapter"], path)
        )
        picture, mask = (None, None) if order.change is None else _fetch_picture(api, job, order)
    except httpx.HTTPError as error:
        message = f"An input could not be downloaded: {type(error).__name__}."
        return _fail(api, job, "NETWORK", message)
    except InvalidPicture as error:
        return _fail(api, job, error.cause, str(error))
    except OSError as error:  # of the disk: this order is tried elsewhere, the others go on
        return _fail(api, job, *cause_of(error))
    return RenderRequest(
        request_id=str(job.job_id),
        adapter_path=adapter,
        adapter_sha256=order.adapter_sha256,
        trigger=order.trigger,
        prompt_tags=tuple(order.prompt_tags),
        negative_tags=tuple(order.negative_tags),
        width=order.width,
        height=order.height,
        seed=order.seed,
        style_strength=order.style_strength,
        picture=picture,
        mask=mask,
        repaint_strength=order.change,
    )


def _fetch_picture(
    api: WorkerApi[ClaimedGeneration], job: ClaimedGeneration, order: RenderJob
) -> "tuple[Image.Image, Image.Image]":
    """Return the picture to repaint and its mask. Raises HTTPError and InvalidPicture."""
    from PIL import Image

    from gpu.errors import InvalidPicture
    from gpu.segmenting.masks import EncodedMask, InvalidMask
    from imaging.reading import read_picture
    from imaging.refusal import PictureRefused

    missing = {"picture", "mask"} - job.download.keys()
    if missing:
        raise InvalidPicture(f"no download is named {' or '.join(sorted(missing))}")
    with TemporaryDirectory() as folder:
        picture = api.download(job.download["picture"], Path(folder, "picture"))
        mask = api.download(job.download["mask"], Path(folder, "mask"))
        try:
            bits = EncodedMask(mask.read_bytes(), order.width, order.height).decode()
            pixels = read_picture(picture, max_pixels=order.width * order.height)
        except (PictureRefused, InvalidMask) as error:
            raise InvalidPicture(f"the picture or its mask cannot be read: {error}") from error
    return pixels, Image.fromarray(bits)


def _complete(
    api: WorkerApi[ClaimedGeneration], job: ClaimedGeneration, rendered: "RenderedImage"
) -> Outcome:
    order = job.payload
    file = io.BytesIO()
    rendered.image.save(file, "PNG", compress_level=1)
    data = file.getvalue()
    target = job.upload["image"]
    try:
        api.upload(target, data)
        answer = api.complete(
            RenderResult(
                generation_id=order.generation_id,
                fence=job.fence,
                result_key=target.key,
                sha256=hashlib.sha256(data).hexdigest(),
                seed=rendered.seed,
                width=rendered.width,
                height=rendered.height,
                adapter_sha256=rendered.adapter_sha256,
                metadata={"steps": rendered.steps, "guidance_scale": rendered.guidance_scale},
            )
        )
    except ResultRejectedError:
        log.exception("result rejected")
        return Outcome.FAILED
    except httpx.HTTPError as error:
        return _fail(
            api, job, "NETWORK", f"The image could not be uploaded: {type(error).__name__}."
        )
    return Outcome.DONE if answer.applied else Outcome.IGNORED


def _fail_all(
    api: WorkerApi[ClaimedGeneration], jobs: list[ClaimedGeneration], error: Exception
) -> None:
    cause, message = cause_of(error)
    for job in jobs:
        _fail(api, job, cause, message)


def _fail(
    api: WorkerApi[ClaimedGeneration], job: ClaimedGeneration, cause: str, message: str
) -> Outcome:
    failure = RenderFailure(
        generation_id=job.payload.generation_id,
        fence=job.fence,
        error_code=cause,
        error_message=message[:2000],
    )
    with about(job):
        return outcome_of_failure(api.fail(failure))
