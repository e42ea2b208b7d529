"""The errors that a client can receive: small classes with a stable code and an HTTP status.

The messages are in the translations, by code. docs/api.md (Errors) lists all errors with the names
in `details`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Self


class FieldProblem(str):
    """What is wrong with one field: an English sentence, translated by its `message`.

    The string itself is the English text, for places where no language is known.
    """

    __slots__ = ("message", "values")

    message: str
    values: Mapping[str, str | float]

    def __new__(cls, message: str, **values: str | float) -> Self:
        """Fill the placeholders of a message such as “At most %(most)d tags.”."""
        problem = super().__new__(cls, message % values if values else message)
        problem.message, problem.values = message, values
        return problem


class DomainError(Exception):
    """Base of all errors with a code; raised by services, mapped to HTTP in one place."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, **details: Any) -> None:
        super().__init__(self.code)
        self.details = details


class InternalError(DomainError):
    """An unexpected error; its text is never sent to the client."""


class ServiceUnavailable(DomainError):
    code = "SERVICE_UNAVAILABLE"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class RateLimitExceeded(DomainError):
    code = "RATE_LIMIT_EXCEEDED"
    status = HTTPStatus.TOO_MANY_REQUESTS


class MethodNotAllowed(DomainError):
    code = "METHOD_NOT_ALLOWED"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class PayloadTooLarge(DomainError):
    code = "PAYLOAD_TOO_LARGE"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class InvalidRequest(DomainError):
    code = "INVALID_REQUEST"
    status = HTTPStatus.BAD_REQUEST


class InvalidPackage(DomainError):
    code = "INVALID_PACKAGE"
    status = HTTPStatus.BAD_REQUEST


class PurchaseExpired(DomainError):
    code = "PURCHASE_EXPIRED"
    status = HTTPStatus.BAD_REQUEST


class SelfFollowNotAllowed(DomainError):
    code = "SELF_FOLLOW_NOT_ALLOWED"
    status = HTTPStatus.BAD_REQUEST


class ValidationFailed(DomainError):
    """`fields` maps each bad field to its texts."""

    code = "VALIDATION_ERROR"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unauthorized(DomainError):
    code = "UNAUTHORIZED"
    status = HTTPStatus.UNAUTHORIZED


class SessionExpired(DomainError):
    code = "SESSION_EXPIRED"
    status = HTTPStatus.UNAUTHORIZED


class AccountInactive(DomainError):
    code = "ACCOUNT_INACTIVE"
    status = HTTPStatus.FORBIDDEN


class Forbidden(DomainError):
    code = "FORBIDDEN"
    status = HTTPStatus.FORBIDDEN


class CsrfFailed(DomainError):
    code = "CSRF_FAILED"
    status = HTTPStatus.FORBIDDEN


class ArtistOnly(DomainError):
    code = "ARTIST_ONLY"
    status = HTTPStatus.FORBIDDEN


class CallbackUnauthorized(DomainError):
    code = "CALLBACK_UNAUTHORIZED"
    status = HTTPStatus.FORBIDDEN


class StyleLimitReached(DomainError):
    code = "STYLE_LIMIT_REACHED"
    status = HTTPStatus.FORBIDDEN


class NotFound(DomainError):
    code = "NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class StyleNotFound(DomainError):
    code = "STYLE_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class GenerationNotFound(DomainError):
    code = "GENERATION_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class CollectionNotFound(DomainError):
    code = "COLLECTION_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class CommentNotFound(DomainError):
    code = "COMMENT_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class ArtworkNotFound(DomainError):
    code = "ARTWORK_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class TagNotFound(DomainError):
    code = "TAG_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class AlreadyArtist(DomainError):
    code = "ALREADY_ARTIST"
    status = HTTPStatus.CONFLICT


class DuplicateUsername(DomainError):
    code = "DUPLICATE_USERNAME"
    status = HTTPStatus.CONFLICT


class DuplicateLike(DomainError):
    code = "DUPLICATE_LIKE"
    status = HTTPStatus.CONFLICT


class DuplicatePicture(DomainError):
    """`generation_id` is the buyer's first image of this picture; `generation_ids` are all."""

    code = "DUPLICATE_PICTURE"
    status = HTTPStatus.CONFLICT


class DuplicateFollow(DomainError):
    code = "DUPLICATE_FOLLOW"
    status = HTTPStatus.CONFLICT


class DuplicateReport(DomainError):
    code = "DUPLICATE_REPORT"
    status = HTTPStatus.CONFLICT


class StyleInUse(DomainError):
    code = "STYLE_IN_USE"
    status = HTTPStatus.CONFLICT


class AlreadyRefunded(DomainError):
    code = "ALREADY_REFUNDED"
    status = HTTPStatus.CONFLICT


class RefundRequested(DomainError):
    """A refund of the payment `order_id` is requested already, or has begun."""

    code = "REFUND_REQUESTED"
    status = HTTPStatus.CONFLICT


class RefundNotRequested(DomainError):
    """There is no open refund request of the payment `order_id`."""

    code = "REFUND_NOT_REQUESTED"
    status = HTTPStatus.CONFLICT


class DuplicateStyleName(DomainError):
    code = "DUPLICATE_STYLE_NAME"
    status = HTTPStatus.CONFLICT


class TrainingInProgress(DomainError):
    code = "TRAINING_IN_PROGRESS"
    status = HTTPStatus.CONFLICT


class GenerationStillProcessing(DomainError):
    code = "GENERATION_STILL_PROCESSING"
    status = HTTPStatus.CONFLICT


class InvalidTransition(DomainError):
    code = "INVALID_TRANSITION"
    status = HTTPStatus.CONFLICT


class TryOutPrivate(DomainError):
    """A try-out picture cannot be made public."""

    code = "TRY_OUT_PRIVATE"
    status = HTTPStatus.CONFLICT


class TryOutFree(DomainError):
    """A try-out picture is free, so it cannot be refunded."""

    code = "TRY_OUT_FREE"
    status = HTTPStatus.CONFLICT


class TryOutsUsedUp(DomainError):
    """`limit` is the number of try-out pictures of one training run, `left` how many remain."""

    code = "TRY_OUTS_USED_UP"
    status = HTTPStatus.CONFLICT


class CollectionLimitReached(DomainError):
    """`limit` is the number of collections that a person may have."""

    code = "COLLECTION_LIMIT_REACHED"
    status = HTTPStatus.CONFLICT


class CollectionFull(DomainError):
    """`limit` is the number of pictures in a collection, also of those no longer shown in it."""

    code = "COLLECTION_FULL"
    status = HTTPStatus.CONFLICT


class PayoutOpen(DomainError):
    """`payout_id` is the open payout request of this artist."""

    code = "PAYOUT_OPEN"
    status = HTTPStatus.CONFLICT


class PayoutDecided(DomainError):
    """`payout_status` says how the payout request ended."""

    code = "PAYOUT_DECIDED"
    status = HTTPStatus.CONFLICT


class PinLimitReached(DomainError):
    """`limit` is the number of pictures that an artist may pin to the own page."""

    code = "PIN_LIMIT_REACHED"
    status = HTTPStatus.CONFLICT


class AlreadyCanceled(DomainError):
    code = "ALREADY_CANCELED"
    status = HTTPStatus.CONFLICT


class IdempotencyConflict(DomainError):
    code = "IDEMPOTENCY_CONFLICT"
    status = HTTPStatus.CONFLICT


class PriceChanged(DomainError):
    code = "PRICE_CHANGED"
    status = HTTPStatus.CONFLICT


class LicenseNotSold(DomainError):
    """The style does not sell the chosen licence; `prices` lists what it sells."""

    code = "LICENSE_NOT_SOLD"
    status = HTTPStatus.CONFLICT


class UploadIncomplete(DomainError):
    code = "UPLOAD_INCOMPLETE"
    status = HTTPStatus.CONFLICT


class InsufficientTokens(DomainError):
    code = "INSUFFICIENT_TOKENS"
    status = HTTPStatus.PAYMENT_REQUIRED


class PaymentFailed(DomainError):
    code = "PAYMENT_FAILED"
    status = HTTPStatus.PAYMENT_REQUIRED


class StyleNotReady(DomainError):
    code = "STYLE_NOT_READY"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class StyleOutdated(DomainError):
    code = "STYLE_OUTDATED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class LicenseNotValid(DomainError):
    code = "LICENSE_NOT_VALID"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class InvalidTagLanguage(DomainError):
    code = "INVALID_TAG_LANGUAGE"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TagNotAllowed(DomainError):
    code = "TAG_NOT_ALLOWED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UnknownTags(DomainError):
    """Neither the base model nor the style knows any of the words; `tags` lists the tags."""

    code = "UNKNOWN_TAGS"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ReplyDepthExceeded(DomainError):
    code = "REPLY_DEPTH_EXCEEDED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ResultRejected(DomainError):
    code = "RESULT_REJECTED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class WebhookLimitReached(DomainError):
    """`limit` is the number of addresses that a person may have, disabled ones too."""

    code = "WEBHOOK_LIMIT_REACHED"
    status = HTTPStatus.CONFLICT


class WebhookDisabled(DomainError):
    """Nothing is sent to the address until its person enables it."""

    code = "WEBHOOK_DISABLED"
    status = HTTPStatus.CONFLICT
