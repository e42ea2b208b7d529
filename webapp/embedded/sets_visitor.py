"""An HTTP client of Sets: uploads an album, clicks, applies rules, exports."""

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, overload

import httpx
import numpy as np
from PIL import Image

from gpu.rules.colour import Mask
from gpu.segmenting.scenes.drawing import Scene
from gpu.segmenting.scenes.person import next_click
from webapp.domain.models.sets_instance import SegmentationStatus
from webapp.domain.models.sets_job import SetsJobStatus
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.embedded.person import API, A, Person, RefusedError, data_of, events
from webapp.schemas.fields import Listed
from webapp.schemas.sets_accounts import AnonymousAccount
from webapp.schemas.sets_instances import ClickPoint, InstanceAnswer
from webapp.schemas.sets_jobs import CreatedJob, JobAnswer

POLL_SECONDS = 0.3
LONGEST_WAIT_SECONDS = 600
JPEG = "image/jpeg"
ENOUGH = 0.97  # intersection over union at which clicking stops
SEGMENTED = frozenset({SegmentationStatus.READY, SegmentationStatus.FAILED})
ENDED = frozenset({SetsJobStatus.DONE, SetsJobStatus.FAILED, SetsJobStatus.CANCELED})


@dataclass(frozen=True)
class AlbumPhoto:
    """One drawn photo of an album: the file to upload, and the scene with its true masks."""

    filename: str
    group: str
    scene: Scene

    @property
    def data(self) -> bytes:
        """The photo as a JPEG."""
        file = io.BytesIO()
        self.scene.image.save(file, "JPEG", quality=92, subsampling=0)
        return file.getvalue()


class SetsVisitor:
    """A client with an account of Sets: a new anonymous one, or that of a signed-in person."""

    def __init__(self, base_url: str, person: Person | None = None) -> None:
        self.authorization = ""
        if person is not None:
            self._http = person.http
        else:
            self._http = httpx.Client(base_url=base_url, timeout=httpx.Timeout(60, connect=10))
            account = self.post("/sets/auth/anon", AnonymousAccount)
            self.authorization = f"Bearer {account.token}"
            self._http.headers["Authorization"] = self.authorization

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, answer: type[A], **params: str | int) -> A:
        """Return the data of a GET as an `answer`."""
        return answer.model_validate(self._call("GET", path, params=params))

    @overload
    def post(self, path: str, answer: type[A], /, **json: object) -> A: ...

    @overload
    def post(self, path: str, answer: None = None, /, **json: object) -> None: ...

    def post(self, path: str, answer: type[A] | None = None, /, **json: object) -> A | None:
        """POST a JSON body; return the data as an `answer`, if named."""
        data = self._call("POST", path, json=json)
        return answer.model_validate(data) if answer else None

    def patch(self, path: str, **json: object) -> None:
        """PATCH a JSON body."""
        self._call("PATCH", path, json=json)

    def _call(self, method: str, path: str, **request: Any) -> Any:
        """Call the API; after RATE_LIMIT_EXCEEDED wait as long as it says, and call it again."""
        while True:
            try:
                return data_of(self._http.request(method, f"{API}{path}", **request))
            except RefusedError as refused:
                if refused.code != "RATE_LIMIT_EXCEEDED":
                    raise
                time.sleep(refused.retry_after)

    def upload(self, preset: str, photos: Sequence[AlbumPhoto]) -> str:
        """Create a job of photos, upload them, wait until all are checked; return its id."""
        contents = [photo.data for photo in photos]
        job = self.post(
            "/sets/jobs",
            CreatedJob,
            preset=preset,
            files=[
                {
                    "filename": photo.filename,
                    "size": len(content),
                    "content_type": JPEG,
                    "group": photo.group,
                }
                for photo, content in zip(photos, contents, strict=True)
            ],
        )
        for target in job.upload:
            response = httpx.request(
                target.method, target.url, headers=target.headers, content=contents[target.idx]
            )
            response.raise_for_status()
        self.post(f"/sets/jobs/{job.job_id}/confirm-upload")
        for state in self.states(job.job_id):
            if all(item.status == PhotoStatus.READY for item in state.items):
                return job.job_id
        raise RefusedError("the photos were not checked in time")

    def states(self, job_id: str) -> Iterator[JobAnswer]:
        """Yield every state of a job from its event stream, for ten minutes at most."""
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < deadline:
            with self._http.stream("GET", f"{API}/sets/jobs/{job_id}/events") as stream:
                if stream.status_code != httpx.codes.OK:
                    stream.read()
                    data_of(stream)
                yield from events(stream, JobAnswer)

    def segment(self, job_id: str, concepts: Sequence[str]) -> JobAnswer:
        """Search concepts in all photos; return the job when the search has ended."""
        self.post(f"/sets/jobs/{job_id}/segment", concepts=list(concepts))
        for state in self.states(job_id):
            if state.segmentation is not None and state.segmentation.status in SEGMENTED:
                return state
        raise RefusedError("the photos were not segmented in time")

    def instances(self, job_id: str, **filters: str | int) -> list[InstanceAnswer]:
        """Return the instances of a job, all pages."""
        path, results = f"/sets/jobs/{job_id}/instances", []
        cursor: dict[str, str | int] = {}
        while True:
            page = self.get(path, Listed[InstanceAnswer], limit=100, **filters, **cursor)
            results += page.results
            if not page.next_cursor:
                return results
            cursor = {"cursor": page.next_cursor}

    def click(
        self, job_id: str, idx: int, concept: str, truth: Mask, *, clicks: int = 6
    ) -> InstanceAnswer:
        """Click until the mask agrees with the truth, or so many times; return the instance."""
        path = f"/sets/jobs/{job_id}/instances"
        points = [_next_point(np.zeros_like(truth), truth)]
        body: dict[str, object] = {"idx": idx, "concept": concept, "points": points}
        while True:
            instance = self.post(path, InstanceAnswer, **body)
            mask = self.mask(instance, truth.shape)
            if len(points) == clicks or (mask & truth).sum() / (mask | truth).sum() >= ENOUGH:
                return instance
            points.append(_next_point(mask, truth))
            body["instance_id"] = instance.instance_id

    def mask(self, instance: InstanceAnswer, shape: tuple[int, ...]) -> Mask:
        """Return the mask of an instance; raises RefusedError for another size than `shape`."""
        with Image.open(io.BytesIO(self.file(instance.mask_url))) as image:
            mask = np.asarray(image.convert("1"))
        if mask.shape != shape:
            raise RefusedError(f"the mask is {mask.shape}, the photo {shape}")
        return mask

    def execute(self, job_id: str, **settings: object) -> JobAnswer:
        """Apply rules to the album; return the job when it has ended."""
        self.post(f"/sets/jobs/{job_id}/execute", **settings)
        return self.ended(job_id)

    def ended(self, job_id: str) -> JobAnswer:
        """Wait for the end of a job; return the job."""
        for state in self.states(job_id):
            if state.status in ENDED:
                return state
        raise RefusedError("the job did not end in time")

    def export(self, job_id: str, **query: str) -> bytes:
        """Return the archive of a job, waiting while it is made."""
        path = f"{API}/sets/jobs/{job_id}/export"
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < deadline:
            response = self._http.get(path, params=query)
            if response.status_code == httpx.codes.FOUND:
                return self.file(response.headers["location"])
            if response.status_code != httpx.codes.ACCEPTED:
                data_of(response)
            time.sleep(POLL_SECONDS)
        raise RefusedError("the archive was not made in time")

    def file(self, url: str | None) -> bytes:
        """Return the file at a signed URL, requested without the account's token.

        Raises RefusedError without a URL: the file is deleted.
        """
        if url is None:
            raise RefusedError("the file is deleted")
        absolute = str(self._http.base_url.join(url))
        response = httpx.get(absolute, follow_redirects=True, timeout=60)
        response.raise_for_status()
        return response.content


def _next_point(mask: Mask, truth: Mask) -> dict[str, float | bool]:
    """Return the next click of a person who sees `truth` and got `mask`."""
    click = next_click(mask, truth)
    return ClickPoint(x=click.x, y=click.y, include=click.is_included).model_dump()
