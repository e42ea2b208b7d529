"""verify_webhook: what the site signs is accepted, and nothing else."""

import ast
import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

import pytest
from style_license import NotFromSite, verify_webhook, webhooks

from webapp.domain import webhook_signatures

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the published example
NOW = 1_800_000_000
BODY = json.dumps(
    {"type": "generation.completed", "timestamp": "2027-01-15T08:00:00Z", "data": {"id": 7}}
).encode()


def headers(*signing, body=BODY, timestamp=NOW):
    return webhook_signatures.headers(
        signing or [SECRET], message_id="msg_1", timestamp=timestamp, body=body
    )


def verified(body=BODY, sent=None, secret=SECRET):
    return verify_webhook(body, sent or headers(), secret, now=NOW)


def test_what_the_site_signs_is_accepted():
    message = verified()
    assert (message.id, message.type, message.data) == ("msg_1", "generation.completed", {"id": 7})


def test_the_signature_is_that_of_an_independent_computation():
    key = base64.b64decode(SECRET.partition("_")[2])
    text = b"msg_1.%d.%s" % (NOW, BODY)
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    sent = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(NOW),
        "Webhook-Signature": f"v1a,other v1,{'A' * 43}= v1,{signature}",
    }
    assert verified(sent=sent).id == "msg_1"


def test_after_a_change_of_the_secret_both_are_accepted():
    earlier = webhook_signatures.new_secret()
    sent = headers(SECRET, earlier)
    assert verified(sent=sent).id == verified(sent=sent, secret=earlier).id


@pytest.mark.parametrize(
    "change",
    [
        {"body": BODY + b" "},
        {"secret": webhook_signatures.new_secret()},
        {"secret": "whsec_not base64"},
        {"sent": headers() | {"webhook-id": "msg_2"}},
        {"sent": headers() | {"webhook-timestamp": str(NOW + 1)}},
        {"sent": headers() | {"webhook-timestamp": "soon"}},
        {"sent": headers() | {"webhook-signature": ""}},
        {"sent": headers() | {"webhook-signature": "v1,é"}},
        {"sent": headers(timestamp=NOW - 301)},
        {"sent": headers(timestamp=NOW + 301)},
        {"sent": {"webhook-id": "msg_1"}},
        {"sent": {"content-type": "application/json"}},
    ],
)
def test_anything_else_is_refused(change):
    with pytest.raises(NotFromSite):
        verified(**change)


def test_it_needs_the_standard_library_alone():
    tree = ast.parse(Path(webhooks.__file__).read_text(encoding="utf-8"))
    names = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names <= sys.stdlib_module_names
