"""A local twin of Toss Payments: the same HTTP API, on its own port, for machines without it.

With `TOSS_BASE_URL` the site uses this provider by the same code as Toss: the browser opens
`/checkout` where Toss would open its window; the server confirms, reads and cancels payments and
lists transactions. Idempotency keys replay their answers, errors too; an approval that is not
confirmed lasts ten minutes; every change is sent to the site's webhook. No money moves, so the
application refuses this provider in production and with live keys, and so does this module. State
is kept in memory: run one process.

Run it: `python -m webapp.sandbox.toss --port 8002 --webhook http://127.0.0.1:8000/…`.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
)
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from webapp.sandbox import favicon
from webapp.sandbox.toss_shop import BAD_KEY, BAD_REQUEST, Answer, Payment, Refused, Shop

APPROVAL_SECONDS = 600
# Toss waits 1, 4, 16, … minutes; a sandbox need not.
RETRY_SECONDS = (1.0, 4.0, 16.0, 64.0)
USUAL_PAGE, MAX_PAGE = 100, 5000
LIVE = "live_"
ORDER = ("clientKey", "orderId", "orderName", "amount", "successUrl", "failUrl")
APPROVALS = frozenset({"pay", "refuse", "expire", "stumble", "vanish"})

provider = Blueprint("toss", __name__)


def create_app(
    *,
    client_key: str | None = None,
    secret_key: str | None = None,
    webhook: str | None = None,
    approval_seconds: float = APPROVAL_SECONDS,
    retry_seconds: tuple[float, ...] = RETRY_SECONDS,
) -> Flask:
    """Return the provider for one shop; by default with the `TOSS_` keys of the environment.

    Raises ValueError for live keys: they are for real money.
    """
    shop = Shop(
        client_key=client_key or os.environ.get("TOSS_CLIENT_KEY") or "test_ck_sandbox",
        secret_key=secret_key or os.environ.get("TOSS_SECRET_KEY") or "test_sk_sandbox",
        webhook=webhook,
        approval_seconds=approval_seconds,
        retry_seconds=retry_seconds,
    )
    if shop.client_key.startswith(LIVE) or shop.secret_key.startswith(LIVE):
        raise ValueError("The sandbox of Toss Payments takes no live keys")
    app = Flask(__name__, static_folder=None)
    app.extensions["shop"] = shop
    app.register_error_handler(Refused, lambda error: error.answer)
    app.register_blueprint(provider)
    favicon.add_to(app)
    return app


def _shop() -> Shop:
    shop: Shop = current_app.extensions["shop"]
    return shop


@provider.get("/healthz")
def health() -> Response:
    """Answer the health check of the supervisor."""
    return jsonify(status="ok")


@provider.get("/checkout")
def ask() -> str:
    """Let the buyer choose how the payment goes."""
    return render_template("toss.html", order=_order(request.args))


@provider.post("/checkout")
def decide() -> AnyResponse | str:
    """Do what the buyer chose, and send the browser back as Toss does."""
    order, decision = _order(request.form), request.form.get("decision", "")
    if decision == "cancel":  # as at Toss, without naming the order
        return _send_back(order["failUrl"], code="PAY_PROCESS_CANCELED", message="결제 취소")
    if decision not in APPROVALS:
        raise Refused(*BAD_REQUEST)
    payment = _shop().approve(order, decision, site=request.host_url)
    if decision == "vanish":
        return render_template("toss.html", order=order, vanished=True)
    return _send_back(
        order["successUrl"],
        paymentType="NORMAL",
        orderId=payment.order_id,
        paymentKey=payment.payment_key,
        amount=str(payment.amount),
    )


@provider.get("/receipt/<payment_key>")
def receipt(payment_key: str) -> str:
    """Show the buyer what was paid."""
    with _shop().lock:
        return render_template("toss_receipt.html", payment=_shop().find(payment_key))


@provider.post("/v1/payments/confirm")
def confirm() -> Answer:
    """Take the money of an approved payment."""
    return _once("confirm", lambda: _shop().confirm(_body()))


@provider.post("/v1/payments/<payment_key>/cancel")
def cancel(payment_key: str) -> Answer:
    """Give the money back."""
    return _once(f"cancel {payment_key}", lambda: _shop().cancel(payment_key, _body()))


@provider.get("/v1/payments/<payment_key>")
def show(payment_key: str) -> Answer:
    """Show a payment."""
    _check_secret()
    with _shop().lock:
        return _shop().find(payment_key).json(), 200


@provider.get("/v1/payments/orders/<order_id>")
def show_of_order(order_id: str) -> Answer:
    """Show the newest payment of an order."""
    _check_secret()
    with _shop().lock:
        return _shop().newest_of(order_id).json(), 200


@provider.get("/v1/transactions")
def transactions() -> Response:
    """Show the transactions between two times of Korea, after one of them if it is named."""
    _check_secret()
    query = request.args
    with _shop().lock:
        rows = _shop().transactions_between(
            query.get("startDate", ""), query.get("endDate", ""), query.get("startingAfter")
        )
    return jsonify(rows[: min(query.get("limit", USUAL_PAGE, type=int), MAX_PAGE)])


def _order(fields: MultiDict[str, str]) -> dict[str, str]:
    """Return the payment that the shop's page requests, or refuse it as Toss's script does."""
    order = {name: fields.get(name, "") for name in ORDER}
    if order["clientKey"] != _shop().client_key:
        raise Refused(*BAD_KEY)
    has_amount = order["amount"].isdecimal() and int(order["amount"]) > 0
    has_urls = all(urlsplit(order[url]).scheme in {"http", "https"} for url in ORDER[-2:])
    if not (order["orderId"] and has_amount and has_urls):
        raise Refused(*BAD_REQUEST)
    return order


def _send_back(url: str, **query: str) -> AnyResponse:
    separator = "&" if urlsplit(url).query else "?"
    return redirect(url + separator + urlencode(query))


def _once(command: str, run: Callable[[], Payment]) -> Answer:
    _check_secret()
    return _shop().once(command, request.headers.get("Idempotency-Key"), run)


def _check_secret() -> None:
    basic = request.authorization
    if basic is None or (basic.username, basic.password) != (_shop().secret_key, ""):
        raise Refused(*BAD_KEY)


def _body() -> Mapping[str, object]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(*BAD_REQUEST)
    return body


def main() -> None:
    """Serve on loopback until stopped."""
    parser = argparse.ArgumentParser(description="A local twin of Toss Payments.")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--webhook", help="URL that every change of a payment is sent to")
    options = parser.parse_args()
    app = create_app(webhook=options.webhook)
    app.run(host="127.0.0.1", port=options.port, threaded=True, use_reloader=False)


if __name__ == "__main__":
    main()
