"""People who write while a database is migrated: rows of every age of the schema, by raw SQL.

What a table needs is read from the catalogue: its columns that may not be left out get a value by
their type, and those with a meaning get one of VALUES, as far as the table has them. So the same
writers work at every revision, and at those to come.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import psycopg2
from sqlalchemy import URL, Connection, create_engine, text

WRITTEN = ("jobs", "generations", "transfers", "notifications")
# What those rows refer to: one of each, but two accounts. `n` is the number of a row.
PARENTS = {"users": 1, "artists": 1, "styles": 1, "orders": 1, "accounts": 2}
VALUES = {
    "users": {"id": "n"},
    "artists": {"user_id": "n"},
    "styles": {"id": "n", "artist_id": "n", "license_type": "'personal'", "price_tokens": "10"},
    "orders": {"id": "'order'", "user_id": "1", "style_id": "1"},
    "accounts": {"id": "n", "kind": "CASE n WHEN 1 THEN 'escrow' ELSE 'platform' END"},
    "jobs": {
        "kind": "'generation'",
        "ref": "n",
        "step": "'render_images'",
        "state": "CASE n % 100 WHEN 1 THEN 'queued' ELSE 'done' END",
        "batch_key": "'tiny:512x512'",
        "deadline_at": "clock_timestamp() + interval '1 day'",
        "finished_at": "CASE n % 100 WHEN 1 THEN NULL ELSE clock_timestamp() END",
    },
    "generations": {
        "order_id": "'order'",
        "user_id": "1",
        "style_id": "1",
        "status": "'completed'",
        "prompt_tags": "ARRAY['boat', 'tag ' || n % 1000]",
        "aspect_ratio": "'1:1'",
        "price_tokens": "10",
        "license_public_id": "'license-' || n",
        "image_key": "'images/' || n",
        "image_sha256": "md5(n::text) || md5(n::text)",
        "is_public": "n % 3 = 0",
    },
    "transfers": {
        "debit_account_id": "2",
        "credit_account_id": "1",
        "kind": "'grant'",
        "idempotency_key": "'grant:' || n",
    },
    "notifications": {
        "recipient_id": "1",
        "type": "'generation_complete'",
        "target_type": "'generation'",
        "target_id": "n",
        "dedupe_key": "'generation_complete:' || n",
        "is_read": "n % 10 < 8",
    },
}
# The ledger is append-only.
CHANGES = {
    "jobs": "fence = fence + 1",
    "generations": "like_count = like_count + 1",
    "notifications": "is_read = NOT is_read",
}
BY_TYPE = {
    "bigint": "1",
    "integer": "1",
    "double precision": "1",
    "numeric": "1",
    "boolean": "false",
    "date": "current_date",
    "timestamp with time zone": "clock_timestamp()",
    "jsonb": "'{}'",
    "ARRAY": "'{}'",
    "text": "'text'",
    "character varying": "'x'",
}
COLUMNS = """
    SELECT column_name, data_type,
           is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AS is_required
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = :table AND is_generated = 'NEVER'
    ORDER BY ordinal_position"""
FIRST_NEW = 1_000_000_000  # numbers of rows that are written meanwhile
# A table that no migration knows: who waits there waits for the machine.
BESIDE = "update a table beside"


def insert(connection: Connection, table: str, numbers: str) -> str:
    """Return the statement that adds a row for each `n` of a query of numbers."""
    meant = VALUES[table]
    names, values = [], []
    for name, kind, is_required in connection.execute(text(COLUMNS), {"table": table}):
        if name in meant or is_required:
            names.append(f'"{name}"')
            values.append(meant.get(name) or BY_TYPE[kind])
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {numbers}"


def fill(connection: Connection, rows: int) -> None:
    """Add the rows that others refer to, and as many as wanted of each table that is written."""
    connection.execute(text("CREATE TABLE beside AS SELECT 0 AS writes"))
    for table, number in {**PARENTS, **dict.fromkeys(WRITTEN, rows)}.items():
        numbers = f"generate_series(1, {number}) AS series (n)"
        connection.execute(text(insert(connection, table, numbers)))
    connection.execute(text("ANALYZE"))


def statements(connection: Connection) -> dict[str, str]:
    """Return what the writers send at this revision; `%(n)s` is a number that is new each time."""
    new = "(SELECT CAST(%(n)s AS bigint) AS n) AS one"
    # psycopg2 takes every other sign of per cent for a parameter.
    added = {
        f"insert into {table}": insert(connection, table, "«").replace("%", "%%").replace("«", new)
        for table in WRITTEN
    }
    changed = {
        f"update {table}": f"UPDATE {table} SET {change} WHERE id = %(old)s"
        for table, change in CHANGES.items()
    }
    return added | changed | {BESIDE: "UPDATE beside SET writes = writes + 1"}


@dataclass
class Waits:
    """What the writers met within some time."""

    count: int = 0
    longest: float = 0.0  # seconds
    longest_of: str = ""
    longest_beside: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)  # the error of each kind of statement

    def add(self, name: str, seconds: float) -> None:
        """Count one statement."""
        self.count += 1
        if name == BESIDE:
            self.longest_beside = max(self.longest_beside, seconds)
        elif seconds > self.longest:
            self.longest, self.longest_of = seconds, name


class Writers:
    """Threads that write all the time, each with a connection of its own and short statements."""

    def __init__(self, url: URL, *, rows: int, threads: int, pause: float) -> None:
        self._url, self._rows, self._pause = url, rows, pause
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(threads)]
        self._numbers = count(FIRST_NEW)
        self._lock = threading.Lock()
        self._now = Waits()
        self._used: list[Waits | None] = [None] * threads
        self._statements: Sequence[tuple[str, str]] = ()
        self._stopping = threading.Event()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write until the end."""
        self._read_statements()
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join()

    @contextmanager
    def watched(self) -> Iterator[Waits]:
        """Collect the waits of all statements that begin inside, to the end of the last of them.

        The statements are those of the code before: what the catalogue says now.
        """
        self._read_statements()
        waits = self._now = Waits()
        yield waits
        self._now = Waits()
        while any(each is waits for each in self._used):
            time.sleep(0.01)

    def _read_statements(self) -> None:
        engine = create_engine(self._url)
        with engine.connect() as connection:
            self._statements = tuple(statements(connection).items())
        engine.dispose()

    def _write(self, number: int) -> None:
        dsn = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        chance = random.Random(number)
        turn = number
        with connection.cursor() as cursor:
            while not self._stopping.is_set():
                # Read anew for each: the next revision may have begun.
                known = self._statements
                self._send(number, cursor, chance, *known[turn % len(known)])
                turn += 1
                time.sleep(self._pause)
        connection.close()

    def _send(
        self,
        number: int,
        cursor: psycopg2.extensions.cursor,
        chance: random.Random,
        name: str,
        statement: str,
    ) -> None:
        with self._lock:
            new = next(self._numbers)
            waits = self._used[number] = self._now
        began = time.monotonic()
        try:
            cursor.execute(statement, {"n": new, "old": chance.randint(1, self._rows)})
        except psycopg2.Error as error:
            waits.refused[name] = str(error).partition("\n")[0]
        with self._lock:
            waits.add(name, time.monotonic() - began)
            self._used[number] = None
