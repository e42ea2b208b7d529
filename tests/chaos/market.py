"""A small market: a style on sale without any training, and buyers with money enough."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from tests import making
from tests.client import Person
from tests.stack import BASE_MODEL, Stack
from tests.waiting import wait_for
from webapp.domain.services import ledger


@dataclass
class Market:
    """Who buys what; `accepted` are the generations that were promised, by idempotency key."""

    stack: Stack
    style_id: int
    buyers: list[Person]
    accepted: dict[str, list[int]] = field(default_factory=dict)
    replayed: int = 0
    patience_seconds: float = 60

    def order(
        self, buyer_index: int = 0, *, key: str | None = None, **options: object
    ) -> list[int]:
        """Order and keep trying with the same key, as a client does whose connection broke."""
        key = key or secrets.token_hex(8)
        buyer = self.buyers[buyer_index % len(self.buyers)]

        def answered() -> httpx.Response | None:
            try:
                answer = buyer.order(self.style_id, key=key, **options)
            except httpx.TransportError:
                return None
            return answer if answer.status_code < 500 else None

        answer = wait_for(
            answered, "an answer to an order", seconds=self.patience_seconds, every=0.1
        )
        assert answer.status_code == 201, answer.text
        self.replayed += answer.headers.get("Idempotent-Replayed") == "true"
        ids = answer.json()["data"]["batch"]["generation_ids"]
        assert self.accepted.setdefault(key, ids) == ids, "one key, two answers"
        return ids

    def orders(self, count: int) -> list[int]:
        """Order from several people at once."""
        with ThreadPoolExecutor(len(self.buyers)) as pool:
            return [ids[0] for ids in pool.map(self.order, range(count))]

    def statuses(self) -> dict[str, int]:
        """How many of the promised generations stand in which state."""
        promised = [each for ids in self.accepted.values() for each in ids]
        query = "SELECT status, count(*) FROM generations WHERE id = ANY(:ids) GROUP BY status"
        return {row.status: row.count for row in self.stack.rows(query, ids=promised)}

    def close(self) -> None:
        for buyer in self.buyers:
            buyer.http.close()


def opened(stack: Stack, *, buyers: int = 1, tokens: int = 100_000) -> Market:
    """Put a style on sale and sign buyers in, over HTTP as everybody."""
    with stack.session() as session:
        style_id = making.style(session, stack.storage, base_model=BASE_MODEL).id
    people = [
        Person(stack.site, f"buyer-{secrets.token_hex(4)}@example.com") for _ in range(buyers)
    ]
    with stack.session() as session:
        for each in people:
            ledger.grant(session, each.me["id"], tokens, key=secrets.token_hex(8))
    return Market(stack, style_id, people)
