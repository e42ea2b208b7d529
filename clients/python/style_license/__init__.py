"""Order pictures on a Style License site from a program, and check their certificates.

    with Site("https://styles.example", key) as site:
        picture = site.wait(site.order(4, ["harbor", "evening"])[0].id)
        content = site.download(picture.id)
        certificate = site.verify(content, picture.license_id)

The key needs the scope `order`. Refused requests raise ApiError; a request that found the site busy
(429, 503) or out of reach is sent again, after the time in Retry-After.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from style_license.webhooks import (
    NotFromSite as NotFromSite,
    WebhookMessage as WebhookMessage,
    verify_webhook as verify_webhook,
)

BUSY = frozenset({429, 503})
UNCHANGED, REDIRECT, FIRST_ERROR = 304, 302, 400
FINAL = frozenset({"completed", "failed", "canceled"})
POLL_SECONDS, RETRY_SECONDS = 2.0, 5.0


class ApiError(Exception):
    """The site refused a request; `code` is stable, `message` is for people."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        self.status = status
        self.code = str(error.get("code", "UNKNOWN"))
        self.message = str(error.get("message", ""))
        self.details: dict[str, Any] = error.get("details", {})
        super().__init__(f"{status} {self.code}: {self.message} {self.details or ''}".strip())


class OrderFailed(Exception):
    """A picture was not made; its tokens are returned."""


class NotGenuine(Exception):
    """The content is not the picture of its certificate, or its licence is not valid now."""


@dataclass(frozen=True)
class Picture:
    """An ordered picture; `license_id` is that of its certificate, once it is completed."""

    id: int
    status: str
    width: int
    height: int
    seed: int
    license_id: str | None


@dataclass(frozen=True)
class Certificate:
    """What the certificate of a picture says; `status` is valid, expired or revoked."""

    public_id: str
    status: str
    license_type: str
    artist: str
    style: str
    valid_to: str | None
    image_sha256: str


class Site:
    """A site, as a program of one person sees it.

    Args:
        address: of the site, such as https://styles.example.
        key: an API key, sl_ and 40 hexadecimal digits.
        patience: seconds for which a request is repeated while the site is busy or out of reach.

    """

    def __init__(self, address: str, key: str, *, patience: float = 120.0) -> None:
        self._api = f"{address.rstrip('/')}/api/v1"
        self._key = {"Authorization": f"Bearer {key}"}
        self._patience = patience
        self._http = httpx.Client(timeout=30.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def order(
        self,
        style_id: int,
        tags: Sequence[str],
        *,
        count: int = 1,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> list[Picture]:
        """Order up to four pictures, and return them as they are now: mostly in the queue.

        Repeated with the same `idempotency_key` within a day it orders nothing new: use the number
        of your own order, so that a program that was stopped can go on. `options` are further
        fields of POST /generations, such as `aspect_ratio`, `seed` or `expected_price_tokens`:
        of one picture in its size, 2 times the price of the style for 1:2, 4 times for 2:2.
        """
        body = {"style_id": style_id, "prompt_tags": [*tags], "count": count} | options
        key = {"Idempotency-Key": idempotency_key or uuid4().hex}
        ordered = self._call("POST", "/generations", json=body, headers=key).json()["data"]
        return [self.picture(each) for each in ordered["batch"]["generation_ids"]]

    def picture(self, picture_id: int) -> Picture:
        """Return a picture as it is now."""
        return _picture(self._call("GET", f"/generations/{picture_id}"))

    def wait(self, picture_id: int, *, seconds: float = 900.0) -> Picture:
        """Wait until a picture is completed. Raises OrderFailed, and TimeoutError."""
        deadline = time.monotonic() + seconds
        tag: dict[str, str] = {}
        while True:
            answer = self._call("GET", f"/generations/{picture_id}", headers=tag)
            if answer.status_code != UNCHANGED:
                picture = _picture(answer)
                tag = {"If-None-Match": answer.headers["ETag"]}
                if picture.status == "completed":
                    return picture
                if picture.status in FINAL:
                    failure = answer.json()["data"].get("failure") or {}
                    raise OrderFailed(f"{picture_id} {picture.status} {failure.get('cause') or ''}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"picture {picture_id} is not there after {seconds:g} s")
            time.sleep(POLL_SECONDS)

    def download(self, picture_id: int) -> bytes:
        """Return the full file of a picture, a PNG."""
        answer = self._call("GET", f"/generations/{picture_id}/image")
        if answer.status_code == REDIRECT:  # to a signed URL, which needs no key
            answer = self._sent("GET", answer.headers["Location"], {})
        return answer.content

    def certificate(self, license_id: str) -> Certificate:
        """Return a certificate; everybody may read it."""
        data = self._call("GET", f"/licenses/{quote(license_id, safe='')}").json()["data"]
        return Certificate(
            public_id=data["public_id"],
            status=data["status"],
            license_type=data["license_type"],
            artist=data["artist"]["artist_name"],
            style=data["style"]["name"],
            valid_to=data["valid_to"],
            image_sha256=data["image"]["sha256"],
        )

    def verify(self, content: bytes, license_id: str) -> Certificate:
        """Return the certificate of exactly this file. Raises NotGenuine if it is not valid."""
        certificate = self.certificate(license_id)
        if hashlib.sha256(content).hexdigest() != certificate.image_sha256:
            raise NotGenuine(f"the file is not the picture of {license_id}")
        if certificate.status != "valid":
            raise NotGenuine(f"the licence {license_id} is {certificate.status}")
        return certificate

    def _call(
        self, method: str, path: str, *, json: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return self._sent(method, self._api + path, self._key | (headers or {}), json)

    def _sent(
        self, method: str, url: str, headers: dict[str, str], json: object = None
    ) -> httpx.Response:
        """Send a request until it is answered. A POST has an Idempotency-Key: it runs once."""
        deadline = time.monotonic() + self._patience
        while True:
            wait, answer = RETRY_SECONDS, None
            try:
                answer = self._http.request(method, url, json=json, headers=headers)
            except httpx.TransportError:
                if time.monotonic() + wait > deadline:
                    raise
            if answer is not None:
                after = answer.headers.get("Retry-After", "")
                wait = float(after) if after.isdecimal() else wait
                if answer.status_code not in BUSY or time.monotonic() + wait > deadline:
                    return _accepted(answer)
            time.sleep(wait)


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.status_code < FIRST_ERROR:
        return answer
    is_json = answer.headers.get("Content-Type", "").startswith("application/json")
    raise ApiError(answer.status_code, answer.json()["error"] if is_json else {})


def _picture(answer: httpx.Response) -> Picture:
    data = answer.json()["data"]
    fields = {name: data[name] for name in ("id", "status", "width", "height", "seed")}
    return Picture(**fields, license_id=data["license"]["public_id"] if data["license"] else None)
