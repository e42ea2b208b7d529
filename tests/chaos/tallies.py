"""What came of the orders of a storm, one JSON line per seed, and the table of all lines.

`python -m tests.chaos.tallies` prints the table and what it proves.
"""

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from tests.chaos.market import Market
from tests.processes import ROOT

LINES = ROOT / "var/chaos/long_storm.jsonl"
LATE = timedelta(seconds=120)
ENDINGS = """
    SELECT generations.id, generations.status, jobs.failure_cause, jobs.finished_at,
           (SELECT count(*) FROM transfers WHERE generation_id = generations.id
            AND kind = 'hold') AS holds,
           (SELECT count(*) FROM transfers WHERE generation_id = generations.id
            AND kind = 'payout') AS payouts,
           (SELECT count(*) FROM transfers WHERE generation_id = generations.id
            AND kind = 'refund') AS refunds,
           (SELECT count(*) FROM certificates WHERE generation_id = generations.id) AS certificates
    FROM generations JOIN jobs ON jobs.kind = 'generation' AND jobs.ref = generations.id
    WHERE generations.id = ANY(:ids)
"""


@dataclass(frozen=True)
class Endings:
    """How the promised pictures ended; the last four must be 0.

    lost: not there, without an end, or completed without a payout. doubled: two outcomes, holds or
    certificates. unrefunded: failed, and the tokens are not back. late: ended more than two minutes
    after the last fault.
    """

    orders: int
    completed: int
    refunded: dict[str, int]
    lost: int
    doubled: int
    unrefunded: int
    late: int


def endings(market: Market, last_fault: datetime) -> Endings:
    """Count how every promised picture ended; call it when no job is unfinished."""
    promised = [each for ids in market.accepted.values() for each in ids]
    rows = market.stack.rows(ENDINGS, ids=promised)
    completed = [row for row in rows if row.status == "completed"]
    ended = [row for row in rows if row.status in {"completed", "failed", "canceled"}]
    failed = [row for row in ended if row.status != "completed"]
    unpaid = [row for row in completed if not row.payouts]
    return Endings(
        orders=len(promised),
        completed=len(completed),
        refunded=dict(Counter(row.failure_cause or row.status for row in failed if row.refunds)),
        lost=len(set(promised)) - len(ended) + len(unpaid),
        doubled=sum(
            row.payouts + row.refunds > 1 or row.holds > 1 or row.certificates > 1 for row in rows
        ),
        unrefunded=sum(not row.refunds for row in failed),
        late=sum(row.finished_at > last_fault + LATE for row in ended),
    )


@dataclass(frozen=True)
class Tally:
    """One seed: what was done to the product, and what came of it."""

    seed: int
    at: str
    endings: Endings
    kills: dict[str, int]
    by_failpoint: dict[str, int]
    outages: dict[str, int]
    wrong_clocks: dict[str, int]
    others: dict[str, int]
    violations: int
    seconds: int
    duplicated_messages: int
    replayed_answers: int
    ledger_checks: int

    def append(self) -> None:
        """Write this seed behind the others."""
        LINES.parent.mkdir(parents=True, exist_ok=True)
        with LINES.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(self)) + "\n")

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in asdict(self).items())


def now() -> str:
    """The time of a tally, UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def table(lines: list[dict]) -> str:
    """The lines as a table of Markdown, their sums, and the bound that they prove."""
    names = ("lost", "doubled", "unrefunded", "late")
    titles = ["seed", "orders", "completed", "refunded", *names, "kills", "least of a failpoint"]
    titles += ["outages", "copies", "ledger checks", "minutes"]
    rows = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for line in lines:
        ended = line["endings"]
        causes = ", ".join(f"{count} {cause}" for cause, count in ended["refunded"].items())
        cells = [line["seed"], ended["orders"], ended["completed"], causes or 0]
        cells += [ended[name] for name in names]
        cells += [sum(line["kills"].values()), min(line["by_failpoint"].values(), default=0)]
        cells += [sum(line["outages"].values()), line["duplicated_messages"]]
        cells += [line["ledger_checks"], f"{line['seconds'] / 60:.1f}"]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    orders = sum(line["endings"]["orders"] for line in lines)
    sums = {name: sum(line["endings"][name] for line in lines) for name in names}
    kills = sum(sum(line["kills"].values()) for line in lines)
    rows.append(f"\n{len(lines)} seeds, {orders} orders, {kills} kills: {sums}, {_bound(orders)}")
    return "\n".join(rows)


def _bound(orders: int) -> str:
    """The rule of three: no event in n trials bounds its rate below 3/n with 95 % confidence."""
    return f"each 0 means below {3 / orders * 100_000:.1f} in 100,000 (95 %)" if orders else ""


if __name__ == "__main__":
    sys.stdout.write(table([json.loads(line) for line in LINES.read_text().splitlines()]) + "\n")
