"""What one of the hundred people of `make bench-api` does; run by locust, see `tests.bench.api`.

Mostly looking, now and then an order: then the person polls until the signed image is there.
"""

import json
import os
import random
import time
from itertools import cycle
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task

FOLDER = Path(os.environ["BENCH_API_FOLDER"])
PEOPLE = cycle(json.loads((FOLDER / "people.json").read_text()))
MARKET = json.loads((FOLDER / "market.json").read_text())
FINAL = {"completed", "failed", "canceled"}
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
WAITS: list[dict[str, Any]] = []  # from an order to its signed image, in steps of a poll


class Shopper(FastHttpUser):
    """A signed-in person with a cursor in the feed, who thinks one second and a half on average."""

    wait_time = between(0.5, 2.5)

    def on_start(self) -> None:
        person = next(PEOPLE)
        self.headers = person["headers"]
        self.cursor: str | None = None
        self.seen: list[dict[str, Any]] = []

    def get(self, path: str, name: str) -> Any:
        with self.client.get(
            f"/api/v1{path}", headers=self.headers, name=f"GET {name}", catch_response=True
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code} {answer.text[:200]}")
                return None
            return answer.json()["data"]

    @task(30)
    def browse_the_feed(self) -> None:
        after = f"&cursor={self.cursor}" if self.cursor else ""
        page = self.get(f"/generations/feed?limit=20{after}", "/generations/feed")
        if page:
            self.cursor, self.seen = page["next_cursor"], page["results"]

    @task(6)
    def browse_the_popular(self) -> None:
        self.get("/generations/feed?sort=popular", "/generations/feed?sort=popular")

    @task(6)
    def browse_a_tag(self) -> None:
        tag = f"tag+{1 + int(MARKET['words'] * random.random() ** 4)}"
        self.get(f"/generations/feed?tags={tag}", "/generations/feed?tags=")

    @task(12)
    def browse_styles(self) -> None:
        sort = random.choice(("recent", "popular"))
        self.get(f"/styles?sort={sort}", f"/styles?sort={sort}")

    @task(14)
    def look_at_a_style(self) -> None:
        self.get(f"/styles/{random.choice(MARKET['styles'])}", "/styles/:id")

    @task(12)
    def look_at_an_image(self) -> None:
        if self.seen:
            self.get(f"/generations/{random.choice(self.seen)['id']}", "/generations/:id")

    @task(6)
    def look_at_ones_own(self) -> None:
        self.get("/generations/me", "/generations/me")
        self.get("/tokens/balance", "/tokens/balance")

    @task(3)
    def look_at_the_ledger(self) -> None:
        self.get("/tokens/transactions", "/tokens/transactions")

    @task(8)
    def look_for_news(self) -> None:
        self.get("/notifications/unread-count", "/notifications/unread-count")

    @task(4)
    def like(self) -> None:
        if not self.seen:
            return
        liked = random.choice(self.seen)["id"]
        with self.client.post(
            f"/api/v1/images/{liked}/like",
            headers=self.headers,
            name="POST /images/:id/like",
            catch_response=True,
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"{answer.status_code} {answer.text[:200]}")

    @task(1)
    def order_an_image(self) -> None:
        order = {"style_id": random.choice(MARKET["styles"]), "prompt_tags": ["boat", "sea"]}
        with self.client.post(
            "/api/v1/generations",
            json=order,
            headers=self.headers | {"Idempotency-Key": random.randbytes(8).hex()},
            name="POST /generations",
            catch_response=True,
        ) as answer:
            if answer.status_code != 201:
                answer.failure(f"{answer.status_code} {answer.text[:200]}")
                return
            ordered = answer.json()["data"]["id"]
        self.wait_for(ordered)

    def wait_for(self, generation_id: int) -> None:
        began = time.perf_counter()
        state = ""
        while state not in FINAL and time.perf_counter() - began < PATIENCE_SECONDS:
            time.sleep(POLL_SECONDS)  # of this greenlet alone
            state = (
                self.get(f"/generations/{generation_id}", "/generations/:id (poll)") or {}
            ).get("status", "")
        WAITS.append({"state": state, "seconds": round(time.perf_counter() - began, 1)})


@events.quitting.add_listener
def write(environment: Any, **_: Any) -> None:
    """Leave the figures for `tests.bench.api`."""
    stats = environment.stats
    rows = [
        {
            "route": each.name,
            "requests": each.num_requests,
            "per_second": round(each.total_rps, 2),
            "p50": each.get_response_time_percentile(0.5),
            "p95": each.get_response_time_percentile(0.95),
            "p99": each.get_response_time_percentile(0.99),
            "errors": each.num_failures,
        }
        for each in [*sorted(stats.entries.values(), key=lambda each: each.name), stats.total]
    ]
    problems = [
        {"route": each.name, "error": str(each.error), "times": each.occurrences}
        for each in stats.errors.values()
    ]
    (FOLDER / "stats.json").write_text(
        json.dumps({"routes": rows, "errors": problems, "waits": WAITS})
    )
