"""Progress bars for long work: one bar per row, moved by what the database says."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Standing:
    """Where one piece of work stands; `is_over` when it will not change again."""

    label: str
    status: str
    percent: int
    is_over: bool


def watch(look: Callable[[], list[Standing]]) -> list[Standing]:
    """Draw bars until all work is over and return how each ended. Ctrl-C stops the watching."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bars:
        drawn = [
            bars.add_task(standing.label, total=100, status=standing.status) for standing in look()
        ]
        while True:
            standings = look()
            for bar, standing in zip(drawn, standings, strict=True):
                bars.update(bar, completed=standing.percent, status=standing.status)
            if all(standing.is_over for standing in standings):
                return standings
            time.sleep(POLL_SECONDS)
