"""HTTP client of the worker protocol.

Reports are idempotent and retried on transient errors until the lease would have expired. A claim
is sent once; its caller decides about retries.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Generic, Self, TypeVar, get_args

import httpx
import structlog
from pydantic import Field, TypeAdapter, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random_exponential

from failpoints import are_requested, failpoint
from tasks.messages import (
    Answer,
    Claim,
    ClaimedJob,
    Kind,
    LoadedBaseModel,
    Message,
    RenderFailure,
    SegmentFailure,
    TrainFailure,
    TrainProgress,
    UploadUrl,
)
from tasks.metrics import count_failure
from tasks.worker_errors import ClaimError, ResultRejectedError, WorkerSick
from tasks.worker_health import WorkerHealth

log = structlog.get_logger()
# It would log whole URLs, and a signed URL of the storage gives access to its object.
logging.getLogger("httpx").setLevel(logging.WARNING)
RETRY_SECONDS = 30
Job = TypeVar("Job", bound=ClaimedJob)
SOURCES: dict[Kind, str] = {
    "training": "training-server",
    "generation": "inference-server",
    "segmentation": "sets-worker",
}
FIRST_SERVER_ERROR = 500
NOUNS: dict[Kind, str] = {
    "training": "training",
    "generation": "inference",
    "segmentation": "segmentation",
}


class WorkerSettings(BaseSettings):
    """Settings of a GPU worker: the internal API; no database and no storage keys."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    env: str = "development"
    internal_api_url: str
    internal_api_token: str
    base_model: str = Field("built-in", description="the base model this worker renders with")
    segmenter: str = Field("classic", description="classic or sam3: what this worker segments with")
    sam3_weights: str | None = Field(
        None, description="a folder with SAM 3, or its name in the hub's local cache"
    )
    worker_cache_dir: Path = Field(Path("var/worker"), description="adapters and running trainings")
    worker_cache_bytes: int = Field(
        10 << 30, ge=0, description="adapters kept on disk between batches, in bytes"
    )
    worker_min_free_bytes: int = Field(
        500 << 20,
        ge=0,
        description="with less room on the disk of its cache a worker claims nothing",
    )
    render_batch_size: int = Field(4, ge=1, le=16, description="images of one size at once")
    render_wait_seconds: float = Field(
        0.1, ge=0, le=5, description="how long a batch that is not full waits for more jobs"
    )
    train_batch_size: int = Field(4, ge=1, le=16, description="styles trained in one batch")
    adapter_bits: int | None = Field(
        None, ge=4, le=24, description="significant bits of adapters' weights; empty: all 24"
    )
    poll_seconds: float = Field(
        2, ge=0.1, le=60, description="how often tasks.remote, which consumes no messages, claims"
    )

    @model_validator(mode="after")
    def _production_has_no_failpoints(self) -> Self:
        if self.env == "production" and are_requested():
            raise ValueError("FAILPOINTS kills processes: refused in production")
        return self


@lru_cache(maxsize=1)
def worker_settings() -> WorkerSettings:
    """Return this worker's settings, read once."""
    return WorkerSettings()


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= FIRST_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS
    is_invalid_url = isinstance(error, httpx.UnsupportedProtocol)
    return isinstance(error, httpx.TransportError) and not is_invalid_url


_with_retries = retry(
    retry=retry_if_exception(_is_transient),
    stop=stop_after_delay(RETRY_SECONDS),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)


@contextmanager
def about(job: ClaimedJob) -> Iterator[None]:
    """Bind job id and request id to the log lines and API calls made inside."""
    with structlog.contextvars.bound_contextvars(
        job_id=job.job_id, request_id=job.payload.request_id
    ):
        yield


class WorkerApi(Generic[Job]):
    """Claim, progress, complete, fail, download and upload, for one kind of job."""

    def __init__(self, job_type: type[Job], settings: WorkerSettings) -> None:
        kind: Kind = get_args(job_type.model_fields["kind"].annotation)[0]
        self._kind = kind
        self._jobs = TypeAdapter(list[job_type])  # type: ignore[valid-type]
        self._site = httpx.Client(
            base_url=f"{settings.internal_api_url}/api/v1/webhooks",
            headers={
                "Authorization": f"Bearer {settings.internal_api_token}",
                "X-Request-Source": SOURCES[kind],
            },
            timeout=httpx.Timeout(20, connect=5),
        )
        self._health = WorkerHealth(settings.worker_cache_dir, settings.worker_min_free_bytes)
        # No token for storage: its URLs are signed.
        self._storage = httpx.Client(timeout=httpx.Timeout(60, connect=5))

    def claim(
        self,
        *,
        job_id: int | None,
        limit: int = 1,
        base_model: str | None = None,
        base_model_sha256: str | None = None,
        batch_of: int | None = None,
    ) -> list[Job]:
        """Lease the named job, or else the oldest due one, and others of its batch.

        With `base_model` only jobs of that base model; with `batch_of` only jobs of the batch of
        that job. Raises ClaimError: nothing was claimed, or the response was lost and the leases
        expire. Raises WorkerSick without asking when this worker is not fit.
        """
        problem = self._health.problem()
        if problem is not None:
            raise WorkerSick(problem)
        claim = Claim(
            worker=_name(),
            kinds=[self._kind],
            max=limit,
            job_id=job_id,
            base_model=base_model,
            base_model_sha256=base_model_sha256,
            batch_of=batch_of,
        )
        try:
            answer = self._send("POST", "/claim", claim)
            jobs: list[Job] = self._jobs.validate_python(answer.json()["data"]["jobs"])
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            raise ClaimError(
                f"the API answered {status}", is_transient=_is_transient(error)
            ) from error
        except httpx.HTTPError as error:
            message = f"{type(error).__name__}: {error}"
            raise ClaimError(message, is_transient=_is_transient(error)) from error
        except (LookupError, TypeError, ValueError) as error:
            message = "the response is not of the worker protocol"
            raise ClaimError(message, is_transient=False) from error
        self._health.begin()
        for job in jobs:
            with about(job):
                log.info("job claimed", fence=job.fence)
        failpoint("after_claim")
        return jobs

    def note_base_model(self, name: str, sha256: str) -> None:
        """Report the loaded weights, so that no style of other weights is sold. Raises HTTPError.

        Every claim reports them, too; this is earlier.
        """
        self._send("POST", "/base-models", LoadedBaseModel(name=name, sha256=sha256))

    def progress(self, report: Message) -> Answer:
        """Report progress; the answer has a requested cancel or the loss of the lease."""
        path = f"/{NOUNS[self._kind]}/progress"
        answer = self._report("PATCH", path, report)
        if isinstance(report, TrainProgress) and report.slice_ended:
            self._health.succeeded()
        return answer

    def complete(self, result: Message) -> Answer:
        """Report a result. Raises ResultRejectedError when it breaks a guarantee."""
        path = f"/{NOUNS[self._kind]}/complete"
        try:
            answer = self._report("POST", path, result)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                raise ResultRejectedError(error.response.text) from error
            raise
        self._health.succeeded()
        log.info("result reported", applied=answer.applied)
        failpoint("after_complete")
        return answer

    def fail(self, failure: RenderFailure | TrainFailure | SegmentFailure) -> Answer:
        """Report a failed attempt."""
        count_failure(failure.error_code)
        self._health.failed(failure.error_code, _row_id(failure))
        log.warning("attempt failed", cause=failure.error_code)
        path = f"/{NOUNS[self._kind]}/failed"
        return self._report("POST", path, failure)

    @_with_retries
    def download(self, url: str, target: Path) -> Path:
        """Download a signed URL into a file; a partial download leaves no file."""
        partial = target.with_name(f"{target.name}.{os.getpid()}.part")
        with self._storage.stream("GET", url, follow_redirects=True) as response:
            response.raise_for_status()
            with partial.open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
        partial.replace(target)
        return target

    @_with_retries
    def upload(self, target: UploadUrl, data: bytes) -> None:
        """Upload bytes to a signed URL."""
        response = self._storage.request(
            target.method, target.url, content=data, headers=target.headers
        )
        response.raise_for_status()
        failpoint("after_put")

    @_with_retries
    def _report(self, method: str, path: str, message: Message) -> Answer:
        return Answer.model_validate(self._send(method, path, message).json()["data"])

    def _send(self, method: str, path: str, message: Message) -> httpx.Response:
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        response = self._site.request(
            method,
            path,
            json=message.model_dump(mode="json", exclude_none=True),
            headers={"X-Request-ID": request_id} if request_id else None,
        )
        response.raise_for_status()
        return response


def _row_id(failure: RenderFailure | TrainFailure | SegmentFailure) -> int:
    if isinstance(failure, RenderFailure):
        return failure.generation_id
    return failure.style_id if isinstance(failure, TrainFailure) else failure.segmentation_id


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
