"""A visitor of Sets, through HTTP only: uploads an album, clicks, applies rules, exports."""

import io
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx
import numpy as np
from PIL import Image

from gpu.rules.colour import Mask
from gpu.segmenting.scenes.drawing import Scene
from gpu.segmenting.scenes.person import next_click
from webapp.embedded.person import API, Person, RefusedError, data_of

POLL_SECONDS = 0.3
LONGEST_WAIT_SECONDS = 600
JPEG = "image/jpeg"
ENOUGH = 0.97  # agreement at which a person stops clicking


@dataclass(frozen=True)
class AlbumPhoto:
    """One drawn photo of an album: what is uploaded, and what a person sees on it."""

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
    """An account of Sets and what it does: anonymous, or that of a person who signed in."""

    def __init__(self, base_url: str, person: Person | None = None) -> None:
        self.authorization = ""
        if person is not None:
            self._http = person.http
        else:
            self._http = httpx.Client(base_url=base_url, timeout=httpx.Timeout(60, connect=10))
            account = self.post("/sets/auth/anon")
            self.authorization = f"Bearer {account['token']}"
            self._http.headers["Authorization"] = self.authorization

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: str | int) -> Any:
        """Return the data of a GET."""
        return self._call("GET", path, params=params)

    def post(self, path: str, **json: object) -> Any:
        """Return the data of a POST."""
        return self._call("POST", path, json=json)

    def patch(self, path: str, **json: object) -> Any:
        """Return the data of a PATCH."""
        return self._call("PATCH", path, json=json)

    def _call(self, method: str, path: str, **request: Any) -> Any:
        """Call the API, and again when it says for how long it has been called too often."""
        while True:
            try:
                return data_of(self._http.request(method, f"{API}{path}", **request))
            except RefusedError as refused:
                if refused.code != "RATE_LIMIT_EXCEEDED":
                    raise
                time.sleep(refused.details["retry_after"])

    def upload(self, preset: str, photos: Sequence[AlbumPhoto]) -> str:
        """Create a job of photos, upload them, wait until all are checked; return its id."""
        contents = [photo.data for photo in photos]
        job = self.post(
            "/sets/jobs",
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
        for place in job["upload"]:
            content = contents[place["idx"]]
            answer = httpx.request(
                place["method"], place["url"], headers=place["headers"], content=content
            )
            answer.raise_for_status()
        job_id: str = job["job_id"]
        self.post(f"/sets/jobs/{job_id}/confirm-upload")
        for state in self.states(job_id):
            if all(item["status"] == "ready" for item in state["items"]):
                return job_id
        raise RefusedError("the photos were not checked in time")

    def states(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield every state of a job from its event stream, for ten minutes at most."""
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < deadline:
            with self._http.stream("GET", f"{API}/sets/jobs/{job_id}/events") as stream:
                if stream.status_code != httpx.codes.OK:
                    stream.read()
                    data_of(stream)
                for line in stream.iter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))

    def segment(self, job_id: str, concepts: Sequence[str]) -> dict[str, Any]:
        """Have concepts searched in all photos; return the job when that has ended."""
        self.post(f"/sets/jobs/{job_id}/segment", concepts=list(concepts))
        for state in self.states(job_id):
            if state["segmentation"]["status"] in {"ready", "failed"}:
                return state
        raise RefusedError("the photos were not segmented in time")

    def instances(self, job_id: str, **wanted: str | int) -> list[dict[str, Any]]:
        """Return the instances of a job, all pages."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str | int] = {}
        while True:
            page = self.get(f"/sets/jobs/{job_id}/instances", limit=100, **wanted, **cursor)
            found += page["results"]
            if not page["next_cursor"]:
                return found
            cursor = {"cursor": page["next_cursor"]}

    def click(
        self, job_id: str, idx: int, concept: str, truth: Mask, *, clicks: int = 6
    ) -> dict[str, Any]:
        """Click until the mask agrees with what is seen, or so many times; return the instance."""
        points: list[dict[str, Any]] = []
        mask = np.zeros_like(truth)
        instance: dict[str, Any] = {}
        for _ in range(clicks):
            click = next_click(mask, truth)
            points.append({"x": click.x, "y": click.y, "include": click.is_included})
            named = {"instance_id": instance["instance_id"]} if instance else {}
            instance = self.post(
                f"/sets/jobs/{job_id}/instances", idx=idx, concept=concept, points=points, **named
            )
            mask = self.mask(instance["mask_url"], truth.shape)
            if (mask & truth).sum() / (mask | truth).sum() >= ENOUGH:
                break
        return instance

    def mask(self, url: str, shape: tuple[int, ...]) -> Mask:
        """Return a mask of the site; raises RefusedError for another size than `shape`."""
        with Image.open(io.BytesIO(self.file(url))) as image:
            mask = np.asarray(image.convert("1"))
        if mask.shape != shape:
            raise RefusedError(f"the mask is {mask.shape}, the photo {shape}")
        return mask

    def execute(self, job_id: str, **settings: object) -> dict[str, Any]:
        """Apply rules to the album; return the job when it has ended."""
        self.post(f"/sets/jobs/{job_id}/execute", **settings)
        return self.ended(job_id)

    def ended(self, job_id: str) -> dict[str, Any]:
        """Wait for the end of a job."""
        for state in self.states(job_id):
            if state["status"] in {"done", "failed", "canceled"}:
                return state
        raise RefusedError("the job did not end in time")

    def export(self, job_id: str, **wanted: str) -> bytes:
        """Return the archive of a job, waiting while it is made."""
        path = f"{API}/sets/jobs/{job_id}/export"
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < deadline:
            answer = self._http.get(path, params=wanted)
            if answer.status_code == httpx.codes.FOUND:
                return self.file(answer.headers["location"])
            if answer.status_code != httpx.codes.ACCEPTED:
                data_of(answer)
            time.sleep(POLL_SECONDS)
        raise RefusedError("the archive was not made in time")

    def file(self, url: str) -> bytes:
        """Return what lies at a signed address; the account's token stays at home."""
        answer = httpx.get(str(self._http.base_url.join(url)), follow_redirects=True, timeout=60)
        answer.raise_for_status()
        return answer.content
