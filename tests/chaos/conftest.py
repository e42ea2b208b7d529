"""The whole product, running, with an engine that is fast, and a small market on it."""

from collections.abc import Iterator

import pytest

from tests.chaos import market as markets
from tests.chaos.market import Market
from tests.stack import FAST_ENGINE, Stack
from tests.stack_fixtures import person, shared_stack, stack, trained

__all__ = ["person", "shared_stack", "stack", "trained"]


@pytest.fixture
def fast(stack: Stack) -> Stack:
    """The running product whose GPU worker only pretends to draw."""
    stack.use_engine(FAST_ENGINE)
    return stack


@pytest.fixture
def market(fast: Stack) -> Iterator[Market]:
    made = markets.opened(fast)
    yield made
    made.close()
