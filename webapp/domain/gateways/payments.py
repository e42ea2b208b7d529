"""The payment provider: Toss Payments, or its local twin at TOSS_BASE_URL, by the same contract.

Money moves at the provider only when we confirm, or cancel. Whether a command was carried out can
be unknown (the line broke); then the same Idempotency-Key may be sent again, and the provider
carries the command out once. It replays errors too, so after a refusal only a new key asks anew.
"""

import re
from collections.abc import Iterator
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
# The command runs already under this key; its answer will be there when we ask again.
STILL_RUNNING = "IDEMPOTENT_REQUEST_PROCESSING"
# Our own keys are wrong: nothing is said about the payment.
MISCONFIGURED = frozenset({"UNAUTHORIZED_KEY", "INVALID_API_KEY", "INCORRECT_BASIC_AUTH_FORMAT"})


class PaymentStatus(StrEnum):
    """Where a payment stands at the provider; money has moved once it was DONE, never before."""

    READY = "READY"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING_FOR_DEPOSIT = "WAITING_FOR_DEPOSIT"
    DONE = "DONE"
    CANCELED = "CANCELED"
    PARTIAL_CANCELED = "PARTIAL_CANCELED"
    ABORTED = "ABORTED"
    EXPIRED = "EXPIRED"


class PaymentsUnavailable(Exception):
    """The provider gave no clear answer; the same call may be made again."""


class PaymentRefused(Exception):
    """The provider said no; `code` is its own."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, hide_input_in_errors=True)


class Payment(_Told):
    """What the provider says of one payment; amounts in whole units of the currency."""

    payment_key: str
    order_id: str
    status: PaymentStatus
    total_amount: int
    currency: str
    approved_at: AwareDatetime | None = None
    receipt_url: Annotated[str | None, Field(validation_alias=AliasPath("receipt", "url"))] = None
    failure: dict[str, Any] | None = None


class Transaction(_Told):
    """One line of the provider's books: money taken (DONE) or given back (…CANCELED)."""

    transaction_key: str
    payment_key: str
    order_id: str
    status: PaymentStatus
    amount: int
    transaction_at: AwareDatetime


class PaymentProvider(Protocol):
    """Every method raises PaymentsUnavailable, within a minute, when there is no clear answer."""

    def confirm(
        self, *, payment_key: str, order_id: str, amount: int, idempotency_key: str
    ) -> Payment:
        """Take the money that a buyer has approved, or raise PaymentRefused."""

    def cancel(self, *, payment_key: str, reason: str, idempotency_key: str) -> Payment:
        """Give all the money back, or raise PaymentRefused."""

    def payment(self, payment_key: str) -> Payment | None:
        """Return what became of a payment, or None when the provider knows no such payment."""

    def payment_of_order(self, order_id: str) -> Payment | None:
        """Return the newest payment of an order, or None when nobody began to pay."""

    def transactions(self, since: datetime, until: datetime) -> Iterator[Transaction]:
        """List the provider's books between two times, oldest first."""


def configured_payments(settings: Settings) -> PaymentProvider:
    """Return the provider that the settings name."""
    return TossPayments(
        base_url=settings.toss_base_url or TOSS, secret_key=settings.toss_secret_key
    )


_persistently = retry(
    retry=retry_if_exception_type(PaymentsUnavailable),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    reraise=True,
)
_PAYMENT = TypeAdapter(Payment)
_TRANSACTIONS = TypeAdapter(list[Transaction])
Told = TypeVar("Told")


class TossPayments:
    """Toss Payments over HTTP; connects at the first call."""

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
        body = {"paymentKey": payment_key, "orderId": order_id, "amount": amount}
        return _read(_PAYMENT, self._command("/v1/payments/confirm", body, idempotency_key))

    def cancel(self, *, payment_key: str, reason: str, idempotency_key: str) -> Payment:
        """See `PaymentProvider.cancel`."""
        path = f"/v1/payments/{quote(payment_key, safe='')}/cancel"
        return _read(_PAYMENT, self._command(path, {"cancelReason": reason}, idempotency_key))

    def payment(self, payment_key: str) -> Payment | None:
        """See `PaymentProvider.payment`."""
        # What no provider would have made must not become a path.
        return self._found(f"/v1/payments/{payment_key}") if KEY.fullmatch(payment_key) else None

    def payment_of_order(self, order_id: str) -> Payment | None:
        """See `PaymentProvider.payment_of_order`."""
        return self._found(f"/v1/payments/orders/{quote(order_id, safe='')}")

    def transactions(self, since: datetime, until: datetime) -> Iterator[Transaction]:
        """See `PaymentProvider.transactions`."""
        query = {"startDate": _korean(since), "endDate": _korean(until), "limit": str(PAGE)}
        while True:
            page = _read(_TRANSACTIONS, self._send("GET", "/v1/transactions", params=query))
            yield from page
            if len(page) < PAGE:
                return
            query["startingAfter"] = page[-1].transaction_key

    def _found(self, path: str) -> Payment | None:
        try:
            return _read(_PAYMENT, self._send("GET", path))
        except PaymentRefused as refusal:
            if refusal.code == NOT_FOUND:
                return None
            raise PaymentsUnavailable(refusal.code) from refusal

    def _command(self, path: str, body: dict[str, Any], idempotency_key: str) -> Any:
        headers = {"Idempotency-Key": idempotency_key}
        return self._send("POST", path, json=body, headers=headers)

    @_persistently
    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
            told = answer.json()
        except (httpx.TransportError, ValueError) as error:
            raise PaymentsUnavailable(type(error).__name__) from error
        if answer.is_success:
            return told
        raise _trouble(answer, told)


def _trouble(answer: httpx.Response, told: Any) -> PaymentsUnavailable | PaymentRefused:
    code = str(told.get("code", "")) if isinstance(told, dict) else ""
    if code in MISCONFIGURED:
        log.error("payment provider refuses our key", code=code)
    is_broken_read = answer.is_server_error and answer.request.method == "GET"
    if not code or code == STILL_RUNNING or code in MISCONFIGURED or is_broken_read:
        return PaymentsUnavailable(code or f"HTTP {answer.status_code}")
    return PaymentRefused(code, str(told.get("message", "")))


def _read(kind: TypeAdapter[Told], told: Any) -> Told:
    try:
        return kind.validate_python(told)
    except ValueError as error:
        log.exception("payment provider not understood")
        raise PaymentsUnavailable("not understood") from error


def _korean(moment: datetime) -> str:
    """Return a time as the provider reads it: of Korea, without a zone."""
    return moment.astimezone(KOREA).strftime("%Y-%m-%dT%H:%M:%S")
