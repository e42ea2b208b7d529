"""/wallet: balances, packages, transactions, payments, and the artist's earnings."""

from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    session,
    stream_with_context,
    url_for,
)
from pydantic import Field, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from webapp.domain.errors import DomainError, NotFound
from webapp.domain.gateways.payments import TOSS_SCRIPT
from webapp.domain.models.payment import PurchaseStatus
from webapp.domain.queries import (
    payments as payment_queries,
    tokens as token_queries,
)
from webapp.domain.queries.pagination import MAX_CURSOR, PageRequest
from webapp.domain.queries.payments import OrderDetail
from webapp.domain.queries.tokens import TransactionFilter
from webapp.domain.services import (
    earnings,
    notifications,
    packages,
    purchases,
    sets_purchases,
)
from webapp.extensions import app_settings, db, payment_addresses, storage
from webapp.http import bodies, headers, idempotency, localize
from webapp.http.access import own_transactions, signed_in, user
from webapp.http.google import local_path
from webapp.pages import (
    clock,
    links,
    page_header,
    payment_words,
    wallet_export,
)
from webapp.pages.earnings import own_earnings
from webapp.pages.fragments import is_fragment
from webapp.pages.problems import Problems, by_field
from webapp.schemas.tokens import Conversion, TransactionQuery

blueprint = Blueprint("wallet", __name__)
PURCHASES_SHOWN = 10
MONTH = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
# Session key: the page to return to after a payment.
AFTER = "after_purchase"


class LedgerQuery(TransactionQuery):
    """Query of the transactions: by type and by month of the reader's time zone.

    `payments` is the cursor of earlier payments.
    """

    month: str | None = Field(None, pattern=MONTH)
    payments: str | None = Field(None, max_length=MAX_CURSOR)

    @property
    def filters(self) -> TransactionFilter:
        """Return the filters of the query."""
        if self.month is None:
            return TransactionFilter(type=self.type)
        first = clock.month_named(self.month)
        return TransactionFilter(type=self.type, since=first, until=clock.month_after(first))


@blueprint.get("/wallet")
@signed_in
def show() -> str:
    """Show balances, packages, transactions and payments, and the state of `order` in the query.

    For htmx, only the transactions, or their next rows.
    """
    query = _query()
    ledger = _ledger(query)
    if is_fragment():
        return render_template(
            "wallet/rows.html" if query.cursor else "wallet/ledger.html", **ledger
        )
    return _page(ledger, payments=query.payments)


def refused(problems: Problems, form: str) -> str:
    """Return the whole wallet, with the errors of one of its forms."""
    return _page(_ledger(LedgerQuery()), {form: problems})


def _page(
    ledger: dict[str, object],
    problems: dict[str, Problems] | None = None,
    payments: str | None = None,
) -> str:
    """Return the whole wallet, with errors by form, and with the payments behind a cursor."""
    page = payment_queries.own(
        db.session(),
        payment_addresses(),
        user_id=user().id,
        status=None,
        page=PageRequest(limit=PURCHASES_SHOWN, cursor=payments),
        with_abandoned=False,
    )
    order = _order(request.args.get("order", ""))
    page_header.mark_seen(notifications.of_targets("purchase", "payout"))
    return render_template(
        "wallet/index.html",
        problems=problems or {},
        tokens=token_queries.balance(db.session(), user().id),
        packages=packages.on_offer(),
        purchases=page.results,
        earlier_payments=page.next_cursor,
        order=order,
        after=_after(order),
        earnings=own_earnings(),
        **ledger,
    )


@blueprint.get("/wallet/ledger.csv")
@own_transactions
@signed_in
def export() -> Response:
    """Stream the filtered transactions as CSV."""
    query = _query()
    lines = wallet_export.lines(user().id, query.filters)
    name = "-".join(["style-license", query.month or "ledger", query.type])
    return Response(
        stream_with_context(lines),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


@blueprint.post("/wallet/purchases")
@blueprint.post("/tokens/purchase")
@signed_in
def buy() -> AnyResponse:
    """Create a payment for a package of tokens or Sets, and redirect to its page."""
    package_id = request.form.get("package_id", "")

    def run() -> dict[str, str]:
        if sets_purchases.is_offered(package_id):
            purchase = sets_purchases.order_any(db.session(), user=user(), package_id=package_id)
        else:
            purchase = purchases.order_tokens(
                db.session(), user_id=user().id, package_id=package_id
            )
        return {"order_id": purchase.order_id}

    order_id = idempotency.form_once("POST /wallet/purchases", {"package_id": package_id}, run)[
        "order_id"
    ]
    after = local_path(request.form.get("next", ""))
    if after != "/":
        session[AFTER] = [order_id, after]
    return redirect(url_for(".pay", order_id=order_id), 303)


@blueprint.post("/wallet/conversions")
@signed_in
def convert() -> AnyResponse | tuple[str, int]:
    """Make earned tokens available."""
    try:
        body = Conversion.model_validate(request.form.to_dict())
        idempotency.form_once(
            "POST /wallet/conversions", body.model_dump(), partial(_convert, body)
        )
    except (ValidationError, DomainError) as error:
        texts, status = by_field(error, "amount")
        return refused(texts, "conversion"), status
    return redirect(url_for(".show", saved="conversion", _anchor="earnings-title"), 303)


def _convert(body: Conversion) -> dict[str, int]:
    return {"transfer_id": earnings.convert(db.session(), user().id, body.amount)}


@blueprint.get("/wallet/purchases/<order_id>/pay")
@signed_in
def pay(order_id: str) -> AnyResponse:
    """Show the payment page: Toss by its script, the sandbox by a link."""
    order = _detail(order_id)
    if order.status != PurchaseStatus.PENDING:
        return redirect(url_for(".show", order=order_id, status=order.status))
    settings = app_settings()
    checkout = {
        "clientKey": settings.toss_client_key,
        "orderId": order_id,
        "orderName": payment_words.goods(order),
        "amount": order.total_price,
        "successUrl": payment_addresses().success,
        "failUrl": payment_addresses().fail(order_id),
    }
    sandbox = settings.toss_base_url and f"{settings.toss_base_url}/checkout?{urlencode(checkout)}"
    answer = make_response(
        render_template(
            "wallet/pay.html", order=order, checkout=checkout, sandbox=sandbox, script=TOSS_SCRIPT
        )
    )
    if not sandbox:
        headers.allow_payment_window(answer, settings)
    return answer


@blueprint.get("/tokens")
@signed_in
def old_address() -> AnyResponse:
    """Redirect the former URL of the wallet, which the provider still redirects to."""
    return redirect(links.with_known(".show", links.WALLET))


@blueprint.get("/tokens/purchase/<order_id>/pay")
@signed_in
def old_pay_address(order_id: str) -> AnyResponse:
    """Redirect the former URL of the payment page."""
    return redirect(url_for(".pay", order_id=order_id))


def _query() -> LedgerQuery:
    fields = {name: text for name, text in request.args.items() if text}
    return LedgerQuery.model_validate(fields)


def _ledger(query: LedgerQuery) -> dict[str, object]:
    """Return the context of the templates of the transactions."""
    page = token_queries.transactions(
        db.session(), storage(), user_id=user().id, filters=query.filters, page=bodies.page(query)
    )
    return {
        "transactions": [localize.transaction(row) for row in page.results],
        "of_earned": {row.id for row in page.results if token_queries.is_of_earned(row)},
        "next_cursor": page.next_cursor,
        "filters": query,
        "months": _months(user().created_at),
        "query": {"type": [query.type], "month": [query.month] if query.month else []},
    }


def _months(since: datetime) -> list[datetime]:
    """Return the months since a time in the reader's time zone, newest first."""
    month, first = clock.month_of(datetime.now(UTC)), clock.month_of(since)
    months = [month]
    while month > first:
        month = clock.month_before(month)
        months.append(month)
    return months


def _after(order: OrderDetail | None) -> str | None:
    """Return the page the buyer came from: from the query, or from the session of the payment."""
    named = local_path(request.args.get("next", ""))
    if named != "/":
        return named
    order_id, after = session.get(AFTER) or (None, None)
    return after if order and order.order_id == order_id else None


def _order(order_id: str) -> OrderDetail | None:
    """Return the payment of the query if it is the user's own; other query fields are ignored."""
    try:
        return _detail(order_id)
    except NotFound:
        return None


def _detail(order_id: str) -> OrderDetail:
    return payment_queries.detail(
        db.session(), payment_addresses(), user_id=user().id, order_id=order_id
    )
