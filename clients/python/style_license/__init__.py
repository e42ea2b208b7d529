"""Use a Style License site from a program: order pictures, and call every operation of its API.

    with Site("https://styles.example", key) as site:
        picture = site.wait(site.order(4, ["harbor", "evening"])[0].id)
        content = site.download(picture.id)
        certificate = site.verify(content, picture.license_id)
        for style in site.styles.list_styles(sort="popular"):
            print(style["name"])

To order, the key needs the scope `order`. Refused requests raise ApiError; a request that found
the site busy (429, 503) or out of reach is sent again, after the time in Retry-After.
`operations.py` and `schemas.py` are generated from the OpenAPI document of the site.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from style_license import schemas as schemas
from style_license.operations import Operations
from style_license.transport import (
    NULL as NULL,
    ApiError as ApiError,
    File as File,
    Listing as Listing,
    Page as Page,
    Transport,
)
from style_license.webhooks import (
    NotFromSite as NotFromSite,
    WebhookMessage as WebhookMessage,
    verify_webhook as verify_webhook,
)

FINAL = frozenset({"completed", "failed", "canceled"})
POLL_SECONDS = 2.0


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


class Site(Operations):
    """A site, as a program of one person sees it; its operations are in groups: `site.styles.read`.

    Args:
        address: of the site, such as https://styles.example.
        key: an API key, sl_ and 40 hexadecimal digits.
        patience: seconds for which a request is repeated while the site is busy or out of reach.

    """

    def __init__(self, address: str, key: str, *, patience: float = 120.0) -> None:
        self._transport = Transport(address, key, patience=patience)
        super().__init__(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._transport.close()

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
        parameters of `generations.create`, such as `aspect_ratio`, `seed` or
        `expected_price_tokens`: of one picture in its size, 2 times the price of the style for 1:2,
        4 times for 2:2.
        """
        ordered = self.generations.create(
            style_id=style_id,
            prompt_tags=tags,
            count=count,
            idempotency_key=idempotency_key,
            **options,
        )
        return [self.picture(each) for each in ordered["batch"]["generation_ids"]]

    def picture(self, picture_id: int) -> Picture:
        """Return a picture as it is now."""
        return _picture(self.generations.read(picture_id))

    def wait(self, picture_id: int, *, seconds: float = 900.0) -> Picture:
        """Wait until a picture is completed. Raises OrderFailed, and TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            view = self.generations.read(picture_id)
            if view["status"] == "completed":
                return _picture(view)
            if view["status"] in FINAL:
                raise OrderFailed(f"{picture_id} {view['status']} {_cause(view)}".strip())
            if time.monotonic() > deadline:
                raise TimeoutError(f"picture {picture_id} is not there after {seconds:g} s")
            time.sleep(POLL_SECONDS)

    def download(self, picture_id: int) -> bytes:
        """Return the full file of a picture, a PNG."""
        return self.generations.read_image(picture_id)

    def certificate(self, license_id: str) -> Certificate:
        """Return a certificate; everybody may read it."""
        view = self.licenses.read(license_id)
        return Certificate(
            public_id=view["public_id"],
            status=view["status"],
            license_type=view["license_type"],
            artist=view["artist"]["artist_name"],
            style=view["style"]["name"],
            valid_to=view["valid_to"],
            image_sha256=view["image"]["sha256"],
        )

    def verify(self, content: bytes, license_id: str | None) -> Certificate:
        """Return the certificate of exactly this file. Raises NotGenuine if it is not valid."""
        if license_id is None:
            raise NotGenuine("a picture that is not completed has no certificate")
        certificate = self.certificate(license_id)
        if hashlib.sha256(content).hexdigest() != certificate.image_sha256:
            raise NotGenuine(f"the file is not the picture of {license_id}")
        if certificate.status != "valid":
            raise NotGenuine(f"the licence {license_id} is {certificate.status}")
        return certificate


def _cause(view: Mapping[str, Any]) -> str:
    """Return why a picture was not made; only its owner sees that."""
    return (view.get("failure") or {}).get("cause") or ""


def _picture(view: schemas.GenerationView | schemas.OwnGenerationView) -> Picture:
    return Picture(
        id=view["id"],
        status=view["status"],
        width=view["width"],
        height=view["height"],
        seed=view["seed"],
        license_id=view["license"]["public_id"] if view["license"] else None,
    )
