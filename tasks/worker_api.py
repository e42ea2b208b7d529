"""The GPU worker's client of the worker protocol: HTTP and nothing else.

Every report is tried again on network trouble until the lease would be lost anyway; it is
idempotent, so trying again is safe. A claim is tried once: how long to wait for a site that is away
is for its caller to know.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import httpx
import structlog
from pydantic import Field, model_validator
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
    UploadUrl,
)
from tasks.metrics import count_failure

log = structlog.get_logger()
# It would log whole URLs, and the signed ones of storage let anybody in who reads the log.
logging.getLogger("httpx").setLevel(logging.WARNING)
TRIES_LAST_SECONDS = 30
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
    """All that a GPU worker needs: our internal HTTP API; no database and no storage keys."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    env: str = "development"
    internal_api_url: str
    internal_api_token: str
    base_model: str = Field("built-in", description="the base model this worker renders with")
    segmenter: str = Field("classic", description="classic or sam3: what this worker segments with")
    sam3_weights: str | None = Field(
        None, description="a folder with SAM 3, or its name in the hub's local cache"
    )
    worker_cache_dir: Path = Field(Path("var/worker"), description="adapters and work in progress")
    worker_cache_bytes: int = Field(
        10 << 30, ge=0, description="adapters kept on disk between batches, in bytes"
    )
    render_batch_size: int = Field(4, ge=1, le=16, description="images of one size at once")
    render_wait_seconds: float = Field(
        0.1, ge=0, le=5, description="how long a batch that is not full waits for more"
    )
    train_batch_size: int = Field(4, ge=1, le=16, description="styles that learn together")
    adapter_bits: int | None = Field(
        None, ge=4, le=24, description="significant bits of adapters' weights; empty: all 24"
    )
    poll_seconds: float = Field(
        2, ge=0.1, le=60, description="how often tasks.remote, which hears no bell, asks for work"
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


class ResultRejectedError(Exception):
    """The site refused a result because it breaks a guarantee."""


class ClaimError(Exception):
    """Nobody gave work: the site is away or sick, which passes, or it does not want this worker."""

    def __init__(self, message: str, *, is_passing: bool) -> None:
        super().__init__(message)
        self.is_passing = is_passing


def _is_passing(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= FIRST_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS
    is_wrong_address = isinstance(error, httpx.UnsupportedProtocol)
    return isinstance(error, httpx.TransportError) and not is_wrong_address


_persistently = retry(
    retry=retry_if_exception(_is_passing),
    stop=stop_after_delay(TRIES_LAST_SECONDS),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)


@contextmanager
def about(job: ClaimedJob) -> Iterator[None]:
    """Name the job and the request that asked for it in every log line and call made inside."""
    request_id = str(job.payload.get("request_id", ""))
    with structlog.contextvars.bound_contextvars(job_id=job.job_id, request_id=request_id):
        yield


def cause_of(error: Exception) -> tuple[str, str]:
    """Return a failure's cause (docs/api.md, Worker protocol), and a message without inner text."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, str):  # the engine's own errors say it themselves
        return cause, str(error)
    if isinstance(error, httpx.HTTPError):
        return "NETWORK", f"Storage or the site failed: {type(error).__name__}."
    # Celery's limit, known by its name: who works for no Celery has none.
    if type(error).__name__ == "SoftTimeLimitExceeded":
        return "TIMEOUT", "The work took too long."
    return "INTERNAL_ERROR", type(error).__name__


class WorkerApi:
    """Claim, progress, complete, fail, and the bytes that go with them, for one kind of job."""

    def __init__(self, kind: Kind, settings: WorkerSettings) -> None:
        self._kind = kind
        self._site = httpx.Client(
            base_url=f"{settings.internal_api_url}/api/v1/webhooks",
            headers={
                "Authorization": f"Bearer {settings.internal_api_token}",
                "X-Request-Source": SOURCES[kind],
            },
            timeout=httpx.Timeout(20, connect=5),
        )
        # Storage gets no token of ours: its URLs are signed.
        self._storage = httpx.Client(timeout=httpx.Timeout(60, connect=5))

    def claim(
        self,
        *,
        job_id: int | None,
        limit: int = 1,
        base_model: str | None = None,
        base_model_sha256: str | None = None,
        batch_of: int | None = None,
    ) -> list[ClaimedJob]:
        """Return leased jobs: the one named or else the oldest due one, and what goes with it.

        With `base_model`, jobs of any other are left to a worker that has it; with `batch_of`,
        all are that cannot share the batch of that job. Raises ClaimError; then nothing was taken,
        or only the answer got lost and a lease runs out.
        """
        wish = Claim(
            worker=_name(),
            kinds=[self._kind],
            max=limit,
            job_id=job_id,
            base_model=base_model,
            base_model_sha256=base_model_sha256,
            batch_of=batch_of,
        )
        try:
            answer = self._send("POST", "/claim", wish)
            jobs = [ClaimedJob.model_validate(job) for job in answer["jobs"]]
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            raise ClaimError(f"it answers {status}", is_passing=_is_passing(error)) from error
        except httpx.HTTPError as error:
            said = f"{type(error).__name__}: {error}"
            raise ClaimError(said, is_passing=_is_passing(error)) from error
        except (LookupError, TypeError, ValueError) as error:
            said = "what answers does not speak the worker protocol"
            raise ClaimError(said, is_passing=False) from error
        for job in jobs:
            with about(job):
                log.info("job claimed", fence=job.fence)
        failpoint("after_claim")
        return jobs

    def note_base_model(self, name: str, sha256: str) -> None:
        """Tell which weights are loaded, so that no style of others is sold. Raises HTTPError.

        Every claim says it too: this is only sooner.
        """
        self._send("POST", "/base-models", LoadedBaseModel(name=name, sha256=sha256))

    def progress(self, report: Message) -> Answer:
        """Report progress; the answer says whether the work was canceled or lost."""
        path = f"/{NOUNS[self._kind]}/progress"
        return Answer.model_validate(self._report("PATCH", path, report))

    def complete(self, result: Message) -> Answer:
        """Hand over a result. Raises ResultRejectedError when it breaks a guarantee."""
        path = f"/{NOUNS[self._kind]}/complete"
        try:
            answer = Answer.model_validate(self._report("POST", path, result))
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                raise ResultRejectedError(error.response.text) from error
            raise
        log.info("result handed over", applied=answer.applied)
        failpoint("after_complete")
        return answer

    def fail(self, failure: RenderFailure | TrainFailure | SegmentFailure) -> Answer:
        """Report that an attempt failed."""
        count_failure(failure.error_code)
        log.warning("attempt failed", cause=failure.error_code)
        path = f"/{NOUNS[self._kind]}/failed"
        return Answer.model_validate(self._report("POST", path, failure))

    @_persistently
    def download(self, url: str, target: Path) -> Path:
        """Fetch a signed URL into a file, whole or not at all."""
        partial = target.with_name(f"{target.name}.{os.getpid()}.part")
        with self._storage.stream("GET", url, follow_redirects=True) as response:
            response.raise_for_status()
            with partial.open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
        partial.replace(target)
        return target

    @_persistently
    def upload(self, place: UploadUrl, data: bytes) -> None:
        """Put bytes where the site said."""
        response = self._storage.request(
            place.method, place.url, content=data, headers=place.headers
        )
        response.raise_for_status()
        failpoint("after_put")

    @_persistently
    def _report(self, method: str, path: str, message: Message) -> dict[str, Any]:
        return self._send(method, path, message)

    def _send(self, method: str, path: str, message: Message) -> dict[str, Any]:
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        response = self._site.request(
            method,
            path,
            json=message.model_dump(mode="json", exclude_none=True),
            headers={"X-Request-ID": request_id} if request_id else None,
        )
        response.raise_for_status()
        if response.status_code == httpx.codes.NO_CONTENT:
            return {}
        data: dict[str, Any] = response.json()["data"]
        return data


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
