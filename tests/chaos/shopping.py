"""Many people order at once, while whatever else goes on."""

import random
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from tests.chaos.market import Market

FEW = 10  # pictures in work are enough for processes to die at them


def shop(
    market: Market,
    chance: random.Random,
    generations: int,
    until: Callable[[], bool],
    *,
    most_unfinished: int = 1_000_000,
) -> None:
    """Order until enough was ordered and `until` is true; a tenth of all orders is sent twice.

    No more is ordered while `most_unfinished` pictures are in work.
    """
    wishes = _wishes(generations, chance)
    storm = secrets.token_hex(4)  # a seed may come twice on one stack
    interrupted = Event()

    def buy(place: int) -> None:
        for number, (count, twice) in enumerate(wishes[place :: len(market.buyers)]):
            if interrupted.is_set():
                return
            while market.stack.unfinished("generation") >= most_unfinished:
                time.sleep(0.2)
            for _ in range(2 if twice else 1):
                market.order(place, key=f"order-{place}-{number}-{storm}", count=count)

    def buy_more(place: int) -> None:
        """Dying needs work to do, but not mountains of it."""
        number = 0
        while not until() and number < generations and not interrupted.is_set():
            if market.stack.unfinished("generation") < FEW:
                market.order(place, key=f"more-{place}-{number}-{storm}")
                number += 1
            time.sleep(0.1)

    with ThreadPoolExecutor(len(market.buyers)) as pool:
        try:
            for step in (buy, buy_more):
                list(pool.map(step, range(len(market.buyers))))
        finally:
            interrupted.set()  # at Ctrl-C, and when one of them found an error, the others end


def _wishes(generations: int, chance: random.Random) -> list[tuple[int, bool]]:
    """How many pictures each order has, and whether it is sent twice."""
    wishes = []
    left = generations
    while left > 0:
        count = min(left, chance.randint(1, 4))
        wishes.append((count, chance.random() < 0.1))
        left -= count
    return wishes
