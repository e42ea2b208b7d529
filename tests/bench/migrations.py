"""`make bench-migrations`: every migration from 0001 under writing load, and how long writers wait.

A database is filled at the first revision, then migrated one revision after the other as `flask
prepare` does it, while some threads insert and update jobs, images, transfers and notifications.
From revision 0020 on migrations are made for a site that works: no statement may wait for longer
than a second, and none may be refused. Older ones need the site stopped. Figures go to
var/bench/migrations.json and a table; its column `beside` has the longest wait of those who write
into a table that no migration knows, so it says how much of a wait is the machine's.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from alembic.script import ScriptDirectory
from rich.console import Console
from rich.table import Table
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import OperationalError

from tests import database
from tests.bench import writing_load
from tests.bench.writing_load import Writers
from tests.fixtures import ENVIRONMENT

FILE = Path("var/bench/migrations.json")
# The first revision that is applied while the site works.
WHILE_THE_SITE_WORKS = "0020"
MOST_SECONDS = 1.0
# `flask prepare` tries again, too, when a lock is not free within half a second; for a minute.
TRIES, BETWEEN_TRIES_SECONDS = 40, 1.0
IDLE_SECONDS = 3.0
WITHOUT = "–"


@dataclass(frozen=True)
class Load:
    """The rows of each of the four tables, and who writes: so many threads, with pauses."""

    rows: int
    writers: int = 4
    pause: float = 0.01  # seconds between two statements of a thread


@dataclass(frozen=True)
class Figure:
    """One migration: how long it took, and what the writers met meanwhile."""

    revision: str
    title: str
    seconds: float
    tries: int
    statements: int
    longest_wait: float
    longest_of: str
    longest_beside: float  # of writers of a table that no migration knows
    refused: dict[str, str]

    @property
    def needs_the_site_stopped(self) -> bool:
        """Whether it is older than the rule."""
        return self.revision < WHILE_THE_SITE_WORKS

    @property
    def verdict(self) -> str:
        """What is said of it in the table."""
        if self.revision == WITHOUT:
            return ""
        if self.needs_the_site_stopped:
            return "needs the site stopped"
        if self.refused:
            return "refuses the statements of the code before"
        return "ok" if self.longest_wait <= MOST_SECONDS else "blocks"

    @property
    def is_bad(self) -> bool:
        """Whether a site that works would notice it."""
        return self.verdict not in {"", "ok", "needs the site stopped"}


def revisions() -> list[tuple[str, str]]:
    """Return every revision with its title, the oldest first."""
    scripts = ScriptDirectory(str(database.MIGRATIONS)).walk_revisions()
    return [(each.revision, each.doc) for each in reversed(list(scripts))]


def measured(url: URL, load: Load, idle_seconds: float = IDLE_SECONDS) -> Iterator[Figure]:
    """Migrate an empty database, fill it at the first revision, and yield what the writers met."""
    [(first, _), *later] = revisions()
    database.migrate(url, first)
    with writing(url, load) as writers:
        yield figure(writers, WITHOUT, "no migration", lambda: time.sleep(idle_seconds))
        for revision, title in later:
            yield figure(
                writers, revision, title, lambda revision=revision: database.migrate(url, revision)
            )


@contextmanager
def writing(url: URL, load: Load) -> Iterator[Writers]:
    """Fill a migrated database, and write to the end."""
    engine = create_engine(url)
    with engine.begin() as connection:
        writing_load.fill(connection, load.rows)
    engine.dispose()
    writers = Writers(url, rows=load.rows, threads=load.writers, pause=load.pause)
    with writers.writing():
        yield writers


def figure(writers: Writers, revision: str, title: str, migrate: Callable[[], object]) -> Figure:
    """Return what the writers met during a migration."""
    with writers.watched() as waits:
        began = time.monotonic()
        tries = _tried(migrate)
        seconds = time.monotonic() - began
    return Figure(
        revision=revision,
        title=title,
        seconds=round(seconds, 2),
        tries=tries,
        statements=waits.count,
        longest_wait=round(waits.longest, 3),
        longest_of=waits.longest_of,
        longest_beside=round(waits.longest_beside, 3),
        refused=waits.refused,
    )


def _tried(migrate: Callable[[], object]) -> int:
    """Migrate until it succeeds; return how many tries it took."""
    for number in range(1, TRIES):
        try:
            migrate()
        except OperationalError:  # a lock was not free in time, or a deadlock
            time.sleep(BETWEEN_TRIES_SECONDS)
            continue
        return number
    migrate()
    return TRIES


@contextmanager
def emptied() -> Iterator[URL]:
    """A database of our own, dropped afterwards."""
    with database.server() as server, database.database(server) as url:
        yield url


def table(figures: list[Figure]) -> Table:
    """Return the figures as a table for people."""
    made = Table("", "migration", "s", "tries", "statements", "longest ms", "of", "beside ms", "")
    for each in figures:
        made.add_row(
            each.revision,
            each.title[:30],
            f"{each.seconds:.1f}",
            str(each.tries),
            f"{each.statements:,}",
            f"{1000 * each.longest_wait:,.0f}",
            each.longest_of,
            f"{1000 * each.longest_beside:,.0f}",
            f"[red]{each.verdict}" if each.is_bad else each.verdict,
        )
    for column in made.columns:
        column.no_wrap = True
    return made


def main() -> int:
    """Measure, write the figures, and judge them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each of the four tables")
    parser.add_argument("--writers", type=int, default=4, help="threads that write")
    parser.add_argument("--pause", type=float, default=0.01, help="seconds between statements")
    arguments = parser.parse_args()
    os.environ |= ENVIRONMENT | {"STORAGE_URL": "folder:///nowhere", "DATABASE_URL": "unused://"}
    console = Console(width=180)
    load = Load(arguments.rows, arguments.writers, arguments.pause)
    figures = []
    with emptied() as url:
        for each in measured(url, load):
            console.print(f"{each.revision} {each.seconds:.1f} s", style="dim")
            figures.append(each)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    made = {
        **asdict(load),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "figures": [asdict(each) | {"verdict": each.verdict} for each in figures],
    }
    FILE.write_text(json.dumps(made, indent=2) + "\n")
    console.print(table(figures))
    bad = [each for each in figures if each.is_bad]
    for each in bad:
        console.print(f"[red]{each.revision}: {each.verdict} {each.refused or ''}")
    return len(bad)


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
