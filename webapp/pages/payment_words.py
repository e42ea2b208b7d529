"""Labels and texts of payments and transactions, in the language of the request."""

from flask_babel import LazyString, format_decimal, gettext, lazy_gettext as _, ngettext

from webapp.domain.gateways.payments import CANCELED_BY_BUYER
from webapp.domain.models.ledger import TransferKind
from webapp.domain.models.payment import Product, Purchase
from webapp.domain.models.payout import PayoutStatus
from webapp.domain.queries.payments import Order, OrderDetail
from webapp.domain.queries.purchases import UserPurchase

PURCHASE_STATES: dict[str, LazyString] = {
    "pending": _("Not paid yet"),
    "authorized": _("Confirming"),
    "paid": _("Paid"),
    "failed": _("Payment failed"),
    "expired": _("Expired"),
    "refunded": _("Refunded"),
}
PURCHASE_NEWS: dict[str, LazyString] = {
    "pending": _("Not paid yet. No money was taken."),
    "authorized": _(
        "Your payment is being confirmed. Please do not pay again: your tokens are added"
        " as soon as it is confirmed, or no money is taken."
    ),
    "paid": _("Thank you. Your tokens have been added."),
    "failed": _("The payment failed. No money was taken; you can try again."),
    "expired": _(
        "The payment expired before it was completed. No money was taken; please buy again."
    ),
    "refunded": _("This payment was refunded."),
}
# Texts for payments of Sets that differ from those of tokens; {"status": text}.
SETS_PURCHASE_NEWS: dict[str, LazyString] = {
    "authorized": _(
        "Your payment is being confirmed. Please do not pay again: your credits are added"
        " as soon as it is confirmed, or no money is taken."
    ),
    "paid": _("Thank you. Your credits have been added."),
}
CANCELED = _("You canceled the payment. No money was taken.")
TRANSACTION_TYPES: dict[str, LazyString] = {
    "all": _("All"),
    "purchase": _("Purchases"),
    "usage": _("Pictures ordered"),
    "refund": _("Refunds"),
    "earning": _("Earned"),
    "payout": _("Payouts"),
    "bonus": _("Bonuses"),
}
TRANSACTION_STATES: dict[str, LazyString] = {
    "pending": _("held until delivery"),
    "refunded": _("refunded"),
}
PAYOUT_STATES: dict[str, LazyString] = {
    PayoutStatus.REQUESTED: _("Requested"),
    PayoutStatus.SETTLED: _("Paid out"),
    PayoutStatus.DECLINED: _("Declined"),
    PayoutStatus.WITHDRAWN: _("Withdrawn"),
    PayoutStatus.RETURNED: _("Returned by the bank"),
}
# Lines of a statement of earned tokens.
STATEMENT_LINES: dict[TransferKind, LazyString] = {
    TransferKind.PAYOUT: _("Picture sold"),
    TransferKind.REVERSAL: _("Picture refunded to its buyer"),
    TransferKind.CONVERSION_BACK: _("Taken from the available tokens for a refund"),
    TransferKind.COVER: _("Refund paid by the platform"),
    TransferKind.CONVERSION: _("Made available for pictures"),
    TransferKind.PAYOUT_REQUEST: _("Payout requested"),
    TransferKind.PAYOUT_RETURN: _("Payout declined or withdrawn"),
    TransferKind.PAYOUT_SETTLEMENT: _("Paid out"),
    TransferKind.PAYOUT_REVERSAL: _("Payout returned by the bank"),
}


def is_canceled(order: OrderDetail) -> bool:
    """Tell whether the buyer backed out of a payment."""
    return order.failure is not None and order.failure["code"] == CANCELED_BY_BUYER


def purchase_news(order: OrderDetail) -> LazyString:
    """Return the text about the state of a payment, for its buyer."""
    if is_canceled(order):
        return CANCELED
    of_sets = SETS_PURCHASE_NEWS if order.product != Product.TOKENS else {}
    return of_sets.get(order.status) or PURCHASE_NEWS[order.status]


def goods(order: Order | UserPurchase | Purchase) -> str:
    """Return what a payment buys, such as “500 tokens” or “Sets Pro, one month with 200 credits”.

    `order` is a purchase or a view of one.
    """
    tokens = order.amount_tokens
    if order.product == Product.TOKENS:
        return ngettext("%(count)s token", "%(count)s tokens", tokens, count=format_decimal(tokens))
    count = format_decimal(order.amount_credits)
    if order.product == Product.SETS_PRO:
        return gettext("Sets Pro, one month with %(count)s credits", count=count)
    return gettext("%(count)s credits for Sets", count=count)
