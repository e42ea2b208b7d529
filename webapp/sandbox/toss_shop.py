"""The state of the twin of Toss Payments: one shop's payments and transactions.

Every change is sent to the shop's webhook, with retries until it answers 200.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import httpx

from webapp.sandbox.toss_types import (
    CancelJson,
    ErrorJson,
    EventJson,
    PaymentJson,
    TransactionJson,
)

KOREA = timezone(timedelta(hours=9))
WEBHOOK_SECONDS = 20


Answer = tuple[PaymentJson | ErrorJson, int]


class Refused(Exception):
    """An error of the API: HTTP status, code, and a message for a person."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.answer: Answer = ({"code": code, "message": message}, status)


UNKNOWN = (404, "NOT_FOUND_PAYMENT", "존재하지 않는 결제 정보 입니다.")
TOO_LATE = (404, "NOT_FOUND_PAYMENT_SESSION", "결제 시간이 만료되었습니다.")
DONE_BEFORE = (400, "ALREADY_PROCESSED_PAYMENT", "이미 처리된 결제 입니다.")
FORBIDDEN = (403, "FORBIDDEN_REQUEST", "허용되지 않은 요청입니다.")
CARD_REFUSED = (403, "REJECT_CARD_PAYMENT", "한도초과 혹은 잔액부족으로 결제에 실패했습니다.")
STUMBLED = (400, "PROVIDER_ERROR", "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해주세요.")
CANCELED_BEFORE = (400, "ALREADY_CANCELED_PAYMENT", "이미 취소된 결제 입니다.")
NOT_CANCELABLE = (403, "NOT_CANCELABLE_PAYMENT", "취소 할 수 없는 결제 입니다.")
BAD_REQUEST = (400, "INVALID_REQUEST", "잘못된 요청입니다.")
BAD_KEY = (401, "UNAUTHORIZED_KEY", "인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다.")


@dataclass
class Payment:
    """One payment; `approved_until` is of the monotonic clock, in seconds."""

    payment_key: str
    order_id: str
    order_name: str
    amount: int
    approved_until: float
    requested_at: datetime
    receipt_url: str
    will_be_refused: bool = False
    stumbles: int = 0
    status: str = "IN_PROGRESS"
    approved_at: datetime | None = None
    canceled_at: datetime | None = None
    failure: ErrorJson | None = None

    def json(self) -> PaymentJson:
        """Return the payment as the API shows it."""
        is_canceled = self.status == "CANCELED"
        canceled: CancelJson = {
            "cancelAmount": self.amount,
            "canceledAt": _formatted(self.canceled_at),
        }
        return {
            "version": "2022-11-16",
            "mId": "sandbox",
            "paymentKey": self.payment_key,
            "orderId": self.order_id,
            "orderName": self.order_name,
            "type": "NORMAL",
            "method": "카드",
            "currency": "KRW",
            "country": "KR",
            "totalAmount": self.amount,
            "balanceAmount": 0 if is_canceled else self.amount,
            "status": self.status,
            "requestedAt": _formatted(self.requested_at),
            "approvedAt": _formatted(self.approved_at),
            "cancels": [canceled] if is_canceled else None,
            "receipt": {"url": self.receipt_url} if self.approved_at else None,
            "failure": self.failure,
        }

    def end(self, status: str, error: tuple[int, str, str]) -> None:
        """End without money."""
        self.status = status
        self.failure = {"code": error[1], "message": error[2]}


@dataclass
class Shop:
    """The one shop of this twin: its keys, payments and transactions; threads share its lock."""

    client_key: str
    secret_key: str
    webhook: str | None
    approval_seconds: float
    retry_seconds: tuple[float, ...]
    payments: dict[str, Payment] = field(default_factory=dict)
    transactions: list[TransactionJson] = field(default_factory=list)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def approve(self, order: dict[str, str], decision: str, *, site: str) -> Payment:
        """Create a payment that a buyer has approved; `decision` says how it continues."""
        payment_key = f"tsandbox{secrets.token_hex(16)}"
        payment = Payment(
            payment_key=payment_key,
            order_id=order["orderId"],
            order_name=order["orderName"],
            amount=int(order["amount"]),
            approved_until=time.monotonic() + self.approval_seconds,
            requested_at=_now(),
            receipt_url=f"{site}receipt/{payment_key}",
            will_be_refused=decision == "refuse",
            stumbles=1 if decision == "stumble" else 0,
        )
        if decision == "expire":
            payment.end("EXPIRED", TOO_LATE)
        with self.lock:
            self.payments[payment_key] = payment
        self._notify(payment)
        return payment

    def once(self, command: str, key: str | None, run: Callable[[], Payment]) -> Answer:
        """Run a command; a repeated idempotency key gets the same answer again, errors too."""
        with self.lock:
            if key is not None and (command, key) in self.answers:
                return self.answers[command, key]
            try:
                answer: Answer = (run().json(), 200)
            except Refused as refused:
                answer = refused.answer
            if key is not None:
                self.answers[command, key] = answer
            return answer

    def confirm(self, body: Mapping[str, object]) -> Payment:
        """Take the money of an approved payment."""
        payment = self.find(str(body.get("paymentKey", "")))
        if payment.status == "EXPIRED":
            raise Refused(*TOO_LATE)
        if payment.status != "IN_PROGRESS":
            raise Refused(*DONE_BEFORE)
        if (body.get("orderId"), body.get("amount")) != (payment.order_id, payment.amount):
            raise Refused(*FORBIDDEN)
        if payment.stumbles:
            payment.stumbles -= 1
            raise Refused(*STUMBLED)
        if payment.will_be_refused:
            payment.end("ABORTED", CARD_REFUSED)
            self._notify(payment)
            raise Refused(*CARD_REFUSED)
        payment.status, payment.approved_at = "DONE", _now()
        self._add_transaction(payment, payment.approved_at)
        return payment

    def cancel(self, payment_key: str, body: Mapping[str, object]) -> Payment:
        """Give the money back."""
        payment = self.find(payment_key)
        if not body.get("cancelReason"):
            raise Refused(*BAD_REQUEST)
        if payment.status == "CANCELED":
            raise Refused(*CANCELED_BEFORE)
        if payment.status != "DONE":
            raise Refused(*NOT_CANCELABLE)
        payment.status, payment.canceled_at = "CANCELED", _now()
        self._add_transaction(payment, payment.canceled_at)
        return payment

    def find(self, payment_key: str) -> Payment:
        """Return a payment; an approval that was not confirmed in time has expired."""
        payment = self.payments.get(payment_key)
        if payment is None:
            raise Refused(*UNKNOWN)
        if payment.status == "IN_PROGRESS" and time.monotonic() >= payment.approved_until:
            payment.end("EXPIRED", TOO_LATE)
            self._notify(payment)
        return payment

    def newest_of(self, order_id: str) -> Payment:
        """Return the newest payment of an order."""
        keys = [key for key, each in self.payments.items() if each.order_id == order_id]
        return self.find(keys[-1] if keys else "")

    def transactions_between(
        self, since: str, until: str, after: str | None
    ) -> list[TransactionJson]:
        """Return the transactions between two times of Korea, after one of them if it is named."""
        between = [row for row in self.transactions if since <= row["transactionAt"][:19] <= until]
        if after is None:
            return between
        keys = [row["transactionKey"] for row in between]
        return between[keys.index(after) + 1 :] if after in keys else []

    def _add_transaction(self, payment: Payment, at: datetime) -> None:
        self.transactions.append(
            {
                "mId": "sandbox",
                "transactionKey": secrets.token_hex(16).upper(),
                "paymentKey": payment.payment_key,
                "orderId": payment.order_id,
                "method": "카드",
                "status": payment.status,
                "transactionAt": at.isoformat(timespec="seconds"),
                "currency": "KRW",
                "amount": payment.amount,
            }
        )
        self._notify(payment)

    def _notify(self, payment: Payment) -> None:
        """Send a change to the webhook, from a thread of its own."""
        if self.webhook is None:
            return
        event: EventJson = {
            "eventType": "PAYMENT_STATUS_CHANGED",
            "createdAt": _now().replace(tzinfo=None).isoformat(),
            "data": payment.json(),
        }
        waits = (0.0, *self.retry_seconds)
        threading.Thread(target=_deliver, args=(self.webhook, event, waits), daemon=True).start()


def _deliver(url: str, event: EventJson, waits: tuple[float, ...]) -> None:
    for seconds in waits:
        time.sleep(seconds)
        try:
            response = httpx.post(url, json=event, timeout=WEBHOOK_SECONDS, trust_env=False)
        except httpx.HTTPError:
            continue
        if response.status_code == httpx.codes.OK:
            return


def _now() -> datetime:
    return datetime.now(KOREA)


def _formatted(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
