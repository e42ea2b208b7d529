"""Every error class against a table of codes and statuses that is written independently."""

import pytest

from webapp.domain import api_key_errors, errors, image_errors, images, sets_errors
from webapp.domain.errors import DomainError

# Clients rely on these: a code or a status is changed here on purpose or not at all.
STATUSES = {
    "INVALID_REQUEST": 400,
    "INVALID_PACKAGE": 400,
    "PURCHASE_EXPIRED": 400,
    "SELF_FOLLOW_NOT_ALLOWED": 400,
    "UNAUTHORIZED": 401,
    "SESSION_EXPIRED": 401,
    "API_KEY_INVALID": 401,
    "API_KEY_EXPIRED": 401,
    "AUTH_REQUIRED": 401,
    "TOKEN_EXPIRED": 401,
    "TOKEN_INVALID": 401,
    "INSUFFICIENT_TOKENS": 402,
    "PAYMENT_FAILED": 402,
    "CREDITS_EXHAUSTED": 402,
    "FORBIDDEN": 403,
    "CSRF_FAILED": 403,
    "API_KEY_SCOPE_MISSING": 403,
    "API_KEY_NOT_ALLOWED": 403,
    "ACCOUNT_INACTIVE": 403,
    "ARTIST_ONLY": 403,
    "STYLE_LIMIT_REACHED": 403,
    "RULE_SLOT_FULL": 403,
    "PLAN_REQUIRED": 403,
    "CALLBACK_UNAUTHORIZED": 403,
    "NOT_FOUND": 404,
    "STYLE_NOT_FOUND": 404,
    "GENERATION_NOT_FOUND": 404,
    "COLLECTION_NOT_FOUND": 404,
    "COMMENT_NOT_FOUND": 404,
    "ARTWORK_NOT_FOUND": 404,
    "TAG_NOT_FOUND": 404,
    "JOB_NOT_FOUND": 404,
    "RULE_NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "ALREADY_ADOPTED": 409,
    "ALREADY_ARTIST": 409,
    "DUPLICATE_USERNAME": 409,
    "DUPLICATE_STYLE_NAME": 409,
    "REFUND_REQUESTED": 409,
    "REFUND_NOT_REQUESTED": 409,
    "DUPLICATE_FOLLOW": 409,
    "DUPLICATE_LIKE": 409,
    "DUPLICATE_PICTURE": 409,
    "DUPLICATE_REPORT": 409,
    "STYLE_IN_USE": 409,
    "TRAINING_IN_PROGRESS": 409,
    "GENERATION_STILL_PROCESSING": 409,
    "INVALID_TRANSITION": 409,
    "PAYOUT_OPEN": 409,
    "PAYOUT_DECIDED": 409,
    "ALREADY_CANCELED": 409,
    "ALREADY_REFUNDED": 409,
    "TRY_OUT_FREE": 409,
    "TRY_OUT_PRIVATE": 409,
    "TRY_OUTS_USED_UP": 409,
    "RESTYLE_PRIVATE": 409,
    "API_KEY_LIMIT_REACHED": 409,
    "WEBHOOK_LIMIT_REACHED": 409,
    "WEBHOOK_DISABLED": 409,
    "COLLECTION_LIMIT_REACHED": 409,
    "COLLECTION_FULL": 409,
    "PIN_LIMIT_REACHED": 409,
    "IDEMPOTENCY_CONFLICT": 409,
    "PRICE_CHANGED": 409,
    "LICENSE_NOT_SOLD": 409,
    "UPLOAD_INCOMPLETE": 409,
    "SOURCE_JOB_UNAVAILABLE": 409,
    "JOB_NOT_FINISHED": 409,
    "PAYLOAD_TOO_LARGE": 413,
    "VALIDATION_ERROR": 422,
    "STYLE_NOT_READY": 422,
    "STYLE_OUTDATED": 422,
    "LICENSE_NOT_VALID": 422,
    "INVALID_IMAGE_FORMAT": 422,
    "IMAGE_SIZE_EXCEEDED": 422,
    "IMAGE_RESOLUTION_TOO_LOW": 422,
    "IMAGE_TOO_LARGE_PIXELS": 422,
    "IMAGE_CORRUPT": 422,
    "INSUFFICIENT_IMAGES": 422,
    "TOO_MANY_IMAGES": 422,
    "DUPLICATE_IMAGE": 422,
    "IMAGE_TOO_LONG": 422,
    "IMAGE_BLANK": 422,
    "INVALID_TAG_LANGUAGE": 422,
    "TAG_NOT_ALLOWED": 422,
    "UNKNOWN_TAGS": 422,
    "REPLY_DEPTH_EXCEEDED": 422,
    "RESULT_REJECTED": 422,
    "RATE_LIMIT_EXCEEDED": 429,
    "CONCURRENCY_LIMIT": 429,
    "INTERNAL_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
}


def descendants(error):
    for child in error.__subclasses__():
        yield child
        yield from descendants(child)


CLASSES = sorted(
    (found for found in descendants(DomainError) if found is not image_errors.ImageRefused),
    key=lambda found: found.__name__,
)


@pytest.mark.parametrize("error", CLASSES, ids=lambda found: found.__name__)
def test_every_error_has_the_status_that_clients_rely_on(error):
    assert STATUSES[error.code] == error.status


def test_no_two_classes_share_a_code():
    codes = [error.code for error in CLASSES]
    assert len(codes) == len(set(codes))


def test_errors_live_in_four_files():
    files = {each.__name__ for each in (errors, image_errors, sets_errors, api_key_errors)}
    assert {error.__module__ for error in CLASSES} == files


def test_every_verdict_on_an_image_is_an_error_with_status_422():
    assert set(images.ImageCode) <= set(image_errors.IMAGE_ERRORS)
    assert all(STATUSES[code] == 422 for code in image_errors.IMAGE_ERRORS)


def test_an_error_carries_its_details_and_no_text_for_people():
    error = errors.InsufficientTokens(required=10, available=3)
    assert error.details == {"required": 10, "available": 3}
    assert str(error) == "INSUFFICIENT_TOKENS"
