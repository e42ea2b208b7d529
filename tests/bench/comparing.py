"""Two ways of doing one thing, timed side by side in one run; what counts is their ratio.

Runs alternate as A B B A, so that a machine that slows down slows both. The ratio is the geometric
mean over pairs, with a bootstrap interval; never the best run.
"""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Comparison:
    """Seconds of each run. `ratio` above 1 says that ours is faster."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times faster ours is, as the geometric mean of the pairs."""
        return _geometric_mean(self._ratios())

    @property
    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the ratio."""
        ratios, chance = self._ratios(), random.Random(0)
        means = sorted(
            _geometric_mean(chance.choices(ratios, k=len(ratios))) for _ in range(BOOTSTRAPS)
        )
        return means[round(0.025 * BOOTSTRAPS)], means[round(0.975 * BOOTSTRAPS) - 1]

    def as_dict(self) -> dict[str, object]:
        """The ratio and the figures behind it, for JSON."""
        low, high = self.interval
        return {
            "ratio": round(self.ratio, 3),
            "interval": [round(low, 3), round(high, 3)],
            "ours_seconds": round(median(self.ours), 4),
            "theirs_seconds": round(median(self.theirs), 4),
            "pairs": len(self.ours),
        }

    def _ratios(self) -> list[float]:
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def compare(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    pairs: int,
    finish: Callable[[], None] = lambda: None,
) -> Comparison:
    """Time two callables in turn after one warm-up each.

    `finish` waits for what a device still computes; it belongs to the time of each.
    """
    ours()
    theirs()
    finish()
    seconds: tuple[list[float], list[float]] = ([], [])
    for pair in range(pairs):
        order = (0, 1) if pair % 2 == 0 else (1, 0)
        for which in order:
            began = time.perf_counter()
            (ours, theirs)[which]()
            finish()
            seconds[which].append(time.perf_counter() - began)
    return Comparison(tuple(seconds[0]), tuple(seconds[1]))


def _geometric_mean(values: list[float]) -> float:
    return math.exp(sum(math.log(value) for value in values) / len(values))
