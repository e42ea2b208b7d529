"""JSON objects of the API of Toss Payments, as far as the twin has them."""

from typing import TypedDict


class ErrorJson(TypedDict):
    """An error of Toss; the message is for a person."""

    code: str
    message: str


class CancelJson(TypedDict):
    """One entry of a payment's `cancels`."""

    cancelAmount: int
    canceledAt: str | None


class ReceiptJson(TypedDict):
    """A payment's `receipt`."""

    url: str


class PaymentJson(TypedDict):
    """A payment, as the API of Toss describes it."""

    version: str
    mId: str
    paymentKey: str
    orderId: str
    orderName: str
    type: str
    method: str
    currency: str
    country: str
    totalAmount: int
    balanceAmount: int
    status: str
    requestedAt: str | None
    approvedAt: str | None
    cancels: list[CancelJson] | None
    receipt: ReceiptJson | None
    failure: ErrorJson | None


class TransactionJson(TypedDict):
    """A transaction, as the API of Toss describes it."""

    mId: str
    transactionKey: str
    paymentKey: str
    orderId: str
    method: str
    status: str
    transactionAt: str
    currency: str
    amount: int


class EventJson(TypedDict):
    """What the webhook is sent."""

    eventType: str
    createdAt: str
    data: PaymentJson
