"""`make bench-pages`: every page of the site on a grown market, its statements and their time.

The real application is asked in this process, as the people to whom the market is worst. Times are
those of the statements with their results, as the page waits for them. Figures go to
var/bench/pages.json and a table; a page of more than 12 statements or 50 ms at p95 is an error.
`--database URL` measures on a database that `tests.bench.big_data` has filled before.
"""

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from flask.testing import FlaskClient
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL

from tests import database
from tests.bench import big_data
from tests.bench.big_data import COMMON_TAG, DISCUSSED_IMAGE, GROWN, OLD_TAG, RARE_TAG, USUAL_TAG
from tests.fixtures import ENVIRONMENT
from tests.pages import ADMINISTRATOR, ARTIST, BUYER, MOST_STATEMENTS, PAGES, VISITOR, Page
from webapp.app import create_app
from webapp.domain.services.licenses import TERMS_VERSION
from webapp.extensions import db
from webapp.http.access import SIGN_IN
from webapp.pages.site_documents import index as site_documents

FILE = Path("var/bench/pages.json")
RUNS = 20
P95_MILLISECONDS = 50.0
ARTIST_ID = big_data.POPULAR_STYLE
PEOPLE = {BUYER: GROWN.whale, ARTIST: ARTIST_ID, ADMINISTRATOR: GROWN.users - 4}
# Filters are what makes a page of a large market dear; the site has them on one page each.
FILTERED = (
    *(
        Page(f"feed-{sort}-{name}", f"/?sort={sort}&tags={tag}", BUYER)
        for sort in ("recent", "popular")
        for name, tag in (("common", COMMON_TAG), ("usual", USUAL_TAG), ("old", OLD_TAG))
    ),
    Page("feed-rare", f"/?tags={RARE_TAG}", BUYER),
    Page("styles-following", "/styles?following=true", BUYER),
    Page("styles-tag", f"/styles?tags={USUAL_TAG}", BUYER),
    *(Page(f"found-{word}", f"/styles?q={word}", BUYER) for word in ("tag", "style 7", "9")),
    Page("found-artist", "/styles?q=artist 77", BUYER),
    Page("found-person", "/styles?q=person 77", BUYER),
    Page("admin-images-rare", f"/admin/images?q={RARE_TAG}", ADMINISTRATOR),
    Page("admin-styles-named", f"/admin/styles?q=style {GROWN.styles // 2}", ADMINISTRATOR),
    Page("admin-ledger-person", f"/admin/ledger?user_id={GROWN.whale}", ADMINISTRATOR),
)


@dataclass(frozen=True)
class Figure:
    """One page: how many statements, and milliseconds in the database and in all."""

    name: str
    statements: int
    p50: float
    p95: float
    slowest_statement: float
    whole_p50: float

    @property
    def is_bad(self) -> bool:
        return self.statements > MOST_STATEMENTS or self.p95 > P95_MILLISECONDS


def places(connection: Connection) -> dict[str, object]:
    """Return what the addresses name, where the market has most of it."""
    own = "SELECT max(id) FROM generations WHERE user_id = :id AND status = 'completed'"
    said = "SELECT max(id) FROM comments WHERE generation_id = :id"
    return {
        "artist": ARTIST_ID,
        "style": big_data.POPULAR_STYLE,
        "buyer": GROWN.whale,
        "image": DISCUSSED_IMAGE,
        "own_image": connection.scalar(text(own), {"id": GROWN.whale}),
        "certificate": f"license-{DISCUSSED_IMAGE}",
        "license_type": "personal",
        "terms_version": TERMS_VERSION,
        "document_version": site_documents.current_version("terms"),
        "collection": big_data.FULL_COLLECTION,
        "comment": connection.scalar(text(said), {"id": DISCUSSED_IMAGE}),
        "purchase": "purchase-1",
    }


def asked(found: dict[str, object]) -> list[Page]:
    """Return the pages of the list whose people and places the market has.

    The others are of artists whose style is not there yet, who have next to nothing, and two that
    follow an order of tokens; whoever has most of the market has never bought any.
    """
    of_people = [page for page in (*PAGES, *FILTERED) if page.who in {VISITOR, *PEOPLE}]
    return [page for page in of_people if not (page.who == BUYER and "purchase}" in page.address)]


@contextmanager
def timed(engines: Collection[Engine]) -> Iterator[list[float]]:
    """Collect how many milliseconds each statement took, whichever pool it went through."""
    milliseconds: list[float] = []

    def begin(connection: Connection, *_rest: Any) -> None:
        connection.info["began"] = time.perf_counter()

    def end(connection: Connection, *_rest: Any) -> None:
        milliseconds.append(1000 * (time.perf_counter() - connection.info["began"]))

    listeners = [
        (engine, name, listener)
        for engine in engines
        for name, listener in (("before_cursor_execute", begin), ("after_cursor_execute", end))
    ]
    for each in listeners:
        event.listen(*each)
    try:
        yield milliseconds
    finally:
        for each in listeners:
            event.remove(*each)


def measured(client: FlaskClient, engines: Collection[Engine], page: Page, address: str) -> Figure:
    """Ask for a page again and again; the first answer warms what is kept in memory."""
    in_database, whole, slowest, count = [], [], [], 0
    for run in range(RUNS + 1):
        began = time.perf_counter()
        with timed(engines) as milliseconds:
            answer = client.get(address)
        if answer.status_code != page.status:
            raise SystemExit(f"{page.name}: {address} was answered {answer.status_code}")
        if run:
            whole.append(1000 * (time.perf_counter() - began))
            in_database.append(sum(milliseconds))
            slowest.append(max(milliseconds, default=0.0))
            count = len(milliseconds)
    return Figure(
        name=page.name,
        statements=count,
        p50=round(statistics.median(in_database), 1),
        p95=round(statistics.quantiles(in_database, n=20)[-1], 1),
        slowest_statement=round(statistics.median(slowest), 1),
        whole_p50=round(statistics.median(whole), 1),
    )


def sign_in(connection: Connection, app: Flask, user_id: int | None) -> FlaskClient:
    """Return a client that is signed in as somebody, or as nobody."""
    client = app.test_client()
    if user_id is not None:
        sign_in_id = f"bench-{user_id}"
        connection.execute(
            text(
                "INSERT INTO sign_ins (id, user_id, expires_at) VALUES (:id, :user_id, :until) "
                "ON CONFLICT DO NOTHING"
            ),
            {
                "id": sign_in_id,
                "user_id": user_id,
                "until": datetime.now(UTC) + timedelta(days=1),
            },
        )
        with client.session_transaction() as cookie:
            cookie[SIGN_IN] = sign_in_id
    return client


def report(url: URL) -> int:
    """Measure on a filled database; return how many pages ask too often or wait too long."""
    console, figures = Console(), []
    database.use(url)
    app = create_app()
    # A line for each request would hide the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with create_engine(url).begin() as connection:
        found = places(connection)
        clients = {who: sign_in(connection, app, PEOPLE.get(who)) for who in (VISITOR, *PEOPLE)}
    with app.app_context():
        engines = db.engines.values()
    for page in asked(found):
        address = page.address.format(**found)
        figures.append(measured(clients[page.who], engines, page, address))
        console.print(f"{page.name}: {figures[-1].p95} ms", style="dim")
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n")
    console.print(table(figures))
    bad = [each.name for each in figures if each.is_bad]
    console.print(f"too slow or too many: {', '.join(bad) or 'none'} of {len(figures)}")
    return len(bad)


def table(figures: list[Figure]) -> Table:
    made = Table("page", "asked", "p50 ms", "p95 ms", "slowest", "whole p50")
    for each in figures:
        row = (each.statements, each.p50, each.p95, each.slowest_statement, each.whole_p50)
        made.add_row(each.name, *map(str, row), style="red" if each.is_bad else "")
    return made


def main() -> int:
    """Measure, write the figures, and judge them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=make_url, help="filled before; nothing is dropped")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database.cache(Path(folder) / "redis") as redis:
        os.environ |= ENVIRONMENT | {
            "STORAGE_URL": f"folder://{folder}/objects",
            "DATABASE_URL": database.SYSTEM_SERVER,
            "REDIS_URL": redis,
            "RATE_LIMITS_ENABLED": "0",
        }
        with big_data.grown(arguments.database) as url:
            return report(url)


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
