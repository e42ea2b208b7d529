"""Check webhooks of a Style License site; only the standard library is used.

    message = verify_webhook(body, request.headers, os.environ["WEBHOOK_SECRET"])
    if message.type == "generation.completed":
        ...message.data["generation_id"]

Messages are signed as Standard Webhooks says. A message may come more than once: whoever acts on it
remembers its `id`.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300


class NotFromSite(Exception):
    """The message was not signed with the secret, was changed, or is too old."""


@dataclass(frozen=True)
class WebhookMessage:
    """A message of the site.

    Attributes:
        id: the same when the message is sent again.
        type: such as generation.completed.
        timestamp: when it happened, in ISO 8601.
        data: numbers and ids that the API resolves.

    """

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


def verify_webhook(
    body: bytes, headers: Mapping[str, str], secret: str, *, now: float | None = None
) -> WebhookMessage:
    """Return a message whose signature is valid. Raises NotFromSite.

    Args:
        body: of the request, byte by byte as it came.
        headers: of the request; their names in any case.
        secret: of the address, `whsec_` and base64.
        now: the time in seconds since 1970, if not that of this machine.

    """
    named = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp = named["webhook-id"], named["webhook-timestamp"]
        signatures = named["webhook-signature"].split()
        age = (time.time() if now is None else now) - int(timestamp)
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (KeyError, ValueError, binascii.Error) as error:
        raise NotFromSite("a header or the secret is missing or malformed") from error
    if abs(age) > TOLERANCE_SECONDS:
        raise NotFromSite("the message is too old, or a clock is wrong")
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key, signed, hashlib.sha256)
    expected = b"v1," + base64.b64encode(digest)
    if not any(hmac.compare_digest(expected, each.encode()) for each in signatures):
        raise NotFromSite("no signature is that of the secret")
    content = json.loads(body)
    return WebhookMessage(message_id, content["type"], content["timestamp"], content["data"])
