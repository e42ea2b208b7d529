"""What other people do during a storm: they pay, verify pictures, train styles, edit albums.

Each goes on until its block ends. While the site or a service is away a customer tries again.
"""

import secrets
import time
from abc import abstractmethod
from collections.abc import Callable

import httpx
from sqlalchemy.exc import DBAPIError

from celery_config import TaskName
from tests import making
from tests.chaos.beside import Beside
from tests.chaos.market import Market
from tests.chaos.painted_albums import executed
from tests.chaos.storm_stack import is_away
from tests.client import Person
from tests.images import encoded, scene
from tests.stack import BASE_MODEL, Stack
from webapp.domain.gateways.storage import StorageUnavailable
from webapp.domain.models.style import Artwork

PHOTOS = 6
NEEDED_SECONDS, OTHERWISE_SECONDS = 0.3, 8.0


class Customer(Beside):
    """Does one thing again and again; often while `is_needed`, for processes to die at it.

    `done` counts how often it was done, `broken_off` how often something was away.
    """

    def __init__(self, stack: Stack, is_needed: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self.done = 0
        self.broken_off = 0
        self._stack = stack
        self._is_needed = is_needed

    def __exit__(self, *arguments: object) -> None:
        super().__exit__(*arguments)
        for client in self._clients():
            client.close()

    def _clients(self) -> list[httpx.Client]:
        """What is to be closed in the end."""
        return []

    @abstractmethod
    def act(self) -> bool:
        """Do it once; whether it was done."""

    def go(self) -> None:
        while not self.stopped.is_set():
            try:
                self.done += self.act()
            except (httpx.TransportError, StorageUnavailable):
                self.broken_off += 1
            except DBAPIError as error:
                if not is_away(error):
                    raise
                self.broken_off += 1
            self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + OTHERWISE_SECONDS
        self.stopped.wait(NEEDED_SECONDS)
        while not self._is_needed() and time.monotonic() < until and not self.stopped.wait(0.2):
            pass


class Payer(Customer):
    """Buys tokens; an administrator gives the money back for every second purchase."""

    def __init__(self, stack: Stack, is_needed: Callable[[], bool]) -> None:
        super().__init__(stack, is_needed)
        self.refunded = 0
        self._payer = Person(stack.site, f"payer-{secrets.token_hex(4)}@example.com")
        self._admin = Person(stack.site, f"admin-{secrets.token_hex(4)}@example.com")
        stack.execute("UPDATE users SET role = 'admin' WHERE id = :id", id=self._admin.me["id"])

    def _clients(self) -> list[httpx.Client]:
        return [self._payer.http, self._admin.http]

    def act(self) -> bool:
        answer = self._payer.send("POST", "/tokens/purchase", json={"package_id": "basic_100"})
        if not _is_final(answer):
            return False
        order = answer.json()["data"]
        page = self._payer.http.get(order["payment_url"])
        if not _is_final(page):
            return False
        self._payer.decide(page.text, "pay")
        if self.done % 2:
            self._give_back(order["order_id"])
        return True

    def _give_back(self, order_id: str) -> None:
        refund = {"order_id": order_id, "reason": "A test of refunds."}
        answer = self._admin.send("POST", "/admin/refunds", json=refund)
        self.refunded += answer.status_code == 201


class Verifier(Customer):
    """Shows delivered pictures to the site, which must name their certificates."""

    def __init__(self, market: Market) -> None:
        super().__init__(market.stack)
        self._anybody = httpx.Client(base_url=market.stack.site, timeout=60)

    def _clients(self) -> list[httpx.Client]:
        return [self._anybody]

    def act(self) -> bool:
        rows = self._stack.rows(
            "SELECT image_key, public_id FROM certificates"
            " JOIN generations ON generations.id = generation_id"
            " WHERE generations.status = 'completed' ORDER BY random() LIMIT 1"
        )
        if not rows:
            return False
        picture = self._stack.storage.get(rows[0].image_key)
        answer = self._anybody.post("/api/v1/verify", files={"image": ("picture.png", picture)})
        if not _is_final(answer):
            return False
        named = {match["public_id"] for match in answer.json()["data"]["matches"]}
        assert rows[0].public_id in named, f"{rows[0]} is verified as {answer.text}"
        return True


class Trainings(Customer):
    """Three styles are learned at once, from artworks that have been checked."""

    def __init__(self, stack: Stack, is_needed: Callable[[], bool]) -> None:
        super().__init__(stack, is_needed)
        self._files = [encoded(scene(512, 512, seed=seed)) for seed in range(10)]

    def act(self) -> bool:
        if self._stack.unfinished("training") >= (3 if self._is_needed() else 1):
            return False
        with self._stack.session() as session:
            run = making.training(
                session, self._stack.storage, step=TaskName.TRAIN_STYLE, base_model=BASE_MODEL
            )
            works = session.query(Artwork).filter_by(style_id=run.style_id)
            for work, file in zip(works, self._files, strict=True):
                self._stack.storage.put(work.clean_key, file, content_type="image/png")
        return True


class Albums(Customer):
    """An album of a few photos is edited and partly painted, then the next."""

    def act(self) -> bool:
        kinds = ("photo_check", "segmentation", "photo_edit")
        if self._stack.unfinished(*kinds) >= PHOTOS:
            return False
        executed(self._stack, PHOTOS)
        return True


def _is_final(answer: httpx.Response) -> bool:
    """Whether a request was answered; not while something is away or busy."""
    if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return False
    assert answer.is_success, f"{answer.request.url}: {answer.text[:2000]}"
    return True
