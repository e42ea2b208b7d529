"""Many orders and many deaths at random, by seed: nothing is lost, nothing is paid twice.

CHAOS_SEEDS, CHAOS_GENERATIONS and CHAOS_KILLS make it longer; a seed that fails is printed.
"""

import collections
import os
import random
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos import market as markets
from tests.chaos.beside import Beside
from tests.chaos.doubling import Doubler
from tests.chaos.invariants import broken
from tests.waiting import wait_for

SEEDS = int(os.environ.get("CHAOS_SEEDS", "1"))
FIRST_SEED = int(os.environ.get("CHAOS_FIRST_SEED", "1"))
GENERATIONS = int(os.environ.get("CHAOS_GENERATIONS", "120"))
KILLS = int(os.environ.get("CHAOS_KILLS", "30"))
BUYERS = 4
FIRE_SECONDS = 3.0
PLACES = (
    *[("gpu", place) for place in ("after_claim", "mid_render", "after_render", "after_put")],
    *[("gpu", "after_complete"), ("stamper", "after_claim"), ("stamper", "after_put")],
    *[("stamper", "before_commit"), ("stamper", "after_commit")],
    *[("cashier", "before_commit"), ("cashier", "after_commit")],
    *[("web", "before_commit"), ("web", "after_commit")],
    *[("relay", "after_mark"), ("relay", "after_publish"), ("relay", "after_commit")],
)
WHOLE_PROCESSES = ("gpu", "stamper", "relay")


class Reaper(Beside):
    """Kills processes one after the other, at places that the seed chose, until it has enough."""

    def __init__(self, stack, seed: int, kills: int) -> None:
        super().__init__()
        self.kills = 0
        self.by_place: collections.Counter[str] = collections.Counter()
        self._stack = stack
        self._wanted = kills
        self._chance = random.Random(seed)

    @property
    def is_done(self) -> bool:
        return self.kills >= self._wanted

    def go(self) -> None:
        groups = {
            round(self._wanted * share): name
            for share, name in zip((0.2, 0.5, 0.8), WHOLE_PROCESSES, strict=True)
        }
        while not self.stopped.is_set() and not self.is_done:
            name = groups.pop(self.kills, None)
            if name:
                getattr(self._stack, name).kill()
                self._count(f"{name} whole")
            else:
                self._kill_at(*self._chance.choice(PLACES))

    def _kill_at(self, name: str, place: str) -> None:
        process = getattr(self._stack, name)
        process.arm(place)
        deadline = time.monotonic() + FIRE_SECONDS
        while not process.has_fired(place):
            if self.stopped.is_set() or time.monotonic() > deadline:
                process.disarm(place)  # it may die at this very moment; the log will tell
                break
            time.sleep(0.01)
        else:
            self._count(f"{name} {place}")

    def _count(self, what: str) -> None:
        self.kills += 1
        self.by_place[what] += 1


class Watcher(Beside):
    """Proves the ledger again and again while the storm goes on."""

    def __init__(self, stack) -> None:
        super().__init__()
        self.found: list[str] = []
        self.checks = 0
        self._stack = stack

    def go(self) -> None:
        while not self.stopped.wait(1.0):
            self.found += self._stack.violations()
            self.checks += 1


def shop(market, chance: random.Random, generations: int, until) -> None:
    """Order until enough was ordered and enough has died; a tenth of all orders is sent twice."""
    wishes = []
    left = generations
    while left > 0:
        count = min(left, chance.randint(1, 4))
        wishes.append((count, chance.random() < 0.1))
        left -= count
    storm = secrets.token_hex(4)  # a seed may come twice on one stack

    def buy(place: int) -> None:
        for number, (count, twice) in enumerate(wishes[place :: len(market.buyers)]):
            for _ in range(2 if twice else 1):
                market.order(place, key=f"order-{place}-{number}-{storm}", count=count)

    def buy_more(place: int) -> None:
        """Dying needs work to do, but not mountains of it."""
        number = 0
        while not until() and number < generations:
            if market.stack.unfinished() < 10:
                market.order(place, key=f"more-{place}-{number}-{storm}")
                number += 1
            time.sleep(0.1)

    with ThreadPoolExecutor(BUYERS) as pool:
        for step in (buy, buy_more):
            list(pool.map(step, range(BUYERS)))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_a_storm_of_deaths_loses_no_order_and_no_token(fast, seed):
    print(f"seed {seed}")  # noqa: T201 - whoever repeats a failing storm needs it
    began = time.monotonic()
    chance = random.Random(seed)
    market = markets.opened(fast, buyers=BUYERS)
    try:
        with Watcher(fast) as watcher, Doubler(fast, share=0.3, seed=seed) as doubler:
            with Reaper(fast, seed, KILLS) as reaper:
                shop(market, chance, GENERATIONS, until=lambda: reaper.is_done)
                wait_for(
                    lambda: reaper.is_done or fast.unfinished() == 0, "the deaths", seconds=300
                )
            fast.wait_until_quiet(300)
        statuses = market.statuses()
        print(  # noqa: T201
            f"seed {seed}: {statuses}, {reaper.kills} kills, {doubler.copies} duplicate messages, "
            f"{market.replayed} replayed answers, {watcher.checks} checks, "
            f"{time.monotonic() - began:.0f} s\n{dict(reaper.by_place)}"
        )
        assert reaper.kills >= KILLS
        assert sum(statuses.values()) >= GENERATIONS
        assert set(statuses) <= {"completed", "failed"}
        assert statuses["completed"] > 0.5 * sum(statuses.values())
        assert watcher.found == []
        assert broken(fast, market.accepted) == []
    finally:
        market.close()
