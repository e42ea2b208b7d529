"""A thousand orders, two hundred kills, and every service away several times: each order ends once.

It takes minutes per seed, so `make test` leaves it out: `make chaos-long`, or one seed by
CHAOS_FIRST_SEED=7 pytest tests/chaos/long_storm.py -s. CHAOS_SEEDS, CHAOS_GENERATIONS and
CHAOS_KILLS change the size. Each seed has a stack of its own.
"""

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from celery_config import ROUTES, TaskName, make_celery
from tests.chaos import market as markets, tallies
from tests.chaos.customers import Albums, Payer, Trainings, Verifier
from tests.chaos.doubling import Doubler
from tests.chaos.invariants import broken, unmarked
from tests.chaos.market import Market
from tests.chaos.outages import PLAN, Outages, SleepingWorker
from tests.chaos.reaping import Reaper, Target, at, chosen, with_groups
from tests.chaos.shopping import shop
from tests.chaos.storm_stack import StormStack
from tests.chaos.tallies import Tally
from tests.chaos.watching import Watcher
from tests.stack import interrupt
from tests.waiting import wait_for

SEEDS = int(os.environ.get("CHAOS_SEEDS", "1"))
FIRST_SEED = int(os.environ.get("CHAOS_FIRST_SEED", "1"))
GENERATIONS = int(os.environ.get("CHAOS_GENERATIONS", "1000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "200"))
BUYERS = 4
IN_WORK = 24
HANDS = 4
MARKED = 20  # orders whose pictures are searched for their mark
SECONDS = 5400  # of one seed, on a machine that does much else
OUT_OF_MONEY = ("after_payment", "after_cancellation")
IN_TRAINING = ("mid_training", "after_progress", "after_checkpoint")
RENDERING = ("after_claim", "mid_render", "after_render", "after_put", "after_complete")
STAMPING = ("after_claim", "after_put", "before_commit", "after_commit")
PLACES = [
    *at("gpu", *RENDERING),
    *at("gpu2", *RENDERING),
    *at("trainer", "after_claim", *IN_TRAINING, "after_put", "after_complete"),
    *at("stamper", *STAMPING),
    *at("stamper2", *STAMPING),
    *at("uploads", "after_claim", "after_put", "before_commit"),
    *at("editor", "after_claim", "after_segment", "after_put", "after_complete"),
    *at("editor", "before_commit", "after_commit"),
    *at("cashier", "before_commit", "after_commit"),
    *at("web", "before_commit", "after_commit", *OUT_OF_MONEY),
    *at("relay", "after_mark", "after_publish", "after_commit"),
    *at("relay2", "after_mark", "after_publish", "after_commit"),
]
FAILPOINTS = frozenset(target.place for target in PLACES)
GROUPS = ("gpu", "stamper", "relay", "web", "uploads", "relay2", "cashier", "editor", "trainer")


@pytest.fixture
def storm(request: pytest.FixtureRequest) -> Iterator["Storm"]:
    signal.signal(signal.SIGTERM, interrupt)  # told to end, we end in order
    folder = Path(tempfile.mkdtemp(prefix="style-license-storm-"))
    stack = StormStack(folder, request.param).start()
    failed = request.session.testsfailed
    try:
        yield Storm(stack, request.param)
    finally:
        if request.session.testsfailed > failed:
            print(stack.tails())  # noqa: T201 - for whoever has to find out why
        stack.stop()
        if "KEEP_STACK" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Storm:
    """Everything that one seed does to one stack."""

    stack: StormStack
    seed: int

    def run(self) -> tuple[Market, Tally, list[str]]:
        """Let it storm until all is quiet; return the market, the tally and what was broken."""
        began, chance = time.monotonic(), random.Random(self.seed)
        market = markets.opened(self.stack, buyers=BUYERS)
        market.patience_seconds = 180

        def progress() -> float:
            return sum(map(len, list(market.accepted.values()))) / GENERATIONS

        reaper = Reaper(
            self.stack, _targets(chance), hands=HANDS, fire_seconds=8, progress=progress
        )
        outages = Outages(self.stack, self.seed, progress)
        sleeper = SleepingWorker(self.stack, self.seed, progress)
        watcher, doubler = Watcher(self.stack), Doubler(self.stack, share=0.3, seed=self.seed)

        others = {
            "paid": Payer(self.stack, lambda: reaper.waits_at(*OUT_OF_MONEY)),
            "verified": Verifier(market),
            "trainings": Trainings(self.stack, lambda: reaper.waits_at(*IN_TRAINING)),
            "albums": Albums(self.stack, lambda: reaper.waits_at("after_segment")),
        }

        def is_over() -> bool:
            return reaper.is_done and outages.is_done and sleeper.slept > 0

        with watcher, doubler:
            with ExitStack() as parts:
                for each in (*others.values(), reaper, outages, sleeper):
                    parts.enter_context(each)
                shop(market, chance, GENERATIONS, until=is_over, most_unfinished=IN_WORK)
                wait_for(is_over, "the faults", seconds=600, explain=lambda: reaper.left)
            self._bring_payments_forward()
            self.stack.wait_until_quiet(300)
        last_fault = max(each.last_at for each in (reaper, outages, sleeper))
        found = watcher.found + broken(self.stack, market.accepted)
        found += unmarked(self.stack, dict(list(market.accepted.items())[:MARKED]))
        tally = Tally(
            seed=self.seed,
            at=tallies.now(),
            endings=tallies.endings(market, datetime.fromtimestamp(last_fault, UTC)),
            kills=dict(reaper.kills),
            by_failpoint=_by_failpoint(self.stack),
            outages=dict(outages.counts + Counter(worker_asleep=sleeper.slept)),
            wrong_clocks=self.stack.wrong_clocks,
            others={name: each.done for name, each in others.items()},
            violations=len(found),
            seconds=round(time.monotonic() - began),
            duplicated_messages=doubler.copies,
            replayed_answers=market.replayed,
            ledger_checks=watcher.checks,
        )
        return market, tally, found

    def _bring_payments_forward(self) -> None:
        """Let payments and refunds that broke off a moment ago be resumed now, and wait for them.

        The product waits a minute and asks every minute.
        """
        open_ones = "status = 'authorized' OR (status = 'paid' AND refund_key IS NOT NULL)"
        celery = make_celery(self.stack.environment["BROKER_URL"])

        def are_settled() -> bool:
            self.stack.execute(
                "UPDATE purchases SET updated_at = updated_at - interval '2 minutes'"
                f" WHERE {open_ones}"
            )
            if not self.stack.value(f"SELECT count(*) FROM purchases WHERE {open_ones}"):
                return True
            queue = ROUTES[TaskName.EXPIRE_PURCHASES].value
            celery.send_task(TaskName.EXPIRE_PURCHASES.value, queue=queue)
            return False

        wait_for(are_settled, "open payments", seconds=120, every=3, explain=self.stack.tails)


def _targets(chance: random.Random) -> list[Target]:
    each = KILLS // 20  # ten of 200
    return with_groups(chosen(PLACES, chance, each=each, total=KILLS - len(GROUPS)), GROUPS)


def _by_failpoint(stack: StormStack) -> dict[str, int]:
    """How often a process died at each failpoint, as their own logs say."""
    return {name: sum(process.deaths_at(name) for process in stack.product) for name in FAILPOINTS}


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("storm", range(FIRST_SEED, FIRST_SEED + SEEDS), indirect=True)
def test_long_storm(storm):
    print(f"seed {storm.seed}")  # noqa: T201 - whoever repeats a failing storm needs it
    market, tally, found = storm.run()
    market.close()
    tally.append()
    print(f"{tally}\n{tallies.table([asdict(tally)])}")  # noqa: T201
    ended = tally.endings
    assert found == []
    assert (ended.lost, ended.doubled, ended.unrefunded, ended.late) == (0, 0, 0, 0)
    assert ended.orders >= GENERATIONS
    assert ended.completed > 0.5 * ended.orders
    assert sum(tally.kills.values()) >= KILLS
    assert min(tally.by_failpoint.values()) >= KILLS // 20
    assert tally.outages == PLAN | {"worker_asleep": 1}
    assert all(tally.others.values()), tally.others
