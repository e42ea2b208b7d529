"""Signatures are those of Standard Webhooks."""

import base64
import hashlib
import hmac

from webapp.domain import webhook_signatures

# Secret, message and signature that the specification's own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = {"message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": 1614265330}
BODY = b'{"test": 2432232314}'
PUBLISHED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_example_is_signed_as_published():
    assert webhook_signatures.headers([SECRET], **MESSAGE, body=BODY) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": PUBLISHED,
    }


def test_each_valid_secret_signs():
    other = webhook_signatures.new_secret()
    both = webhook_signatures.headers([other, SECRET], **MESSAGE, body=BODY)["webhook-signature"]
    alone = webhook_signatures.headers([other], **MESSAGE, body=BODY)["webhook-signature"]
    assert both == f"{alone} {PUBLISHED}"


def test_a_new_secret_is_used_as_bytes():
    secret = webhook_signatures.new_secret()
    assert secret != webhook_signatures.new_secret()
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    assert len(key) == 32
    signed = f"{MESSAGE['message_id']}.{MESSAGE['timestamp']}.".encode() + BODY
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    [signature] = webhook_signatures.headers([secret], **MESSAGE, body=BODY)[
        "webhook-signature"
    ].split()
    assert signature == f"v1,{expected}"
