"""Kills processes at failpoints, or whole with all their children, as a list of targets says."""

import collections
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.chaos.beside import Beside
from tests.stack import Stack

FIRE_SECONDS = 3.0
END_SECONDS = 10.0  # from the failpoint until the process has ended
WHOLE = "whole"
# So many others are tried before one that did not come to its place is tried again: what is rare
# must not be left for the end.
TRIED_BETWEEN = 6


@dataclass(frozen=True)
class Target:
    """A process of the stack by its name, and a failpoint, or WHOLE: its process group."""

    name: str
    place: str

    def __str__(self) -> str:
        return f"{self.name} {self.place}"


def at(name: str, *places: str) -> list[Target]:
    """Several places of one process."""
    return [Target(name, place) for place in places]


def with_groups(targets: list[Target], groups: Iterable[str]) -> list[Target]:
    """These targets with kills of whole process groups spread evenly between them."""
    groups = list(groups)
    mixed = list(targets)
    for number, name in enumerate(groups, start=1):
        mixed.insert(len(mixed) * number // (len(groups) + 1), Target(name, WHOLE))
    return mixed


def chosen(places: list[Target], chance: random.Random, *, each: int, total: int) -> list[Target]:
    """Targets in random order: every failpoint at least `each` times, at any process that has it.

    At least `total` in all.
    """
    by_failpoint = collections.defaultdict(list)
    for target in places:
        by_failpoint[target.place].append(target)
    found = [chance.choice(options) for options in by_failpoint.values() for _ in range(each)]
    found += [chance.choice(places) for _ in range(total - len(found))]
    chance.shuffle(found)
    return found


class Reaper(Beside):
    """Kills what `targets` name, in order; one that does not come to its place is tried again.

    `kills` counts those that happened, by target. With several `hands` as many processes wait for
    their death at once, each for `fire_seconds`. `progress`, from 0 to 1, is how much of the storm
    is over: of the targets no larger share is killed before. With `wanted` it
    ends after so many kills, and what does not come to its place is not tried again. `then` is
    called after each kill.
    """

    def __init__(
        self,
        stack: Stack,
        targets: list[Target],
        *,
        hands: int = 1,
        wanted: int | None = None,
        fire_seconds: float = FIRE_SECONDS,
        then: Callable[[], None] = lambda: None,
        progress: Callable[[], float] = lambda: 1.0,
    ) -> None:
        super().__init__()
        self.kills: collections.Counter[str] = collections.Counter()
        self.last_at = time.time()
        self._stack = stack
        self._fire_seconds = fire_seconds
        self._progress = progress
        self._left = collections.deque(targets)
        self._wanted = len(targets) if wanted is None else wanted
        self._tries_again = wanted is None
        self._then = then
        self._armed: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._hands = [threading.Thread(target=self._work) for _ in range(hands)]

    @property
    def is_done(self) -> bool:
        return self.kills.total() >= self._wanted

    @property
    def left(self) -> list[str]:
        """The targets that have not been killed."""
        return [str(target) for target in list(self._left)]

    def waits_at(self, *places: str) -> bool:
        """Whether a process is going to die as soon as it comes to one of these failpoints."""
        return any(self._armed[place] > 0 for place in places)

    def go(self) -> None:
        for hand in self._hands:
            hand.start()
        for hand in self._hands:
            hand.join()

    def _work(self) -> None:
        while not self.stopped.is_set() and not self.is_done:
            if self.kills.total() > self._wanted * self._progress():
                self.stopped.wait(0.1)
                continue
            try:
                target = self._left.popleft()
            except IndexError:  # others are at the last ones
                self.stopped.wait(0.1)
                continue
            if self._has_killed(target):
                with self._lock:
                    self.kills[str(target)] += 1
                    self.last_at = time.time()
                self._then()
            elif self._tries_again:
                self._left.insert(TRIED_BETWEEN, target)

    def _has_killed(self, target: Target) -> bool:
        process = getattr(self._stack, target.name)
        if not process.fault.acquire(blocking=False):
            self.stopped.wait(0.05)
            return False
        try:
            if target.place == WHOLE:
                process.kill()
                return True
            before = process.deaths_at(target.place)
            process.arm(target.place)
            self._count_armed(target, 1)
            if self._comes(lambda: process.has_fired(target.place), self._fire_seconds):
                self._comes(lambda: process.deaths_at(target.place) > before, END_SECONDS)
            else:
                process.disarm(target.place)  # it may die at this very moment
            self._count_armed(target, -1)
            return process.deaths_at(target.place) > before
        finally:
            process.fault.release()

    def _comes(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition is true, but no longer than so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.stopped.is_set() or time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _count_armed(self, target: Target, change: int) -> None:
        with self._lock:
            self._armed[target.place] += change
