"""A dump is taken in mid-load, everything is destroyed, the dump is restored: what must hold then.

It takes minutes, so `make test` leaves it out: `make restore-drill`, DRILL_ORDERS pictures.
"""

import os
import secrets
import time
from dataclasses import dataclass, field
from itertools import count

import httpx
import pytest
from sqlalchemy import URL, create_engine, text

from tasks.messages import ClaimedGeneration
from tests.backups.services import BackupServices
from tests.chaos import market as markets
from tests.chaos.beside import Beside
from tests.chaos.invariants import broken
from tests.chaos.market import Market
from tests.chaos.test_messages import api, asleep, claimed, failure, progress, result
from tests.stack import Stack
from tests.waiting import wait_for
from webapp.domain.db import Base
from webapp.domain.services import epochs

JOB_OF = "SELECT id FROM jobs WHERE kind = 'generation' AND ref = :ref"
ORDERS = int(os.environ.get("DRILL_ORDERS", "24"))
BUYERS = 3
OPEN = {"queued", "processing", "retrying"}
__all__ = ["api"]


class Shopping(Beside):
    """Orders one picture after the other until the block ends."""

    def __init__(self, market, buyer: int) -> None:
        super().__init__()
        self._market, self._buyer = market, buyer

    def go(self) -> None:
        for number in count():
            if self.stopped.is_set():
                return
            if self._market.stack.unfinished() < 8 + BUYERS:
                self._market.order(
                    self._buyer, key=f"drill-{self._buyer}-{number}-{secrets.token_hex(4)}"
                )
            time.sleep(0.05)


def flask(stack, *arguments) -> str:
    done = stack.flask(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def highest_ids(stack) -> dict[str, int]:
    """The highest id of every table that counts its rows."""
    tables = [name for name, table in Base.metadata.tables.items() if "id" in table.columns]
    counted = [name for name in tables if Base.metadata.tables[name].c.id.identity is not None]
    return {name: stack.value(f"SELECT coalesce(max(id), 0) FROM {name}") for name in counted}


def about(job) -> int:
    return job.payload.generation_id


def promised(market) -> set[int]:
    return {each for ids in market.accepted.copy().values() for each in ids}


@dataclass
class Drill:
    """A market whose database is lost; `kept` are the orders from before the dump began."""

    stack: Stack
    market: Market
    backups: BackupServices
    kept: set[int] = field(default_factory=set)
    exposed_seconds: float = 0
    down_seconds: float = 0
    in_flight: set[int] = field(default_factory=set)
    checked: str = ""

    def live(self, api) -> tuple[ClaimedGeneration, ClaimedGeneration]:
        """Sell; dump in mid-load; go on selling.

        Return what a worker holds at the end: a job that the dump has, claimed again after it, and
        a job that was ordered after it.
        """
        with Shopping(self.market, 0), Shopping(self.market, 1), Shopping(self.market, 2):
            wait_for(
                lambda: self.market.statuses().get("completed", 0) >= ORDERS,
                "pictures",
                seconds=900,
                explain=self.stack.tails,
            )
            with asleep(self.stack.gpu):
                first = claimed(self.stack, api)
                began = time.monotonic()
                self.backups.run("backup-files", self.stack.database_url)
                self.kept = promised(self.market)
                for name in ("backup-database", "backup-files"):
                    self.backups.run(name, self.stack.database_url)
                assert (self.backups.folder / "metrics/database.prom").is_file()
                self.stack.expire_leases()
                later = wait_for(
                    lambda: next(iter(api.claim(job_id=first.job_id)), None), "the lost job"
                )
                [ordered] = self.market.order()
                # By its id: nobody orders more while others that it claimed are unfinished.
                job_id = self.stack.value(JOB_OF, ref=ordered)
                unknown = claimed(self.stack, api, job_id)
            enough = len(promised(self.market)) + max(4, ORDERS // 4)
            wait_for(lambda: len(promised(self.market)) >= enough, "more orders", seconds=300)
        self.exposed_seconds = time.monotonic() - began
        return later, unknown

    def restore(self) -> None:
        """Kill all, lose every row and every object, and restore both into an empty place."""
        self.stack.die()
        for info in list(self.stack.storage.list()):
            self.stack.storage.delete(info.key)
        began = time.monotonic()
        empty = self.stack.empty_database()
        self.backups.run("restore-database", empty)
        self.backups.run("restore-files", empty)
        self.stack.environment["DATABASE_URL"] = empty.render_as_string(hide_password=False)
        assert "ids begin at" in flask(self.stack, "restored")
        flask(self.stack, "ledger", "check", "--full")
        self.checked = flask(self.stack, "license", "check-files").strip()
        self.in_flight = {each for each, status in self.orders(empty).items() if status in OPEN}
        self.stack.live_again(empty)
        self.down_seconds = time.monotonic() - began

    def orders(self, url: URL) -> dict[int, str]:
        """The states of all promised pictures that a database knows."""
        engine = create_engine(url)
        query = text("SELECT id, status FROM generations WHERE id = ANY(:ids)")
        with engine.connect() as connection:
            rows = connection.execute(query, {"ids": list(promised(self.market))}).all()
        engine.dispose()
        return {row.id: row.status for row in rows}

    def figures(self) -> str:
        """The figures of docs/operations.md."""
        ordered, known = promised(self.market), self.orders(self.stack.database_url)
        [dump] = (self.backups.folder / "dumps").iterdir()
        seconds = (f"{name} {spent:.1f} s" for name, spent in self.backups.seconds.items())
        return (
            f"{len(ordered)} orders, {len(known)} restored, {len(self.in_flight)} in flight,"
            f" {len(ordered) - len(known)} lost of {self.exposed_seconds:.1f} s; {self.checked};"
            f" dump {dump.stat().st_size} bytes; {', '.join(seconds)};"
            f" all processes answer {self.down_seconds:.1f} s after the restore began"
        )


@pytest.mark.timeout(1800)
def test_restore_drill(fast, api, tmp_path):
    fast.wait_until_quiet()
    backups = BackupServices(tmp_path / "backups", fast.folder / "objects")
    drill = Drill(fast, markets.opened(fast, buyers=BUYERS), backups)
    later, unknown = drill.live(api)
    highest = highest_ids(fast)
    drill.restore()

    stale = [api.progress(progress(later, 90)), api.fail(failure(later))]
    stale.append(api.complete(result(api, later)))
    assert [(each.applied, each.reason) for each in stale] == [(False, "stale_attempt")] * 3
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        api.progress(progress(unknown))

    reopened = markets.opened(fast, buyers=1)
    reopened.orders(6)
    fast.wait_until_quiet(300)
    known = drill.orders(fast.database_url)
    assert about(later) in drill.in_flight
    assert set(known.values()) <= {"completed", "failed"}
    assert drill.kept <= set(known), "what was ordered before the dump is there"
    assert about(unknown) not in known
    assert reopened.statuses() == {"completed": 6}
    given_again(fast, highest)
    accepted = {key: ids for key, ids in drill.market.accepted.items() if set(ids) <= set(known)}
    assert broken(fast, accepted | reopened.accepted) == []
    print(drill.figures())  # noqa: T201 - for whoever drills
    drill.market.close()
    reopened.close()


def given_again(stack, highest: dict[str, int]) -> None:
    """Assert that no row of after the restore has an id that may have been given before."""
    begin = stack.value("SELECT max(first_fence) FROM epochs") * epochs.IDS_PER_SECOND
    assert begin > max(highest.values())
    made = 0
    for name, last in highest.items():
        between = f"SELECT count(*) FROM {name} WHERE id > :last AND id < :begin"
        assert stack.value(between, last=last, begin=begin) == 0, name
        made += stack.value(f"SELECT count(*) FROM {name} WHERE id >= :begin", begin=begin) > 0
    assert made >= 5, "nothing new was made"
