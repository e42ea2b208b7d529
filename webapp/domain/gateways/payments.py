"""The payment provider: Toss Payments, or its local sandbox at TOSS_BASE_URL, with the same API.

The provider moves money only for a confirm or a cancel request. After a broken connection the
result of a request is unknown. Then it is sent again with the same Idempotency-Key, and the
provider executes it once. The provider also replays errors, so after a refusal a new request needs
a new key.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
import structlog
from pydantic import AliasPath, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from webapp.domain.settings import Settings

log = structlog.get_logger()
TOSS = "https://api.tosspayments.com"
TOSS_SCRIPT = "https://js.tosspayments.com/v2/standard"
KOREA = timezone(timedelta(hours=9))
ATTEMPTS = 3
READ_SECONDS, CONNECT_SECONDS = 15, 3
PAGE = 1000
KEY = re.compile(r"[A-Za-z0-9_=-]{1,200}", re.ASCII)
NOT_FOUND = "NOT_FOUND_PAYMENT"
CANCELED_BY_BUYER = "PAY_PROCESS_CANCELED"
# A request with this key is still being processed; its response comes with a retry.
STILL_RUNNING = "IDEMPOTENT_REQUEST_PROCESSING"
# Our API keys are wrong: the error says nothing about the payment.
MISCONFIGURED = frozenset({"UNAUTHORIZED_KEY", "INVALID_API_KEY", "INCORRECT_BASIC_AUTH_FORMAT"})


class PaymentStatus(StrEnum):
    """The status of a payment at the provider; money moves when it becomes DONE."""

    READY = "READY"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING_FOR_DEPOSIT = "WAITING_FOR_DEPOSIT"
    DONE = "DONE"
    CANCELED = "CANCELED"
    PARTIAL_CANCELED = "PARTIAL_CANCELED"
    ABORTED = "ABORTED"
    EXPIRED = "EXPIRED"


class PaymentsUnavailable(Exception):
    """The result of the request is unknown; it may be sent again with the same key."""


class PaymentRefused(Exception):
    """The provider refused the request; `code` is the provider's."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message


class _ResponseModel(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, hide_input_in_errors=True)


class ProviderFailure(_ResponseModel):
    """Why a payment failed, in the words of the provider, with whatever else it says."""

    model_config = ConfigDict(extra="allow")

    code: str = ""
    message: str = ""


class Payment(_ResponseModel):
    """A payment as the provider returns it; amounts in whole units of the currency."""

    payment_key: str
    order_id: str
    status: PaymentStatus
    total_amount: int
    currency: str
    approved_at: AwareDatetime | None = None
    receipt_url: Annotated[str | None, Field(validation_alias=AliasPath("receipt", "url"))] = None
    failure: ProviderFailure | None = None


class Transaction(_ResponseModel):
    """One transaction of the provider: money charged (DONE) or refunded (…CANCELED)."""

    transaction_key: str
    payment_key: str
    order_id: str
    status: PaymentStatus
    amount: int
    transaction_at: AwareDatetime


class PaymentProvider(Protocol):
    """Every method raises PaymentsUnavailable within a minute if the result is unknown."""

    def confirm(
        self, *, payment_key: str, order_id: str, amount: int, idempotency_key: str
    ) -> Payment:
        """Charge the amount that the buyer has approved, or raise PaymentRefused."""

    def cancel(self, *, payment_key: str, reason: str, idempotency_key: str) -> Payment:
        """Refund the whole amount, or raise PaymentRefused."""

    def payment(self, payment_key: str) -> Payment | None:
        """Return a payment, or None if the provider has no such payment."""

    def payment_of_order(self, order_id: str) -> Payment | None:
        """Return the newest payment of an order, or None if there is no payment."""

    def transactions(self, since: datetime, until: datetime) -> Iterator[Transaction]:
        """List the provider's transactions between two times, oldest first."""


def configured_payments(settings: Settings) -> PaymentProvider:
    """Return the provider of the settings."""
    return TossPayments(
        base_url=settings.toss_base_url or TOSS, secret_key=settings.toss_secret_key
    )


_retry = retry(
    retry=retry_if_exception_type(PaymentsUnavailable),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    reraise=True,
)
_PAYMENT = TypeAdapter(Payment)
_TRANSACTIONS = TypeAdapter(list[Transaction])
Parsed = TypeVar("Parsed")


class TossPayments:
    """Toss Payments over HTTP; connects at the first request."""

    def __init__(self, *, base_url: str, secret_key: str) -> None:
        self._http = httpx.Client(
            base_url=base_url,
            auth=(secret_key, ""),
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        )

    def confirm(
        self, *, payment_key: str, order_id: str, amount: int, idempotency_key: str
    ) -> Payment:
        """See `PaymentProvider.confirm`."""
        body: dict[str, str | int] = {
            "paymentKey": payment_key,
            "orderId": order_id,
            "amount": amount,
        }
        return _parsed(_PAYMENT, self._command("/v1/payments/confirm", body, idempotency_key))

    def cancel(self, *, payment_key: str, reason: str, idempotency_key: str) -> Payment:
        """See `PaymentProvider.cancel`."""
        path = f"/v1/payments/{quote(payment_key, safe='')}/cancel"
        return _parsed(_PAYMENT, self._command(path, {"cancelReason": reason}, idempotency_key))

    def payment(self, payment_key: str) -> Payment | None:
        """See `PaymentProvider.payment`."""
        # A key comes from the client: text that is not a key must not become part of a path.
        return self._get(f"/v1/payments/{payment_key}") if KEY.fullmatch(payment_key) else None

    def payment_of_order(self, order_id: str) -> Payment | None:
        """See `PaymentProvider.payment_of_order`."""
        return self._get(f"/v1/payments/orders/{quote(order_id, safe='')}")

    def transactions(self, since: datetime, until: datetime) -> Iterator[Transaction]:
        """See `PaymentProvider.transactions`."""
        query = {"startDate": _korean(since), "endDate": _korean(until), "limit": str(PAGE)}
        while True:
            page = _parsed(_TRANSACTIONS, self._send("GET", "/v1/transactions", params=query))
            yield from page
            if len(page) < PAGE:
                return
            query["startingAfter"] = page[-1].transaction_key

    def _get(self, path: str) -> Payment | None:
        try:
            return _parsed(_PAYMENT, self._send("GET", path))
        except PaymentRefused as refusal:
            if refusal.code == NOT_FOUND:
                return None
            raise PaymentsUnavailable(refusal.code) from refusal

    def _command(self, path: str, body: Mapping[str, str | int], idempotency_key: str) -> Any:
        headers = {"Idempotency-Key": idempotency_key}
        return self._send("POST", path, json=body, headers=headers)

    @_retry
    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._http.request(method, path, **options)
            body = response.json()
        except (httpx.TransportError, ValueError) as error:
            raise PaymentsUnavailable(type(error).__name__) from error
        if response.is_success:
            return body
        raise _error_of(response, body)


def _error_of(response: httpx.Response, body: Any) -> PaymentsUnavailable | PaymentRefused:
    code = str(body.get("code", "")) if isinstance(body, dict) else ""
    if code in MISCONFIGURED:
        log.error("payment provider refuses our key", code=code)
    is_failed_read = response.is_server_error and response.request.method == "GET"
    if not code or code == STILL_RUNNING or code in MISCONFIGURED or is_failed_read:
        return PaymentsUnavailable(code or f"HTTP {response.status_code}")
    return PaymentRefused(code, str(body.get("message", "")))


def _parsed(adapter: TypeAdapter[Parsed], body: Any) -> Parsed:
    try:
        return adapter.validate_python(body)
    except ValueError as error:
        log.exception("invalid response of the payment provider")
        raise PaymentsUnavailable("invalid response") from error


def _korean(moment: datetime) -> str:
    """Return a time in the provider's format: Korean time without an offset."""
    return moment.astimezone(KOREA).strftime("%Y-%m-%dT%H:%M:%S")
