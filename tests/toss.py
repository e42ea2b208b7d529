"""The sandbox of Toss Payments as a real server, and buyers in front of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tasks.on_cpu import housekeeping
from tests.fixtures import ENVIRONMENT
from tests.serving import served
from webapp.domain.db import unit_of_work
from webapp.domain.gateways.payments import TossPayments
from webapp.domain.models.account import User
from webapp.domain.models.payment import Purchase
from webapp.domain.services import payments, purchases
from webapp.domain.settings import settings
from webapp.sandbox.toss import create_app
from webapp.sandbox.toss_shop import Shop

CLIENT_KEY, SECRET_KEY = ENVIRONMENT["TOSS_CLIENT_KEY"], ENVIRONMENT["TOSS_SECRET_KEY"]
SITE = ENVIRONMENT["PUBLIC_BASE_URL"]


@dataclass
class Toss:
    """The running sandbox, its memory, and our client of it."""

    url: str
    shop: Shop

    @property
    def provider(self) -> TossPayments:
        return TossPayments(base_url=self.url, secret_key=SECRET_KEY)

    def choose(self, decision: str, order_id: str, amount: int = 10_000) -> httpx.Response:
        """Press one of the buttons of the checkout page."""
        return httpx.post(
            f"{self.url}/checkout",
            data={
                "clientKey": CLIENT_KEY,
                "orderId": order_id,
                "orderName": "100 tokens",
                "amount": str(amount),
                "successUrl": f"{SITE}/api/v1/tokens/purchase/success",
                "failUrl": f"{SITE}/api/v1/tokens/purchase/fail?orderId={order_id}",
                "decision": decision,
            },
            timeout=60,
        )

    def approve(self, order_id: str, decision: str = "pay", amount: int = 10_000) -> str:
        """Let a buyer approve a payment; return its key."""
        answer = self.choose(decision, order_id, amount)
        if decision == "vanish":
            assert answer.status_code == 200
            return list(self.shop.payments)[-1]
        return parse_qs(urlsplit(answer.headers["Location"]).query)["paymentKey"][0]

    def buy(self, buyer: User) -> Purchase:
        """Let somebody order a hundred tokens and pay them, in real commits."""
        with unit_of_work() as session:
            made = purchases.order_tokens(session, user_id=buyer.id, package_id="basic_100")
        payments.confirm(
            unit_of_work,
            self.provider,
            user_id=buyer.id,
            order_id=made.order_id,
            payment_key=self.approve(made.order_id),
            amount=10_000,
        )
        return made

    def taken(self) -> list[tuple[str, str, int]]:
        """What the books say: order, status and amount of each line."""
        return [
            (line["orderId"], line["status"], line["amount"]) for line in self.shop.transactions
        ]


@contextmanager
def toss_server(**options: object) -> Iterator[Toss]:
    """A fresh sandbox with the keys of the tests."""
    app = create_app(client_key=CLIENT_KEY, secret_key=SECRET_KEY, **options)
    with served(app) as url:
        yield Toss(url, app.extensions["shop"])


@contextmanager
def toss_of_tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Toss]:
    """The provider that this process's tasks ask."""
    with toss_server() as running:
        monkeypatch.setenv("TOSS_BASE_URL", running.url)
        settings.cache_clear()
        housekeeping.payment_provider.cache_clear()
        yield running
    housekeeping.payment_provider.cache_clear()
    settings.cache_clear()
