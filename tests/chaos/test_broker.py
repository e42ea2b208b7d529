"""The broker dies while people order: no order is refused or slowed, all are delivered later."""

import pytest

from tests.chaos.doubling import Doubler
from tests.chaos.invariants import broken


def test_orders_are_taken_while_the_broker_is_dead_and_delivered_after_its_return(fast, market):
    market.orders(4)
    fast.rabbitmq.kill()
    try:
        during = market.orders(4)
        assert market.replayed == 0, "no request broke"
        assert fast.unfinished() >= len(during)
        assert all(
            market.buyers[0].get(f"/generations/{each}")["status"] == "queued" for each in during
        )
        assert fast.violations() == []
    finally:
        fast.rabbitmq.start()
    fast.wait_until_quiet()
    assert market.statuses() == {"completed": 8}
    assert broken(fast, market.accepted) == []


def test_a_broker_that_hangs_holds_up_nobody_who_orders(fast, market):
    fast.wait_until_quiet()
    fast.rabbitmq.freeze()
    try:
        market.orders(3)
        assert market.replayed == 0
    finally:
        fast.rabbitmq.thaw()
    fast.wait_until_quiet()
    assert market.statuses() == {"completed": 3}
    assert broken(fast, market.accepted) == []


# The first test kills the broker; tests/chaos/test_messages.py duplicates messages.
@pytest.mark.long
def test_messages_are_duplicated_and_the_broker_dies_in_between(fast, market):
    with Doubler(fast, share=0.5, seed=3) as doubler:
        market.orders(6)
        fast.rabbitmq.kill()
        market.orders(2)
        fast.rabbitmq.start()
        fast.wait_until_quiet()
    assert doubler.copies > 0
    assert set(market.statuses()) == {"completed"}
    assert broken(fast, market.accepted) == []
