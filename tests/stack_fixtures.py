"""The running product as fixtures, for the journeys and the fault tests alike."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.client import Person
from tests.images import encoded, scene
from tests.stack import REAL_ENGINE, Stack, running, stop_running

STYLE_NAME = "Ink Harbor"


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


def works(count: int = 12, *, seed: int = 0) -> list[bytes]:
    """Training images, each another scene."""
    return [encoded(scene(512, 512, seed=100 * seed + index)) for index in range(count)]


@pytest.fixture(scope="session")
def trained(shared_stack: Stack) -> Iterator[tuple[Person, int]]:
    """An artist and a style that was really trained: made once, bought from often."""
    shared_stack.use_engine(REAL_ENGINE)
    artist = Person(shared_stack.site, f"mina-{secrets.token_hex(4)}@example.com", "Mina Park")
    artist.become_artist("Mina Park")
    style = artist.create_style(f"{STYLE_NAME} {secrets.token_hex(2)}", works())
    assert artist.trained(style["id"])["training_status"] == "completed"
    yield artist, style["id"]
    artist.http.close()
