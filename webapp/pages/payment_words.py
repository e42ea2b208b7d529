"""Labels and texts of payments and transactions, in the language of the request."""

from flask_babel import LazyString, format_decimal, gettext, lazy_gettext as _, ngettext

from webapp.domain.models.payment import Product, Purchase
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
TRANSACTION_TYPES: dict[str, LazyString] = {
    "all": _("All"),
    "purchase": _("Purchases"),
    "usage": _("Pictures ordered"),
    "refund": _("Refunds"),
    "earning": _("Earned"),
    "bonus": _("Bonuses"),
}
TRANSACTION_STATES: dict[str, LazyString] = {
    "pending": _("held until delivery"),
    "refunded": _("refunded"),
}


def purchase_news(order: OrderDetail) -> LazyString:
    """Return the text about the state of a payment, for its buyer."""
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
