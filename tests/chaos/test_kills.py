"""Each process killed at each place where it hurts, once: every order still ends, once."""

import secrets

import pytest

from tests.chaos.invariants import broken, unmarked
from tests.waiting import wait_for

# One place of each process; `make test-long` has the others.
PLACES = [
    ("gpu", "after_put"),
    ("stamper", "after_put"),
    ("cashier", "after_commit"),
    ("relay", "after_publish"),
    *(
        pytest.param(name, place, marks=pytest.mark.long)
        for name, place in (
            ("gpu", "after_claim"),
            ("gpu", "mid_render"),
            ("gpu", "after_complete"),
            ("stamper", "after_claim"),
            ("cashier", "before_commit"),
            ("relay", "after_mark"),
        )
    ),
]


@pytest.mark.parametrize("name, place", PLACES)
def test_an_order_is_delivered_once_though_a_process_is_killed(fast, market, name, place):
    process = getattr(fast, name)
    deaths = process.deaths_at(place)
    with process.dies_at(place):
        market.order()
    fast.expire_leases()
    fast.wait_until_quiet()
    assert process.deaths_at(place) == deaths + 1
    assert market.statuses() == {"completed": 1}
    assert broken(fast, market.accepted) == []
    assert unmarked(fast, market.accepted) == []


def test_a_web_process_killed_right_after_its_commit_has_taken_the_order_once(fast, market):
    fast.wait_until_quiet()
    before = fast.value("SELECT count(*) FROM orders")
    key = secrets.token_hex(8)
    with fast.web.dies_at("after_commit"):
        [ordered] = market.order(key=key)
    assert market.replayed == 1, "the first answer was lost, the second is the stored one"
    assert fast.value("SELECT count(*) FROM orders") == before + 1
    fast.wait_until_quiet()
    assert market.statuses() == {"completed": 1}
    assert market.order(key=key) == [ordered]
    assert broken(fast, market.accepted) == []


@pytest.mark.long
def test_a_web_process_killed_before_its_commit_has_taken_nothing(fast, market):
    fast.wait_until_quiet()
    before = fast.value("SELECT count(*) FROM orders")
    with fast.web.dies_at("before_commit"):
        market.order()
    assert market.replayed == 0
    assert fast.value("SELECT count(*) FROM orders") == before + 1
    fast.wait_until_quiet()
    assert broken(fast, market.accepted) == []


@pytest.mark.parametrize(
    "name",
    [
        "gpu",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("stamper", "cashier", "relay")),
    ],
)
def test_a_process_group_killed_under_load_loses_nothing(fast, market, name):
    process = getattr(fast, name)
    starts = process.starts
    market.orders(6)
    process.kill()
    market.orders(2)
    wait_for(lambda: process.starts > starts, f"{name} to be started again")
    fast.wait_until_quiet()
    assert market.statuses() == {"completed": 8}
    assert broken(fast, market.accepted) == []
