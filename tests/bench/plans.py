"""`make bench-queries`: every list of the product on a grown market, its plans and its times.

The real services are called and what they send is caught, explained and run again: page 1 and page
1,000, reached by following cursors as a client does. Figures go to var/bench/queries.json and a
table. A plan that reads a large table from end to end, or a p95 above 20 ms, ends in an error. Then
what runs all the time beside them (`tests.bench.loops`) is explained: it may read what it changes.
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
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.orm import Session

from tests.bench import big_data, loops
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
from tests.statements import Sent, caught
from webapp.domain.db import SESSION, connect_options
from webapp.domain.gateways.storage import Storage, make_storage
from webapp.domain.models.generation import AspectRatio
from webapp.domain.models.job import JobKind
from webapp.domain.models.style import LicenseType, Style
from webapp.domain.queries import (
    artist_pages as artist_page_queries,
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
    payouts as payout_queries,
    purchases as purchase_queries,
    queue_positions,
    refund_requests as refund_request_queries,
    registry,
    reports as report_queries,
    search,
    statements as statement_queries,
    style_detail,
    style_statistics,
    styles as style_queries,
    tags as tag_queries,
    tokens as token_queries,
    training as training_queries,
    users as user_queries,
)
from webapp.domain.queries.audit import AuditFilter
from webapp.domain.queries.feed import FeedFilter
from webapp.domain.queries.found_filter import FoundFilter
from webapp.domain.queries.generations import OwnFilter
from webapp.domain.queries.ledger import LedgerFilter
from webapp.domain.queries.moderation import ModerationFilter, UserFilter
from webapp.domain.queries.pagination import MAX_LIMIT, Page, PageRequest
from webapp.domain.queries.payments import Addresses
from webapp.domain.queries.statements import Period
from webapp.domain.queries.styles import StyleFilter
from webapp.domain.queries.tokens import TransactionFilter
from webapp.domain.queries.viewing import Viewer
from webapp.domain.services import (
    audit,
    duplicates,
    ledger,
    notifications,
    operations,
    page_headers,
    payouts,
    stuck_jobs,
    tags,
    try_outs,
)
from webapp.domain.services.duplicates import Picture

FILE = Path("var/bench/queries.json")
DEEP = 1000
RUNS = 60
P95_MILLISECONDS = 20.0
SLOWER = {  # milliseconds
    "registry: near": 150.0,  # a search in eight orientations
    # two fifths of all names have this character, and no style has this price
    "search for styles, 9, up to 4 tokens": 50.0,
    # each order of the artist of whom most is bought, with the purchases of its buyers
    "admin: where the tokens of payouts came from": 50.0,
}
EXPLAINABLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
LARGE = 5_000  # rows; reading fewer from end to end is what a planner should do

Listing = Callable[[Session, PageRequest], Page]


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

    def found(kind: str, typed: str, *only: FoundFilter) -> Listing:
        look = {"styles": search.styles, "artists": search.artists}[kind]
        return lambda session, page: look(session, storage, typed, page, *only)

    sorts = ("recent", "popular")
    tags = {"common": COMMON_TAG, "usual": USUAL_TAG, "rare": RARE_TAG, "old": OLD_TAG}
    now = datetime.now(UTC)
    half_a_year = now - timedelta(days=180)
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
        **{
            f"feed {sort}, {kind} shape": feed(sort=sort, aspect_ratio=AspectRatio(shape))
            for sort in sorts
            for kind, shape in (("common", "1:1"), ("rare", "1:2"), ("missing", "2:2"))
        },
        "feed recent, a shape and a tag": feed(
            aspect_ratio=AspectRatio.PORTRAIT, tags=(USUAL_TAG,)
        ),
        "feed recent, a shape of one style": feed(
            aspect_ratio=AspectRatio.PORTRAIT, style_id=POPULAR_STYLE
        ),
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
        **{
            f"styles {sort}, {kind} price": styles(sort=sort, max_price=price)
            for sort in sorts
            for kind, price in (("usual", 15), ("low", 5), ("too low", 4))
        },
        **{
            f"styles {sort}, commercial and cheap": styles(
                sort=sort, license_type="commercial", max_price=4
            )
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
        "statement of a popular artist": lambda session, page: statement_queries.lines(
            session, Period(POPULAR_STYLE, half_a_year, now), page
        ),
        "notifications": told(unread_only=False),
        "notifications, unread": told(unread_only=True),
        "pictures one likes": lambda session, page: liked_queries.pictures(
            session, storage, user_id=whale, page=page
        ),
        "collections": lambda session, page: collection_queries.own(
            session, storage, user_id=whale, page=page
        ),
        "public collections of a user": lambda session, page: collection_queries.public_of(
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
        **{
            f"search for styles, {typed}, up to {price} tokens": found(
                "styles", typed, FoundFilter(max_price=price)
            )
            for typed in ("style 7", "9")
            for price in (15, 4)
        },
        **{
            f"search for styles, style 7, {name}": found("styles", "style 7", only)
            for name, only in {
                "commercial": FoundFilter(license_type=LicenseType.COMMERCIAL),
                "usual tag": FoundFilter(tags=(USUAL_TAG,)),
                "one artist": FoundFilter(artist_id=size.whale),
            }.items()
        },
        **moderation(size, storage),
    }


def collections(**wanted: Any) -> Listing:
    """Return the list of collections for administrators."""
    return lambda session, page: moderation_queries.collections(
        session, filters=ModerationFilter(**wanted), page=page
    )


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
        "admin: collections": collections(),
        "admin: collections, hidden": collections(is_flagged=True),
        "admin: collections, one person": collections(user_id=size.whale),
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
        "admin: refund requests": lambda session, page: refund_request_queries.queue(
            session, page=page
        ),
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
        "tokens that can be paid out": lambda session: payouts.payable(session, POPULAR_STYLE),
        "admin: where the tokens of payouts came from": lambda session: payout_queries.sources(
            session, [POPULAR_STYLE, size.styles // 2]
        ),
        "balances": lambda session: ledger.balances(session, size.whale),
        "header of a page": lambda session: page_headers.read(session, size.whale, most_unread=100),
        "unread count": lambda session: notifications.unread_count(session, size.whale),
        "news of a mail digest": lambda session: notification_queries.news(
            session,
            user_id=size.whale,
            since=months[-2],
            until=months[-1],
            most=30,
        ),
        "style": lambda session: style_detail.detail(
            session, storage, style_id=POPULAR_STYLE, viewer=viewer
        ),
        "page of an artist": lambda session: artist_page_queries.detail(
            session, storage, artist_id=POPULAR_STYLE, viewer=viewer
        ),
        "statistics of a style": lambda session: style_statistics.of_style(
            session,
            style_id=POPULAR_STYLE,
            viewer=Viewer(size.whale, is_admin=True),
            period=style_statistics.Period.QUARTER,
        ),
        "first view of a style": lambda session: style_statistics.first_view(
            session, POPULAR_STYLE
        ),
        "training under way": training_queries.under_way,
        "positions in the queue": lambda session: queue_positions.of_waiting(
            session, JobKind.GENERATION, range(size.generations - 23, size.generations + 1)
        ),
        "try-outs of a style": lambda session: generation_queries.try_outs(
            session, storage, style_id=POPULAR_STYLE, limit=24
        ),
        "try-outs left of a training": lambda session: try_outs.left(session, 1),
        "admin: a person by a name in capitals": lambda session: moderation_queries.user_named(
            session, f"PERSON {size.whale}"
        ),
        "admin: the last change of an object": lambda session: audit.last(
            session, object_type="report", object_id=7
        ),
        "admin: who has hidden something": lambda session: audit_queries.hidings(
            session, [("report", number) for number in range(1, 11)]
        ),
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
        **{
            f"pictures that a buyer owns, {licence}": lambda session, licence=licence: (
                duplicates.owned(
                    session,
                    user_id=size.whale,
                    style=session.get_one(Style, POPULAR_STYLE),
                    picture=replace(picture, license_type=licence),
                    seeds=[7, 8, 9, 10],
                )
            )
            for licence in LicenseType
        },
        "registry: by a file": lambda session: registry.by_sha256(session, bytes(32)),
        "registry: by a watermark": lambda session: registry.by_watermark(session, 7),
        "registry: near": lambda session: registry.near(session, hashes),
    }


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
def undone(session: Session) -> Iterator[None]:
    """Roll back what is done inside, and nothing else."""
    with session.begin_nested() as savepoint:
        yield
        savepoint.rollback()


def changed(
    session: Session, change: Callable[[], object], large: frozenset[str]
) -> tuple[float, list[Plan]]:
    """Return how many milliseconds a change takes, and the plan of each of its statements."""
    session.expunge_all()
    with undone(session), caught(session.connection()) as sent:
        began = time.perf_counter()
        change()
        session.flush()
        milliseconds = 1000 * (time.perf_counter() - began)
    plans = []
    for statement in sent:
        if statement[0].lstrip().startswith(EXPLAINABLE):
            with undone(session):
                plans.append(explained(session.connection(), [statement], large))
    return milliseconds, plans


def reads_too_much(plan: Plan) -> bool:
    """Whether a statement of a change reads more than it changes."""
    return bool(plan.read_whole) or plan.rows_read > loops.ROWS_CHANGED


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
    return len(bad) + report_loops(url, only, console)


def report_loops(url: URL, only: str, console: Console) -> int:
    """Explain what runs all the time on a filled database; return how many read too much."""
    made = Table("change", "statements", "ms", "rows read", "8 kB blocks")
    bad = []
    with session_on(url) as session:
        loops.fill(session, big_data.GROWN)
        large = large_tables(session.connection())
        for name, change in loops.loops(session).items():
            if not name.startswith(only):
                continue
            milliseconds, plans = changed(session, change, large)
            if name not in loops.KNOWN:
                bad += [f"{name}: {plan.shape}" for plan in plans if reads_too_much(plan)]
            read = max(plan.rows_read for plan in plans)
            blocks = sum(plan.blocks for plan in plans)
            figures = (f"{milliseconds:.1f}", f"{read:,}", f"{blocks:,}")
            made.add_row(name, str(len(plans)), *figures)
        session.rollback()
    console.print(made)
    for each in bad:
        console.print(f"[red]{each}")
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
