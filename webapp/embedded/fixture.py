"""A site in one file: its rows and stored objects, to restore into an empty site.

`record` copies a site without open jobs; `restore` fills an empty one at the same migration. The
file names the weights of its base model: adapters of other weights must not be used.

Not recorded: sign-ins, API keys, stored answers of idempotency keys, heartbeats, and data that only
a running job needs (checkpoints, samples of a training, the handover of a step). So the file
contains no credentials. Of objects only those that a row names are recorded.
"""

import io
import lzma
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from sqlalchemy import Date, DateTime, Table, text
from sqlalchemy.orm import Session

import webapp.domain.models  # noqa: F401 - defines all tables
from webapp.domain.db import Base, UnitOfWork
from webapp.domain.gateways.storage import Storage

FILE = Path(__file__).parent / "world_fixture" / "world.tar.xz"  # by `make world`
MOST_BYTES = 10_000_000
# Seals hash the times of transfers, which a restore moves: a restored site makes its own.
LEFT_OUT = frozenset(
    {
        "sign_ins",
        "api_keys",
        "webhooks",
        "webhook_deliveries",
        "mail_digest_settings",
        "mail_digests",
        "idempotency_keys",
        "sets_idempotency_keys",
        "heartbeats",
        "epochs",
        "task_cursors",
        "ledger_seals",
        "ledger_sealed_balances",
    }
)
# Columns that only a running training or step needs; their objects are the largest. A style on
# sale uses one checkpoint: the files of the others are not needed.
SOLD = "adapter_sha256 IN (SELECT styles.adapter_sha256 FROM styles)"
REPLACED = {
    ("checkpoints", "adapter_key"): f"CASE WHEN {SOLD} THEN adapter_key END",
    ("checkpoints", "sample_keys"): f"CASE WHEN {SOLD} THEN sample_keys ELSE '[]'::jsonb END",
    ("checkpoints", "thumbnail_keys"): f"CASE WHEN {SOLD} THEN thumbnail_keys ELSE '[]'::jsonb END",
    ("checkpoints", "base_sample_keys"): "'[]'::jsonb",
    ("jobs", "handover"): "'{}'::jsonb",
    ("training_runs", "checkpoint_key"): "NULL",
    ("training_runs", "sample_keys"): "'[]'::jsonb",
    ("training_runs", "loss_history"): """coalesce(
        (SELECT jsonb_agg(point - 'sample_keys') FROM jsonb_array_elements(loss_history) AS point),
        '[]'::jsonb)""",
}
MANIFEST = "manifest.json"
ROWS, OBJECTS = "rows/", "objects/"
# Floats of four bytes: grouped by byte position they compress by a third better.
FLOATS = ".safetensors"
FLOAT_BYTES = 4
CONTENT_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
COMPRESSION = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 0, "pb": 0}]


class FixtureError(Exception):
    """A site cannot be recorded or restored; the message says why."""


class RecordedTable(BaseModel):
    """One table's columns in the order of its rows, and which of them hold times and dates."""

    name: str
    columns: list[str]
    times: list[str]
    dates: list[str]


class Manifest(BaseModel):
    """Migration, base model and time (UTC) of a fixture."""

    revision: str
    base_sha256: str
    made_at: datetime
    tables: list[RecordedTable]
    sequences: dict[str, int]


def record(
    unit_of_work: UnitOfWork, storage: Storage, file: Path, *, base_sha256: str, secrets: list[str]
) -> Counter[str]:
    """Write a site without open jobs into a file; return the bytes of its parts uncompressed.

    Raises FixtureError for open jobs, for a secret in the rows, and for a file larger than
    MOST_BYTES.
    """
    with unit_of_work() as session:
        manifest, rows = _read(session, base_sha256)
    whole = b"".join(rows.values())
    _check_secrets(whole, secrets)
    named = [info.key for info in storage.list() if info.key.encode() in whole]
    parts = Counter({"rows": len(whole)})
    with _replacing(file, parts) as archive:
        _add(archive, MANIFEST, manifest.model_dump_json(indent=1).encode())
        for name, content in rows.items():
            _add(archive, f"{ROWS}{name}", content)
        # Files of one type side by side compress better.
        for key in sorted(named, key=lambda key: (key.rpartition(".")[2], key)):
            content = storage.get(key)
            _add(archive, f"{OBJECTS}{key}", _packed(key, content))
            parts[f"{key.partition('/')[0]} .{key.rpartition('.')[2]}"] += len(content)
    return parts


def read_manifest(file: Path) -> Manifest:
    """Return the manifest of a fixture, without reading the rest of the file."""
    name, content = next(_members(file), ("", b""))
    if name != MANIFEST:
        raise FixtureError(f"{file.name} does not begin with a manifest")
    return Manifest.model_validate_json(content)


def is_empty(session: Session) -> bool:
    """Return whether this site has no users; also true before the first migration."""
    if session.scalar(text("SELECT to_regclass('users')")) is None:
        return True
    return session.scalar(text("SELECT NOT EXISTS (SELECT FROM users)")) is True


def open_jobs(session: Session) -> int:
    """Return how many jobs have not ended."""
    query = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
    return session.scalar(text(query)) or 0


def restore(
    unit_of_work: UnitOfWork, storage: Storage, file: Path, *, now: datetime | None = None
) -> Counter[str]:
    """Fill an empty site at the fixture's migration; return the numbers of rows and objects.

    Objects are stored first, then all rows in one transaction: an interrupted restore is repeated.
    All times are moved by the same number of whole days, so that the fixture is less than a day
    old; times in signed files do not change. Raises FixtureError.
    """
    manifest = read_manifest(file)
    with unit_of_work() as session:
        _check_revision(session, manifest)
    rows: dict[str, bytes] = {}
    count: Counter[str] = Counter()
    for name, content in _members(file):
        if name.startswith(ROWS):
            rows[name.removeprefix(ROWS)] = content
        elif name.startswith(OBJECTS):
            key = name.removeprefix(OBJECTS)
            kind = CONTENT_TYPES.get(key.rpartition(".")[2], "application/octet-stream")
            storage.put(key, _unpacked(key, content), content_type=kind)
            count["objects"] += 1
    with unit_of_work() as session:
        days = ((now or datetime.now(UTC)) - manifest.made_at) // timedelta(days=1)
        count["rows"] = _write(session, manifest, rows, days)
    return count


# --- rows ----------------------------------------------------------------------------------------


def _read(session: Session, base_sha256: str) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest and a consistent copy of the rows by table."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    _check_idle(session)
    tables = [
        _recorded(table) for table in Base.metadata.sorted_tables if table.name not in LEFT_OUT
    ]
    manifest = Manifest(
        revision=session.scalars(text("SELECT version_num FROM alembic_version")).one(),
        base_sha256=base_sha256,
        made_at=datetime.now(UTC),
        tables=tables,
        sequences=_sequences(session),
    )
    return manifest, {table.name: _copied_out(session, table) for table in tables}


def _write(session: Session, manifest: Manifest, rows: dict[str, bytes], days: int) -> int:
    """Insert all rows and set all sequences; return how many rows there are."""
    count = sum(_copied_in(session, each, rows[each.name], days) for each in manifest.tables)
    set_next = text("SELECT setval(to_regclass(:name), :value)")
    for name, value in manifest.sequences.items():
        session.execute(set_next, {"name": name, "value": value})
    return count


def _check_idle(session: Session) -> None:
    if count := open_jobs(session):
        raise FixtureError(f"{count} jobs are open: record the site when they have ended")


def _check_secrets(whole: bytes, secrets: list[str]) -> None:
    count = sum(secret.encode() in whole for secret in (*secrets, "signature="))
    if count:
        raise FixtureError(f"{count} secrets are in the rows")


def _check_revision(session: Session, manifest: Manifest) -> None:
    revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    if revision != manifest.revision:
        raise FixtureError(f"the site is at migration {revision}, not {manifest.revision}")


def _recorded(table: Table) -> RecordedTable:
    columns = [column for column in table.columns if column.computed is None]
    return RecordedTable(
        name=table.name,
        columns=[column.name for column in columns],
        times=[column.name for column in columns if isinstance(column.type, DateTime)],
        dates=[column.name for column in columns if isinstance(column.type, Date)],
    )


def _copied_out(session: Session, table: RecordedTable) -> bytes:
    key = ", ".join(column.name for column in Base.metadata.tables[table.name].primary_key)
    chosen = ", ".join(REPLACED.get((table.name, name), f'"{name}"') for name in table.columns)
    stream = io.BytesIO()
    query = f'COPY (SELECT {chosen} FROM "{table.name}" ORDER BY {key}) TO STDOUT'
    _cursor(session).copy_expert(query, stream)
    return stream.getvalue()


def _copied_in(session: Session, table: RecordedTable, rows: bytes, days: int) -> int:
    """Insert a table's rows with their times moved; ledger rows cannot be updated afterwards."""
    names = ", ".join(f'"{name}"' for name in table.columns)
    moved = ", ".join(_moved(table, name, days) for name in table.columns)
    cursor = _cursor(session)
    cursor.execute(f'CREATE TEMP TABLE staging AS SELECT {names} FROM "{table.name}" WITH NO DATA')
    cursor.copy_expert("COPY staging FROM STDIN", io.BytesIO(rows))
    cursor.execute(f'INSERT INTO "{table.name}" ({names}) SELECT {moved} FROM staging')
    inserted: int = cursor.rowcount
    cursor.execute("DROP TABLE staging")
    return inserted


def _moved(table: RecordedTable, name: str, days: int) -> str:
    if name in table.times:
        return f"\"{name}\" + interval '{days} days'"
    return f'"{name}" + {days}' if name in table.dates else f'"{name}"'


def _cursor(session: Session) -> Any:
    return session.connection().connection.cursor()


def _sequences(session: Session) -> dict[str, int]:
    query = """SELECT sequencename, last_value FROM pg_sequences
               WHERE schemaname = current_schema() AND last_value IS NOT NULL"""
    return {row.sequencename: row.last_value for row in session.execute(text(query))}


# --- objects -------------------------------------------------------------------------------------


def _packed(key: str, content: bytes) -> bytes:
    """Return an object as it is recorded: of floats first all lowest bytes, then all next ones."""
    if not key.endswith(FLOATS):
        return content
    odd = len(content) % FLOAT_BYTES
    numbers = np.frombuffer(content[: len(content) - odd], np.uint8).reshape(-1, FLOAT_BYTES)
    return numbers.T.tobytes() + content[len(content) - odd :]


def _unpacked(key: str, content: bytes) -> bytes:
    if not key.endswith(FLOATS):
        return content
    odd = len(content) % FLOAT_BYTES
    planes = np.frombuffer(content[: len(content) - odd], np.uint8).reshape(FLOAT_BYTES, -1)
    return planes.T.tobytes() + content[len(content) - odd :]


@contextmanager
def _replacing(file: Path, parts: Counter[str]) -> Iterator[tarfile.TarFile]:
    """Open an archive that replaces the file when it is complete and small enough."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    try:
        with (
            lzma.open(new, "wb", filters=COMPRESSION) as stream,
            tarfile.open(fileobj=stream, mode="w|") as archive,
        ):
            yield archive
        if (size := new.stat().st_size) > MOST_BYTES:
            largest = ", ".join(f"{name} {bytes_:,}" for name, bytes_ in parts.most_common())
            raise FixtureError(f"{size:,} bytes, and {MOST_BYTES:,} are allowed: {largest}")
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _members(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every member of an archive."""
    with lzma.open(file) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is None:
                raise FixtureError(f"{member.name} is not a file")
            yield member.name, content.read()
