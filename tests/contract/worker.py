"""A simulated GPU worker: claims, uploads a canned result and reports, by HTTP alone."""

import hashlib
import struct
from typing import Any, Self

import httpx

from tests.images import encoded, scene
from tests.waiting import wait_for

_TENSOR = b'{"unet.a.lora_A.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
# What a training would have made: a style file of one number.
ADAPTER = struct.pack("<Q", len(_TENSOR)) + _TENSOR + bytes(4)
PNG = {"Content-Type": "image/png"}


class Worker:
    """Both kinds of worker in one."""

    def __init__(self, site: str, token: str) -> None:
        self._http = httpx.Client(base_url=f"{site}/api/v1", timeout=60)
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, **body: Any) -> httpx.Response:
        """Call a webhook as the worker whose business it is."""
        source = "training-server" if "training" in path else "inference-server"
        headers = {"Authorization": f"Bearer {self._token}", "X-Request-Source": source}
        return self._http.request(method, f"/webhooks/{path}", json=body, headers=headers)

    def claim(self, kind: str, wanted: int) -> Any:
        """Claim until the job of one style or image is among what was given; return that job."""
        name = {"training": "style_id", "generation": "generation_id"}[kind]

        def found() -> Any:
            answer = self.call("POST", "claim", worker="simulated", kinds=[kind], max=16)
            jobs = answer.json()["data"]["jobs"]
            return next((job for job in jobs if job["payload"][name] == wanted), None)

        return wait_for(found, f"{kind} {wanted} to be due", seconds=60, every=0.2)

    def put(self, upload: dict[str, Any], content: bytes) -> str:
        """Upload a result where the job says; return its SHA-256."""
        answer = self._http.put(upload["url"], content=content, headers=upload["headers"])
        assert answer.is_success, answer.text
        return hashlib.sha256(content).hexdigest()

    def finish_training(self, job: Any, style_id: int) -> httpx.Response:
        """End a claimed training well."""
        upload = job["upload"]
        sha256 = self.put(upload["adapter"], ADAPTER + str(style_id).encode())
        self.put(upload["sample-000"], encoded(scene(512, 512, seed=style_id)))
        answer = self.call(
            "POST",
            "training/complete",
            style_id=style_id,
            fence=job["fence"],
            model_path=upload["adapter"]["key"],
            adapter_sha256=sha256,
            training_metric={"loss": 0.1, "epochs": 10},
            sample_keys=[upload["sample-000"]["key"]],
        )
        assert answer.json()["data"]["applied"], answer.text
        return answer

    def render(self, generation_id: int) -> Any:
        """Do a whole rendering; return the job it was."""
        job = self.claim("generation", generation_id)
        answer = self.complete(job)
        assert answer.json()["data"]["applied"], answer.text
        return job

    def complete(self, job: Any, *, image: bytes | None = None, **changes: Any) -> httpx.Response:
        """Report a claimed rendering as done, truthfully but for the changes."""
        payload, upload = job["payload"], job["upload"]["image"]
        width, height = payload["width"], payload["height"]
        drawn = image or encoded(scene(width, height, seed=payload["generation_id"]))
        truth = {
            "generation_id": payload["generation_id"],
            "attempt": job["attempt"],
            "result_key": upload["key"],
            "sha256": self.put(upload, drawn),
            "seed": payload["seed"],
            "width": width,
            "height": height,
            "adapter_sha256": payload["adapter_sha256"],
        }
        return self.call("POST", "inference/complete", **truth | changes)

    def fail(self, job: Any, cause: str) -> Any:
        """Report a claimed rendering as failed."""
        return self.call(
            "POST",
            "inference/failed",
            generation_id=job["payload"]["generation_id"],
            attempt=job["attempt"],
            error_code=cause,
        ).json()["data"]
