"""What the twin of Toss Payments remembers: one shop's payments and books, and how they change.

Every change is told to the shop's webhook, again and again until it answers 200.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx

KOREA = timezone(timedelta(hours=9))
WEBHOOK_SECONDS = 20

Answer = tuple[dict[str, Any], int]


class Refused(Exception):
    """An error of the contract: HTTP status, code, and words for a person."""

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
    failure: dict[str, str] | None = None

    def shown(self) -> dict[str, Any]:
        """Return the payment as the contract shows it."""
        is_canceled = self.status == "CANCELED"
        canceled = {"cancelAmount": self.amount, "canceledAt": _told(self.canceled_at)}
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
            "requestedAt": _told(self.requested_at),
            "approvedAt": _told(self.approved_at),
            "cancels": [canceled] if is_canceled else None,
            "receipt": {"url": self.receipt_url} if self.approved_at else None,
            "failure": self.failure,
        }

    def end(self, status: str, why: tuple[int, str, str]) -> None:
        """End without money."""
        self.status = status
        self.failure = {"code": why[1], "message": why[2]}


@dataclass
class Shop:
    """The one shop we know: its keys, payments and books; safe among threads under its lock."""

    client_key: str
    secret_key: str
    webhook: str | None
    approval_seconds: float
    retry_seconds: tuple[float, ...]
    payments: dict[str, Payment] = field(default_factory=dict)
    books: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def approve(self, order: dict[str, str], decision: str, *, site: str) -> Payment:
        """Note that a buyer has approved a payment, and how it will go on."""
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
        self._tell(payment)
        return payment

    def once(self, command: str, key: str | None, run: Callable[[], Payment]) -> Answer:
        """Answer a command; under a key that was used, answer the same again, errors too."""
        with self.lock:
            if key is not None and (command, key) in self.answers:
                return self.answers[command, key]
            try:
                answer: Answer = (run().shown(), 200)
            except Refused as refused:
                answer = refused.answer
            if key is not None:
                self.answers[command, key] = answer
            return answer

    def confirm(self, body: dict[str, Any]) -> Payment:
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
            self._tell(payment)
            raise Refused(*CARD_REFUSED)
        payment.status, payment.approved_at = "DONE", _now()
        self._write(payment, payment.approved_at)
        return payment

    def cancel(self, payment_key: str, body: dict[str, Any]) -> Payment:
        """Give the money back."""
        payment = self.find(payment_key)
        if not body.get("cancelReason"):
            raise Refused(*BAD_REQUEST)
        if payment.status == "CANCELED":
            raise Refused(*CANCELED_BEFORE)
        if payment.status != "DONE":
            raise Refused(*NOT_CANCELABLE)
        payment.status, payment.canceled_at = "CANCELED", _now()
        self._write(payment, payment.canceled_at)
        return payment

    def find(self, payment_key: str) -> Payment:
        """Return a payment; an approval that nobody confirmed in time has expired."""
        payment = self.payments.get(payment_key)
        if payment is None:
            raise Refused(*UNKNOWN)
        if payment.status == "IN_PROGRESS" and time.monotonic() >= payment.approved_until:
            payment.end("EXPIRED", TOO_LATE)
            self._tell(payment)
        return payment

    def newest_of(self, order_id: str) -> Payment:
        """Return the newest payment of an order."""
        keys = [key for key, each in self.payments.items() if each.order_id == order_id]
        return self.find(keys[-1] if keys else "")

    def lines(self, since: str, until: str, after: str | None) -> list[dict[str, Any]]:
        """Return what the books say between two times of Korea, behind a line if one is named."""
        found = [line for line in self.books if since <= line["transactionAt"][:19] <= until]
        keys = [line["transactionKey"] for line in found]
        return found if after is None else found[keys.index(after) + 1 :] if after in keys else []

    def _write(self, payment: Payment, at: datetime) -> None:
        self.books.append(
            {
                "mId": "sandbox",
                "transactionKey": secrets.token_hex(16).upper(),
                "paymentKey": payment.payment_key,
                "orderId": payment.order_id,
                "method": "카드",
                "status": payment.status,
                "transactionAt": _told(at),
                "currency": "KRW",
                "amount": payment.amount,
            }
        )
        self._tell(payment)

    def _tell(self, payment: Payment) -> None:
        """Tell the shop of a change, from a thread of its own."""
        if self.webhook is None:
            return
        event = {
            "eventType": "PAYMENT_STATUS_CHANGED",
            "createdAt": _now().replace(tzinfo=None).isoformat(),
            "data": payment.shown(),
        }
        waits = (0.0, *self.retry_seconds)
        threading.Thread(target=_deliver, args=(self.webhook, event, waits), daemon=True).start()


def _deliver(url: str, event: dict[str, Any], waits: tuple[float, ...]) -> None:
    for seconds in waits:
        time.sleep(seconds)
        try:
            answer = httpx.post(url, json=event, timeout=WEBHOOK_SECONDS, trust_env=False)
        except httpx.HTTPError:
            continue
        if answer.status_code == httpx.codes.OK:
            return


def _now() -> datetime:
    return datetime.now(KOREA)


def _told(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
