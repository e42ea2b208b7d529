"""The running product as fixtures, for the journeys and the fault tests alike."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.client import Person
from tests.images import encoded, scene
from tests.stack import REAL_ENGINE, Stack, running, stop_running


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[Stack]:
    """Started at the first need, stopped at the end of the session, also when tests fail."""
    try:
        yield running()
    finally:
        stop_running()


@pytest.fixture
def stack(shared_stack: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The running product; afterwards the ledger must be proved, whatever the test did to it."""
    failed = request.session.testsfailed
    yield shared_stack
    if request.session.testsfailed > failed:
        print(shared_stack.tails())  # noqa: T201 - for whoever has to find out why
    assert shared_stack.violations() == []


@pytest.fixture
def person(stack: Stack) -> Iterator[Callable[..., Person]]:
    """Makes people who are signed in; each call another one."""
    people: list[Person] = []

    def sign_in(name: str = "Jun") -> Person:
        email = f"{name.lower()}-{secrets.token_hex(4)}@example.com"
        people.append(Person(stack.site, email, name))
        return people[-1]

    yield sign_in
    for each in people:
        each.http.close()


def told_to(stack: Stack, whom: Person) -> dict[str, int]:
    """How many notifications of each type a person got."""
    query = "SELECT type, count(*) FROM notifications WHERE recipient_id = :id GROUP BY type"
    return {row.type: row.count for row in stack.rows(query, id=whom.me["id"])}


def works(count: int = 12, *, seed: int = 0) -> list[bytes]:
    """Training images, each another scene."""
    return [encoded(scene(512, 512, seed=100 * seed + index)) for index in range(count)]


@dataclass(frozen=True)
class TrainedStyle:
    """A style on sale, its artist, and what the event stream told while it was trained."""

    artist: Person
    id: int
    events: list[tuple[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="session")
def trained(shared_stack: Stack) -> Iterator[TrainedStyle]:
    """A style that was really trained, from a form with twelve files; bought from often."""
    shared_stack.use_engine(REAL_ENGINE)
    artist = Person(shared_stack.site, f"mina-{secrets.token_hex(4)}@example.com", "Mina Park")
    artist.become_artist("Mina Park")
    style = artist.create_style("Ink Harbor", works(), tags="boat")
    events = list(artist.events(f"/styles/{style['id']}/events"))
    artist.on_sale(style["id"])
    yield TrainedStyle(artist, style["id"], events)
    artist.http.close()
