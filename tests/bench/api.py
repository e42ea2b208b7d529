"""`make bench-api`: a hundred people (or `--people`) at the site, on a moderate market.

It runs as by `make up`: the real web process, relay and CPU worker, and a renderer that claims and
completes over HTTP but only pretends to draw, on a database of their own. Rate limits are on.
Locust stands on the same machine and takes its share of it. Figures go to var/bench/api.json and a
table.
"""

import argparse
import json
import os
import platform
import resource
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests import database
from tests.bench import big_data
from tests.bench.big_data import ADAPTER_KEY, MODERATE, SIGNATURE_KEY
from tests.making import ADAPTER, signature_png
from webapp.domain.gateways.storage import make_storage
from webapp.domain.services import ledger, ledger_check
from webapp.embedded.processes import PROCESSES, Process
from webapp.embedded.supervisor import Stack

FILE = Path("var/bench/api.json")
RAMP_PER_SECOND = 10
P95_MILLISECONDS = 200
PEOPLE_OF_GOAL = 100  # more are an overload, in which times are not judged
PRETENDING = "tests.chaos.fast_engine"
# One core each would be taken by threads of numpy that wait for one another.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def processes() -> tuple[Process, ...]:
    """Return what `make up` runs, with a renderer that only pretends."""
    wanted = {each.name: each for each in PROCESSES}
    renderer = wanted["worker-gpu-render"]
    pretending = [PRETENDING if part == "tasks.on_gpu" else part for part in renderer.command]
    return (
        wanted["web"],
        wanted["relay"],
        wanted["worker-cpu"],
        replace(renderer, command=tuple(pretending)),
    )


@contextmanager
def market() -> Iterator[Stack]:
    """Run the site on a filled database; nothing is left of either."""
    folder = Path(tempfile.mkdtemp(prefix="style-license-bench-"))
    try:
        with database.server() as server, database.database(server) as url:
            database.configure(url, jit="off", max_parallel_workers_per_gather="0")
            environ = {
                "PATH": os.environ["PATH"],
                "DATABASE_URL": url.render_as_string(hide_password=False),
                "BASE_MODEL": "tiny",
                "TRUSTED_PROXIES": "1",  # so that each person has an address of their own
                **ONE_THREAD,
            }
            with Stack(folder, environ=environ, processes=processes()) as stack:
                big_data.fill(url, MODERATE)
                yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def open_market(stack: Stack, folder: Path, people_count: int) -> None:
    """Sign people in, give them tokens, and put what the workers fetch into storage."""
    os.environ |= stack.environment
    from webapp.app import create_app
    from webapp.http import csrf
    from webapp.http.access import SIGN_IN

    app = create_app()
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    ids = range(MODERATE.users - people_count + 1, MODERATE.users + 1)
    people = []
    with Session(create_engine(stack.environment["DATABASE_URL"])) as session, session.begin():
        for user_id in ids:
            sign_in = secrets.token_urlsafe(32)
            session.execute(
                text("INSERT INTO sign_ins VALUES (:id, :user, now() + interval '1 day', NULL)"),
                {"id": sign_in, "user": user_id},
            )
            ledger.grant(session, user_id, 100_000, key=f"bench-{user_id}")
            with app.test_request_context():
                token = csrf.token_for(sign_in)
            cookie = signer.dumps({SIGN_IN: sign_in, "_permanent": True})
            people.append(
                {
                    "Cookie": f"session={cookie}; csrftoken={token}",
                    csrf.HEADER: token,
                    "X-Forwarded-For": f"10.0.{user_id // 250}.{1 + user_id % 250}",
                }
            )
        styles = session.scalars(
            text(
                "SELECT id FROM styles WHERE is_active AND NOT is_flagged"
                " AND training_status = 'completed' ORDER BY usage_count DESC LIMIT 300"
            )
        ).all()
    storage = make_storage(
        storage_url=stack.environment["STORAGE_URL"],
        public_base_url=stack.environment["PUBLIC_BASE_URL"],
        secret_key=stack.environment["SECRET_KEY"],
    )
    storage.put(ADAPTER_KEY, ADAPTER, content_type="application/octet-stream")
    storage.put(SIGNATURE_KEY, signature_png(), content_type="image/png")
    (folder / "people.json").write_text(json.dumps([{"headers": each} for each in people]))
    (folder / "market.json").write_text(
        json.dumps({"styles": list(styles), "words": MODERATE.words})
    )


def shop(stack: Stack, folder: Path, people_count: int, seconds: int) -> dict[str, Any]:
    """Let locust send everybody shopping; figures begin when all of them are there."""
    ramp = people_count // RAMP_PER_SECOND
    command = [
        *(sys.executable, "-m", "locust", "-f", "tests/bench/shoppers.py", "--headless"),
        *("--host", f"http://127.0.0.1:{stack.urls['web'].rpartition(':')[2]}"),
        *("-u", str(people_count), "-r", str(RAMP_PER_SECOND), "-t", f"{ramp + seconds}s"),
        *("--reset-stats", "--only-summary", "--loglevel", "WARNING", "--exit-code-on-error", "0"),
    ]
    subprocess.run(
        command,
        env=os.environ | {"BENCH_API_FOLDER": str(folder)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    found: dict[str, Any] = json.loads((folder / "stats.json").read_text())
    return found


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """Return what each part has used so far; locust is the only child we wait for."""
    locust = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = {"locust": locust.ru_utime + locust.ru_stime}
    for each in processes():
        parent = psutil.Process(stack.pid(each.name))
        family = [parent, *parent.children(recursive=True)]
        used[each.name] = sum(sum(member.cpu_times()[:4]) for member in family)
    return used


def main() -> int:
    """Measure, write the figures, and judge them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=90, help="of steady load")
    arguments = parser.parse_args()
    console = Console()
    with market() as stack:
        folder = stack.directory
        open_market(stack, folder, arguments.people)
        load = os.getloadavg()[0]
        before = cpu_seconds(stack)
        found = shop(stack, folder, arguments.people, arguments.seconds)
        after = cpu_seconds(stack)
        with Session(create_engine(stack.environment["DATABASE_URL"])) as session:
            violations = [str(each) for each in ledger_check.check(session)]
    figures = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}",
        "load_before": round(load, 2),
        "people": arguments.people,
        "seconds": arguments.seconds,
        "cpu_seconds": {name: round(after[name] - before[name], 1) for name in after},
        "ledger_violations": violations,
        **found,
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(figures, indent=2) + "\n")
    console.print(table(found["routes"]))
    for each in faults(found, violations, people=arguments.people):
        console.print(f"[red]{each}")
    console.print(f"CPU seconds, ramp included: {figures['cpu_seconds']}")
    waits = [each["seconds"] for each in found["waits"]]
    if waits:
        console.print(f"{len(waits)} orders, signed after {statistics.median(waits)} s (median)")
    return 1 if faults(found, violations, people=arguments.people) else 0


def faults(found: dict[str, Any], violations: list[str], *, people: int) -> list[Any]:
    """Return what is wrong with a run.

    In an overload, with more than a hundred people, orders may still wait and answers may be slow;
    but no request may be refused or fail, no order may fail, and the ledger must be right.
    """
    is_overload = people > PEOPLE_OF_GOAL
    ended_badly = [
        each
        for each in found["waits"]
        if each["state"] in {"failed", "canceled"}
        or (each["state"] != "completed" and not is_overload)
    ]
    total = found["routes"][-1]
    wrong = [*found["errors"], *violations, *ended_badly]
    if total["errors"] and not wrong:
        wrong.append(f"{total['errors']} requests failed")
    if total["p95"] >= P95_MILLISECONDS and not is_overload:
        wrong.append(f"p95 {total['p95']} ms")
    return wrong


def table(routes: list[dict[str, Any]]) -> Table:
    """Return the figures as a table, milliseconds per route."""
    columns = ("route", "requests", "per_second", "p50", "p95", "p99", "errors")
    made = Table(*columns)
    for each in routes:
        made.add_row(*(str(each[column]) for column in columns))
    return made


if __name__ == "__main__":
    raise SystemExit(main())
