"""Progress bars for long jobs: one bar per row, updated from the database."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from webapp.cli import tables

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class JobProgress:
    """State of one job; `percent` is 0 to 100, `is_finished` when it will not change again."""

    label: str
    status: str
    percent: int
    is_finished: bool


def watch(read: Callable[[], list[JobProgress]]) -> list[JobProgress]:
    """Draw bars until all jobs are finished; return their last states. Ctrl-C cancels no job."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=tables.console()) as bars:
        bar_ids = [bars.add_task(job.label, total=100, status=job.status) for job in read()]
        while True:
            jobs = read()
            for bar_id, job in zip(bar_ids, jobs, strict=True):
                bars.update(bar_id, completed=job.percent, status=job.status)
            if all(job.is_finished for job in jobs):
                return jobs
            time.sleep(POLL_SECONDS)
