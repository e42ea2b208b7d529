"""`make bench-queries`: every list of the product on a grown market, its plans and its times.

The real services are called and what they send is caught, explained and run again: page 1 and page
1,000, reached by following cursors as a client does. Figures go to var/bench/queries.json and a
table. A plan that reads a large table from end to end, or a p95 above 20 ms, ends in an error.
`--database URL` measures on a database that `tests.bench.big_data` has filled before.
"""

import argparse
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import URL, Connection, create_engine, event, func, make_url, select, text
from sqlalchemy.orm import Session

from celery_config import TaskName
from tests.bench import big_data
from tests.bench.big_data import (
    COMMON_TAG,
    DISCUSSED_IMAGE,
    FULL_COLLECTION,
    OLD_TAG,
    POPULAR_STYLE,
    RARE_TAG,
    USUAL_TAG,
    Size,
)
from tests.fixtures import ENVIRONMENT
from webapp.domain import due_jobs, ended_jobs, jobs
from webapp.domain.db import SESSION, connect_options
from webapp.domain.due_jobs import DueJob
from webapp.domain.gateways.storage import Storage, make_storage
from webapp.domain.models.generation import AspectRatio
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.models.notification import Notification
from webapp.domain.models.style import Style
from webapp.domain.queries import (
    audit as audit_queries,
    cases as case_queries,
    collections as collection_queries,
    comments as comment_queries,
    earnings as earning_queries,
    feed as feed_queries,
    generations as generation_queries,
    ledger as ledger_queries,
    liked as liked_queries,
    moderation as moderation_queries,
    notifications as notification_queries,
    payments as payment_queries,
    purchases as purchase_queries,
    registry,
    reports as report_queries,
    search,
    style_detail,
    styles as style_queries,
    tags as tag_queries,
    tokens as token_queries,
    training as training_queries,
    users as user_queries,
)
from webapp.domain.queries.audit import AuditFilter
from webapp.domain.queries.feed import FeedFilter
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.ledger import LedgerFilter
from webapp.domain.queries.moderation import ModerationFilter, UserFilter
from webapp.domain.queries.pagination import MAX_LIMIT, Page, PageRequest
from webapp.domain.queries.payments import Addresses
from webapp.domain.queries.styles import StyleFilter
from webapp.domain.queries.tokens import TransactionFilter
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import (
    duplicates,
    idempotency,
    ledger,
    notification_groups,
    notifications,
    operations,
    stuck_jobs,
    tags,
    try_outs,
)
from webapp.domain.services.duplicates import Picture

FILE = Path("var/bench/queries.json")
DEEP = 1000
RUNS = 60
P95_MILLISECONDS = 20.0
SLOWER = {"registry: near": 150.0}  # milliseconds; a search in eight orientations
LARGE = 5_000  # rows; reading fewer from end to end is what a planner should do

Listing = Callable[[Session, PageRequest], Page]
Sent = tuple[str, Any]


@dataclass(frozen=True)
class Plan:
    """What the database did for the statements of one page."""

    read_whole: tuple[str, ...]  # large tables that were read from end to end
    rows_read: int  # of the one table that most is read of
    blocks: int  # of 8 kB, from memory or disk
    shape: str


@dataclass(frozen=True)
class Figure:
    """One page of one list: what it cost in the database, in milliseconds."""

    name: str
    page: int
    rows: int
    p50: float
    p95: float
    longest: float
    plan: Plan


def lists(size: Size, storage: Storage) -> dict[str, Listing]:
    """Return every list of the product with each of its filters, where it hurts most."""
    whale, viewer = size.whale, Viewer(size.whale)

    def feed(**filters: Any) -> Listing:
        return lambda session, page: feed_queries.pictures(
            session, storage, viewer=viewer, filters=FeedFilter(**filters), page=page
        )

    def own(**filters: Any) -> Listing:
        return lambda session, page: generation_queries.own(
            session, storage, user_id=whale, filters=OwnFilter(**filters), page=page
        )

    def styles(**wanted: Any) -> Listing:
        return lambda session, page: style_queries.catalogue(
            session, storage, filters=StyleFilter(**wanted), viewer=viewer, page=page
        )

    def ledger_of(user_id: int, **wanted: Any) -> Listing:
        return lambda session, page: token_queries.transactions(
            session, storage, user_id=user_id, filters=TransactionFilter(**wanted), page=page
        )

    def told(*, unread_only: bool) -> Listing:
        return lambda session, page: notification_queries.own(
            session, storage, user_id=whale, unread_only=unread_only, page=page
        )

    def found(kind: str, typed: str) -> Listing:
        look = {"styles": search.styles, "artists": search.artists}[kind]
        return lambda session, page: look(session, storage, typed, page)

    sorts = ("recent", "popular")
    tags = {"common": COMMON_TAG, "usual": USUAL_TAG, "rare": RARE_TAG, "old": OLD_TAG}
    half_a_year = datetime.now(UTC) - timedelta(days=180)
    return {
        **{f"feed {sort}": feed(sort=sort) for sort in sorts},
        **{
            f"feed {sort}, {kind} tag": feed(sort=sort, tags=(tag,))
            for sort in sorts
            for kind, tag in tags.items()
        },
        "feed recent, two tags": feed(tags=(COMMON_TAG, USUAL_TAG)),
        "feed recent, one of two tags": feed(tags_any=(USUAL_TAG, RARE_TAG)),
        **{f"feed {sort}, one style": feed(sort=sort, style_id=POPULAR_STYLE) for sort in sorts},
        **{
            f"feed {sort}, unpopular style": feed(sort=sort, style_id=size.styles - 22)
            for sort in sorts
        },
        **{f"feed {sort}, one artist": feed(sort=sort, artist_id=POPULAR_STYLE) for sort in sorts},
        **{f"feed {sort}, one person": feed(sort=sort, user_id=whale) for sort in sorts},
        **{f"feed {sort}, following": feed(sort=sort, following=True) for sort in sorts},
        "feed recent, person and style": feed(user_id=whale, style_id=size.styles // 2),
        **{f"styles {sort}": styles(sort=sort) for sort in sorts},
        **{
            f"styles {sort}, {kind} tag": styles(sort=sort, tags=(tag,))
            for sort in sorts
            for kind, tag in tags.items()
        },
        "styles recent, one artist": styles(artist_id=POPULAR_STYLE),
        **{
            f"styles {sort}, another licence": styles(sort=sort, license_type="personal")
            for sort in sorts
        },
        "styles recent, following": styles(following=True),
        "artist's own styles": lambda session, page: style_queries.own(
            session, storage, artist_id=POPULAR_STYLE, page=page
        ),
        "my generations": own(),
        **{
            f"my generations, {status}": own(status=status)
            for status in ("completed", "failed", "processing")
        },
        "my generations, private": own(is_public=False),
        "my generations, being made": own(unfinished=True),
        "my generations, one style": own(style_id=size.styles // 2),
        "ledger": ledger_of(whale),
        **{
            f"ledger, {kind}": ledger_of(whale, type=kind)
            for kind in ("bonus", "usage", "refund", "earning", "purchase")
        },
        **{f"ledger, {side}": ledger_of(whale, direction=side) for side in ("in", "out")},
        "ledger, before half a year": ledger_of(whale, until=half_a_year),
        "ledger, since half a year": ledger_of(whale, since=half_a_year),
        "ledger of a popular artist": ledger_of(POPULAR_STYLE),
        "ledger of a popular artist, earning": ledger_of(POPULAR_STYLE, type="earning"),
        "ledger of a quiet person": ledger_of(size.quiet),
        "notifications": told(unread_only=False),
        "notifications, unread": told(unread_only=True),
        "pictures one likes": lambda session, page: liked_queries.pictures(
            session, storage, user_id=whale, page=page
        ),
        "collections": lambda session, page: collection_queries.own(
            session, storage, user_id=whale, page=page
        ),
        "pictures of a collection": lambda session, page: collection_queries.pictures(
            session, storage, collection_id=FULL_COLLECTION, viewer=viewer, page=page
        ),
        "comments": lambda session, page: comment_queries.of_image(
            session,
            storage,
            generation_id=DISCUSSED_IMAGE,
            parent_id=None,
            viewer=viewer,
            page=page,
        ),
        "people one follows": lambda session, page: user_queries.following(
            session, storage, user_id=whale, page=page
        ),
        "purchases": lambda session, page: payment_queries.own(
            session, Addresses(""), user_id=POPULAR_STYLE, status=None, page=page
        ),
        "tags": lambda session, page: tag_queries.popular(session, page=page),
        **{
            f"search for {kind}, {typed}": found(kind, typed)
            for kind in ("styles", "artists")
            for typed in ("style 7", "artist 77", "9")
        },
        **moderation(size, storage),
    }


def moderation(size: Size, storage: Storage) -> dict[str, Listing]:
    """Return the lists of administrators.

    Not here: words that hardly any comment, name or address has. Nothing but all rows can tell.
    """

    def images(**filters: Any) -> Listing:
        return lambda session, page: generation_queries.for_admin(
            session, storage, filters=ModerationFilter(**filters), page=page
        )

    def styles(**wanted: Any) -> Listing:
        return lambda session, page: style_queries.for_admin(
            session, storage, filters=ModerationFilter(**wanted), page=page
        )

    def tags(**wanted: Any) -> Listing:
        return lambda session, page: moderation_queries.tags(
            session, filters=ModerationFilter(**wanted), page=page
        )

    def comments(**wanted: Any) -> Listing:
        return lambda session, page: moderation_queries.comments(
            session, filters=ModerationFilter(**wanted), page=page
        )

    def people(**wanted: Any) -> Listing:
        return lambda session, page: moderation_queries.users(
            session, filters=UserFilter(**wanted), page=page
        )

    def log(**wanted: Any) -> Listing:
        return lambda session, page: audit_queries.changes(
            session, filters=AuditFilter(**wanted), page=page
        )

    def reports(status: str | None, target_type: str | None = None) -> Listing:
        return lambda session, page: report_queries.queue(
            session, storage, status=status, target_type=target_type, page=page
        )

    def cases(target_type: str | None) -> Listing:
        return lambda session, page: case_queries.open_cases(
            session, storage, target_type=target_type, page=page
        )

    def transfers(**wanted: Any) -> Listing:
        return lambda session, page: ledger_queries.transfers(
            session, filters=LedgerFilter(**wanted), page=page
        )

    return {
        "admin: images": images(),
        "admin: images, flagged": images(is_flagged=True),
        "admin: images, not flagged": images(is_flagged=False),
        "admin: images, one person": images(user_id=size.whale),
        "admin: images, common tag": images(q=COMMON_TAG),
        "admin: images, rare tag": images(q=RARE_TAG),
        "admin: styles": styles(),
        "admin: styles, flagged": styles(is_flagged=True),
        "admin: styles, off": styles(is_active=False),
        "admin: styles, one artist": styles(user_id=POPULAR_STYLE),
        "admin: styles, by name": styles(q=f"style {size.styles // 2}"),
        "admin: tags": tags(),
        "admin: tags, flagged": tags(is_flagged=True),
        "admin: tags, off": tags(is_active=False),
        "admin: tags, by name": tags(q=RARE_TAG),
        "admin: comments": comments(),
        "admin: comments, hidden": comments(is_flagged=True),
        "admin: comments, one person": comments(user_id=POPULAR_STYLE),
        "admin: comments, usual word": comments(q="boat"),
        "admin: people": people(),
        "admin: people, closed": people(is_active=False),
        "admin: people, administrators": people(role="admin"),
        "admin: people, usual name": people(q="person"),
        "admin: log": log(),
        "admin: log, one object": log(object_type="report", object_id="1"),
        "admin: log, one kind": log(object_type="tag"),
        "admin: log, one administrator": log(admin_id=size.users - 4),
        "admin: reports, open": reports("open"),
        "admin: reports, decided": reports("dismissed"),
        "admin: reports": reports(None),
        "admin: reports, open, of comments": reports("open", "comment"),
        "admin: cases": cases(None),
        "admin: cases, of comments": cases("comment"),
        "admin: flagged": lambda session, page: case_queries.flagged(session, storage, page=page),
        "admin: ledger": transfers(),
        "admin: ledger, one kind": transfers(kind="hold"),
        "admin: ledger, a rare kind": transfers(kind="grant"),
        "admin: ledger, one person": transfers(user_id=size.whale),
        "admin: ledger, one person, one kind": transfers(user_id=size.whale, kind="hold"),
        "admin: ledger, one image": transfers(generation_id=DISCUSSED_IMAGE),
        "admin: ledger, before a month": transfers(until=datetime.now(UTC) - timedelta(days=30)),
        "admin: purchases, one person": lambda session, page: purchase_queries.of_user(
            session, user_id=POPULAR_STYLE, page=page
        ),
    }


def looks(size: Size, storage: Storage) -> dict[str, Callable[[Session], object]]:
    """Return the reads that are no list and happen with every page or every few seconds."""
    viewer = Viewer(size.whale)
    picture = Picture([COMMON_TAG, USUAL_TAG], [], AspectRatio.SQUARE, 1.0)
    hashes = [Random(seed).getrandbits(64) for seed in range(registry.MAX_HASHES)]
    months = [datetime.now(UTC) - timedelta(days=30 * ago) for ago in range(12, -1, -1)]
    return {
        "earnings of a year": lambda session: earning_queries.between(
            session, POPULAR_STYLE, months
        ),
        "balances": lambda session: ledger.balances(session, size.whale),
        "unread count": lambda session: notifications.unread_count(session, size.whale),
        "style": lambda session: style_detail.detail(
            session, storage, style_id=POPULAR_STYLE, viewer=viewer
        ),
        "training under way": training_queries.under_way,
        "try-outs of a style": lambda session: generation_queries.try_outs(
            session, storage, style_id=POPULAR_STYLE, limit=24
        ),
        "try-outs left of a training": lambda session: try_outs.left(session, 1),
        "admin: what is stuck": stuck_jobs.stuck,
        "admin: what failed within a day": stuck_jobs.dead,
        "metrics": lambda session: list(operations.measure(session)),
        "generation": lambda session: generation_queries.detail(
            session, storage, generation_id=size.generations // 2, viewer=viewer
        ),
        "tags on other images of a person": lambda session: tags.on_others(
            session,
            [COMMON_TAG, USUAL_TAG, RARE_TAG, OLD_TAG, "never used"],
            user_id=size.whale,
            image_ids=[0],
        ),
        "pictures that a buyer owns": lambda session: duplicates.owned(
            session,
            user_id=size.whale,
            style=session.get_one(Style, POPULAR_STYLE),
            picture=picture,
            seeds=[7, 8, 9, 10],
        ),
        "registry: by a file": lambda session: registry.by_sha256(session, bytes(32)),
        "registry: by a watermark": lambda session: registry.by_watermark(session, 7),
        "registry: near": lambda session: registry.near(session, hashes),
    }


def loops(session: Session) -> dict[str, Callable[[], object]]:
    """Return what the relay, the workers' claims and the hourly purges send all the time."""
    first = select(func.min(Job.id)).where(Job.state == JobState.QUEUED)
    job_id = session.scalars(first).one()
    day = timedelta(days=1)

    def claim(**which: Any) -> Callable[[], object]:
        kind, seconds = JobKind.GENERATION, 60
        return lambda: jobs.claim_batch(session, kind, lease_seconds=seconds, limit=4, **which)

    latest = select(Notification).order_by(Notification.id.desc()).limit(1)
    notification = session.scalars(latest).one()

    def purge(*, is_read: bool) -> Callable[[], object]:
        return lambda: notifications.purge(session, is_read=is_read, older_than=day, limit=10)

    return {
        "expired leases": lambda: due_jobs.requeue_expired(session),
        "overdue jobs": lambda: due_jobs.end_overdue(session),
        "due jobs": lambda: due_jobs.mark_due(session, repeat_seconds=30),
        "unmark": lambda: due_jobs.unmark(session, [DueJob(job_id, TaskName.RENDER_IMAGES)]),
        "claim one": lambda: jobs.claim(session, job_id, TaskName.RENDER_IMAGES, 60),
        "claim": claim(),
        "claim, one base model": claim(base_model="tiny"),
        "claim, one batch": claim(batch_of=job_id),
        "claim, one job": claim(job_id=job_id),
        "purge jobs": lambda: ended_jobs.purge(session, older_than=day, limit=10),
        "purge read notifications": purge(is_read=True),
        "purge unread notifications": purge(is_read=False),
        "read by the page of a picture": lambda: notifications.mark_seen(
            session, notification.recipient_id, notification.target_id
        ),
        "hide a picture": lambda: notifications.delete_of_hidden(
            session, [notification.target_id], notification.recipient_id
        ),
        "delete a comment": lambda: notifications.delete_of_comments(
            session, notification.target_id, [1]
        ),
        "take a like back": lambda: notification_groups.withdraw_like(
            session,
            notification.recipient_id,
            generation_id=notification.target_id,
            actor_id=notification.recipient_id,
        ),
        "purge idempotency keys": lambda: idempotency.purge(session, limit=10),
    }


@contextmanager
def caught(connection: Connection) -> Iterator[list[Sent]]:
    """Catch what is sent to the database, with its parameters."""
    sent: list[Sent] = []

    def catch(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", catch)
    try:
        yield sent
    finally:
        event.remove(connection, "before_cursor_execute", catch)


def reached(session: Session, listing: Listing, page: int) -> tuple[int, PageRequest]:
    """Follow cursors to a page of the usual length; return how far the list goes, and its request.

    Long strides first: a cursor is the same whatever the length of the page before it.
    """
    request, at, length = PageRequest(), 0, PageRequest().limit
    while at < (page - 1) * length:
        stride = min(MAX_LIMIT, (page - 1) * length - at)
        following = listing(session, PageRequest(stride, request.cursor)).next_cursor
        if following is None:
            break
        request, at = PageRequest(cursor=following), at + stride
    return at // length + 1, request


def explained(connection: Connection, sent: list[Sent], large: frozenset[str]) -> Plan:
    """Let the database explain what it does for statements, while it does it."""
    nodes: list[dict[str, Any]] = []
    blocks = 0
    for statement, parameters in sent:
        found = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}", parameters
        ).scalar_one()
        root = found[0]["Plan"]
        blocks += root["Shared Hit Blocks"] + root["Shared Read Blocks"]
        nodes += _nodes(root)
    scans = [node for node in nodes if "Relation Name" in node]
    whole = {node["Relation Name"] for node in scans if node["Node Type"] == "Seq Scan"}
    read: Counter[str] = Counter()
    for node in scans:
        read[node["Relation Name"]] += _rows_read(node)
    return Plan(
        read_whole=tuple(sorted(whole & large)),
        rows_read=max(read.values(), default=0),
        blocks=blocks,
        shape=" · ".join(_words(node) for node in nodes if _rows_read(node)),
    )


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(each for child in node.get("Plans", ()) for each in _nodes(child))]


def _rows_read(node: dict[str, Any]) -> int:
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return round((node["Actual Rows"] + dropped) * node["Actual Loops"])


def _words(node: dict[str, Any]) -> str:
    on = node.get("Index Name") or node.get("Relation Name") or ""
    return f"{node['Node Type']} {on}".strip() + f" {_rows_read(node)}"


def large_tables(connection: Connection) -> frozenset[str]:
    """Return the tables that nobody should read from end to end."""
    query = text("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= :least")
    return frozenset(connection.scalars(query, {"least": LARGE}))


@dataclass(frozen=True)
class Asked:
    """One page of one list as the service asks for it; `rows` is how many came back."""

    name: str
    page: int
    rows: int
    sent: list[Sent]


def asked(
    session: Session, size: Size, storage: Storage, only: Callable[[str], bool] = bool
) -> Iterator[Asked]:
    """Yield every list at page 1 and as deep as it goes up to page 1,000, and the other looks."""
    for name, listing in lists(size, storage).items():
        if not only(name):
            continue
        pages = {1: PageRequest()} | dict([reached(session, listing, DEEP)])
        for page, request in pages.items():
            with caught(session.connection()) as sent:
                rows = len(listing(session, request).results)
            yield Asked(name, page, rows, sent)
    for name, look in looks(size, storage).items():
        if not only(name):
            continue
        with caught(session.connection()) as sent:
            look(session)
        yield Asked(name, 1, 1, sent)


def measured(connection: Connection, wanted: Asked, large: frozenset[str]) -> Figure:
    """Time what was asked for, results included, then let it be explained."""
    milliseconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for statement, parameters in wanted.sent:
            connection.exec_driver_sql(statement, parameters).all()
        milliseconds.append(1000 * (time.perf_counter() - began))
    return Figure(
        name=wanted.name,
        page=wanted.page,
        rows=wanted.rows,
        p50=round(statistics.median(milliseconds), 2),
        p95=round(statistics.quantiles(milliseconds, n=20)[-1], 2),
        longest=round(max(milliseconds), 2),
        plan=explained(connection, wanted.sent, large),
    )


@contextmanager
def session_on(url: URL) -> Iterator[Session]:
    """Open a session that changes nothing, under the limits of the web process."""
    # as embedded
    options = connect_options(SESSION | {"jit": "off", "max_parallel_workers_per_gather": "0"})
    engine = create_engine(url, connect_args={"options": options})
    with Session(engine) as session:
        yield session
    engine.dispose()


def signing_storage() -> Storage:
    """Return a storage that only signs URLs."""
    return make_storage(
        storage_url="folder:///nowhere",
        public_base_url=ENVIRONMENT["PUBLIC_BASE_URL"],
        secret_key=ENVIRONMENT["SECRET_KEY"],
    )


def main() -> int:
    """Measure, write the figures, and judge them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=make_url, help="filled before; nothing is dropped")
    parser.add_argument("--only", default="", help="only lists whose name begins with this")
    arguments = parser.parse_args()
    os.environ |= ENVIRONMENT | {"STORAGE_URL": "folder:///nowhere", "DATABASE_URL": "unused://"}
    with big_data.grown(arguments.database) as url:
        return report(url, arguments.only)


def report(url: URL, only: str) -> int:
    """Measure on a filled database; return how many pages are worse than they may be."""
    console = Console()
    figures = []
    with session_on(url) as session:
        large = large_tables(session.connection())
        for each in asked(
            session, big_data.GROWN, signing_storage(), only=lambda name: name.startswith(only)
        ):
            console.print(f"{each.name}, page {each.page}", style="dim")
            figures.append(measured(session.connection(), each, large))
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n")
    console.print(table(figures))
    bad = [
        each
        for each in figures
        if each.plan.read_whole or each.p95 >= SLOWER.get(each.name, P95_MILLISECONDS)
    ]
    for each in bad:
        console.print(f"[red]{each.name}, page {each.page}: {each.plan.shape}")
    return len(bad)


def table(figures: list[Figure]) -> Table:
    """Return the figures as a table for people, and for docs/performance.md."""
    made = Table("list", "page", "rows", "p50 ms", "p95 ms", "max ms", "rows read", "8 kB blocks")
    for each in figures:
        counts = (each.page, each.rows, each.p50, each.p95, each.longest)
        made.add_row(
            each.name, *map(str, counts), f"{each.plan.rows_read:,}", f"{each.plan.blocks:,}"
        )
    return made


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
