"""Many orders and many deaths at random, by seed: nothing is lost, nothing is paid twice.

CHAOS_SEEDS, CHAOS_GENERATIONS and CHAOS_KILLS make it longer; a seed that fails is printed.
"""

import os
import random
import time

import pytest

from tests.chaos import market as markets
from tests.chaos.doubling import Doubler
from tests.chaos.invariants import broken
from tests.chaos.reaping import Reaper, at, with_groups
from tests.chaos.shopping import shop
from tests.chaos.watching import Watcher
from tests.waiting import wait_for

SEEDS = int(os.environ.get("CHAOS_SEEDS", "1"))
FIRST_SEED = int(os.environ.get("CHAOS_FIRST_SEED", "1"))
GENERATIONS = int(os.environ.get("CHAOS_GENERATIONS", "60"))
KILLS = int(os.environ.get("CHAOS_KILLS", "15"))
BUYERS = 4
PLACES = [
    *at("gpu", "after_claim", "mid_render", "after_render", "after_put", "after_complete"),
    *at("stamper", "after_claim", "after_put", "before_commit", "after_commit"),
    *at("cashier", "before_commit", "after_commit"),
    *at("web", "before_commit", "after_commit"),
    *at("relay", "after_mark", "after_publish", "after_commit"),
]
WHOLE_PROCESSES = ("gpu", "stamper", "relay")


def targets(chance: random.Random) -> list:
    """Who dies where, in order."""
    places = [chance.choice(PLACES) for _ in range(KILLS - len(WHOLE_PROCESSES))]
    return with_groups(places, WHOLE_PROCESSES)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_a_storm_of_deaths_loses_no_order_and_no_token(fast, seed):
    print(f"seed {seed}")  # noqa: T201 - whoever repeats a failing storm needs it
    began = time.monotonic()
    chance = random.Random(seed)
    market = markets.opened(fast, buyers=BUYERS)
    try:
        with Watcher(fast) as watcher, Doubler(fast, share=0.3, seed=seed) as doubler:
            with Reaper(fast, targets(chance)) as reaper:
                shop(market, chance, GENERATIONS, until=lambda: reaper.is_done)
                wait_for(
                    lambda: reaper.is_done or fast.unfinished() == 0, "the deaths", seconds=300
                )
            fast.wait_until_quiet(300)
        statuses = market.statuses()
        print(  # noqa: T201
            f"seed {seed}: {statuses}, {reaper.kills.total()} kills, "
            f"{doubler.copies} duplicate messages, {market.replayed} replayed answers, "
            f"{watcher.checks} checks, "
            f"{time.monotonic() - began:.0f} s\n{dict(reaper.kills)}"
        )
        assert reaper.kills.total() >= KILLS
        assert sum(statuses.values()) >= GENERATIONS
        assert set(statuses) <= {"completed", "failed"}
        assert statuses["completed"] > 0.5 * sum(statuses.values())
        assert watcher.found == []
        assert broken(fast, market.accepted) == []
    finally:
        market.close()
