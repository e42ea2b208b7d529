"""A running service with limits on, people from addresses of their own, and simulated workers.

Black box: the tests here know the service by HTTP alone. Everything but the GPU is real.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import making
from tests.client import Person
from tests.contract.worker import Worker
from tests.images import encoded, scene
from tests.stack import Stack
from webapp.domain.models.account import Artist

_numbers = itertools.count(1)


def address() -> str:
    """An address nobody had before: limits of other tests must not count here."""
    number = next(_numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@pytest.fixture(scope="session")
def service(environment: None) -> Iterator[Stack]:
    """A stack of its own; rows that tests add ask the settings of this process for a time zone."""
    folder = Path(tempfile.mkdtemp(prefix="style-license-contract-"))
    changes = {"RATE_LIMITS_ENABLED": "true", "TRUSTED_PROXIES": "1"}
    stack = Stack(folder, broker="redis", changes=changes).start()
    try:
        yield stack
    finally:
        stack.stop()
        if "KEEP_STACK" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def books(service: Stack) -> Iterator[None]:
    """After any scenario the ledger is right."""
    yield
    assert service.violations() == []


@pytest.fixture
def nobody(service: Stack) -> Iterator[httpx.Client]:
    """Somebody who is not signed in."""
    with httpx.Client(base_url=service.site, headers={"X-Forwarded-For": address()}) as client:
        yield client


@pytest.fixture
def person(service: Stack) -> Iterator[Callable[[], Person]]:
    """Make somebody who is signed in; each call another one."""
    people: list[Person] = []

    def sign_in() -> Person:
        email = f"person-{next(_numbers)}@example.com"
        people.append(Person(service.site, email, X_Forwarded_For=address()))
        return people[-1]

    yield sign_in
    for each in people:
        each.http.close()


@pytest.fixture
def worker(service: Stack) -> Iterator[Worker]:
    with Worker(service.site, service.environment["INTERNAL_API_TOKEN"]) as made:
        yield made


@pytest.fixture
def artist(person: Callable[[], Person]) -> Person:
    made = person()
    made.become_artist(f"Artist {made.me['id']}")
    return made


@pytest.fixture(scope="session")
def works() -> list[bytes]:
    """Ten training images."""
    return [encoded(scene(512, 512, seed=seed)) for seed in range(10)]


@pytest.fixture
def trained(service: Stack, artist: Person) -> dict[str, Any]:
    """A style on sale for ten tokens."""
    with service.session() as session:
        of = session.get(Artist, artist.me["id"])
        made = making.style(session, service.storage, of=of)
    return artist.get(f"/styles/{made.id}")


def refused(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of an answer that is an error."""
    body = answer.json()
    assert body["success"] is False, body
    return answer.status_code, body["error"]["code"]


def everything(get: Callable[..., Any], path: str, **query: Any) -> list[list[Any]]:
    """All pages of a list."""
    pages, cursor = [], {}
    while True:
        page = get(path, **query, **cursor)
        pages.append(page["results"])
        assert page["has_more"] is (page["next_cursor"] is not None)
        if page["next_cursor"] is None:
            return pages
        cursor = {"cursor": page["next_cursor"]}
