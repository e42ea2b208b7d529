"""A constant load of reads, orders and event streams; every request and its outcome is counted."""

import secrets
import time
from collections import Counter

import httpx

from tests.chaos.beside import Beside
from tests.client import Person

READ = ("/", "/styles", "/api/v1/styles", "/api/v1/tags", "/api/v1/generations/feed")
PAUSE_SECONDS = 0.02


class Load(Beside):
    """Sends one request after the other until its block ends; `outcomes` are status or error."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: Counter[str] = Counter()
        self.longest = 0.0

    def go(self) -> None:
        while not self.stopped.is_set():
            began = time.monotonic()
            self.outcomes[self._outcome()] += 1
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(PAUSE_SECONDS)
        self.close()

    def close(self) -> None:
        """Close what it has opened."""

    def _outcome(self) -> str:
        try:
            answer = self.send()
        except httpx.TransportError as error:
            return type(error).__name__
        return str(answer.status_code)

    def send(self) -> httpx.Response:
        """Send one request."""
        raise NotImplementedError

    @property
    def good(self) -> int:
        """How many requests were carried out."""
        return sum(count for name, count in self.outcomes.items() if name in {"200", "201"})

    @property
    def bad(self) -> Counter[str]:
        """The outcomes that a client must never see."""
        return Counter({n: c for n, c in self.outcomes.items() if n not in {"200", "201"}})


class Reading(Load):
    """Opens pages and lists."""

    def __init__(self, site: str) -> None:
        super().__init__()
        self._http = httpx.Client(base_url=site, timeout=30)
        self._sent = 0

    def send(self) -> httpx.Response:
        self._sent += 1
        return self._http.get(READ[self._sent % len(READ)])

    def close(self) -> None:
        self._http.close()


class OpeningAccounts(Load):
    """Opens anonymous accounts: a write without an idempotency key, which nobody may repeat."""

    def __init__(self, site: str) -> None:
        super().__init__()
        self._http = httpx.Client(base_url=site, timeout=30)

    def send(self) -> httpx.Response:
        return self._http.post("/api/v1/sets/auth/anon")

    def close(self) -> None:
        self._http.close()


class Ordering(Load):
    """Orders one picture after the other, each with its key."""

    def __init__(self, buyer: Person, style_id: int) -> None:
        super().__init__()
        self._buyer, self._style_id = buyer, style_id

    def send(self) -> httpx.Response:
        return self._buyer.order(self._style_id, key=secrets.token_hex(8))


class Watching(Load):
    """Follows an event stream and opens it again whenever it ends; counts how it ended."""

    def __init__(self, person: Person) -> None:
        super().__init__()
        self._http = httpx.Client(
            base_url=person.http.base_url, cookies=person.http.cookies, timeout=30
        )
        self.reconnections = 0

    def send(self) -> httpx.Response:
        lines: list[str] = []
        with self._http.stream("GET", "/api/v1/notifications/events") as answer:
            for line in answer.iter_lines():
                lines += [line] if line else []
                if self.stopped.is_set():
                    return answer
        assert lines[-1].startswith("retry: "), lines
        self.reconnections += 1
        return answer

    def close(self) -> None:
        self._http.close()
