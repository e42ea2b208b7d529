"""`make world`: makes the fixture that `make up` restores again, with the shipped base model.

A stack of its own is started in `var/world-in-the-making`, `world.py` fills it over HTTP, the real
workers train and render, and its rows and objects are recorded in the file. It uses the ports of
`make up`, because signed pictures contain the URL of the site.
"""

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from gpu.base_models.identity import BUILT_IN_FOLDER, weights_sha256
from webapp.domain.chain_issuing import ROOT, ROOTS
from webapp.domain.db import UnitOfWork, engine_options, transaction
from webapp.domain.gateways.storage import make_storage
from webapp.embedded import fixture, world
from webapp.embedded.cast import SETTLED
from webapp.embedded.environment import CHAIN_FILES, SANDBOXES, SERVICES
from webapp.embedded.fixture import FILE, FixtureError
from webapp.embedded.persisted import EmbeddedError
from webapp.embedded.person import RefusedError
from webapp.embedded.postgres import Postgres
from webapp.embedded.supervisor import Stack
from webapp.embedded.up import FLOWER_PORT, GOOGLE_PORT, TOSS_PORT, WEB_PORT

FOLDER = Path("var/world-in-the-making")
# Four bits change an adapter by 2.7 % (root mean square); its 6 MB compress to 1.3.
ENVIRONMENT = {"BASE_MODEL": "built-in", "ADAPTER_BITS": "4"}
SECRETS = ("SECRET_KEY", "INTERNAL_API_TOKEN", "GOOGLE_CLIENT_SECRET", "TOSS_SECRET_KEY")
IDLE_SECONDS = 60


def main() -> int:
    """Fill a new site and record it; 1 when that failed."""
    file = Path(sys.argv[1]) if sys.argv[1:] else FILE
    began = time.monotonic()

    def report(line: str) -> None:
        print(f"  {time.monotonic() - began:4.0f} s  {line}", flush=True)

    try:
        remove(FOLDER)
        with Stack(
            FOLDER,
            environ=_environ(),
            report=report,
            web_port=WEB_PORT,
            google_port=GOOGLE_PORT,
            toss_port=TOSS_PORT,
            flower_port=FLOWER_PORT,
        ) as stack:
            world.fill(stack.environment, report=report, cast=SETTLED)
            report("recording")
            parts = record(stack.environment, file)
            shutil.copy(FOLDER / "credentials" / ROOT, file.with_name(ROOTS))
    except (EmbeddedError, FixtureError, RefusedError) as error:
        print(error, file=sys.stderr)
        return 1
    remove(FOLDER)
    for name, size in parts.most_common():
        print(f"{size:>12,}  {name}")
    print(f"{file.stat().st_size:>12,}  {file}, {fixture.MOST_BYTES:,} allowed")
    return 0


def _environ() -> dict[str, str]:
    """Return the environment of this process without the variables of real services."""
    real = {*SERVICES, *CHAIN_FILES, *(name for names in SANDBOXES.values() for name in names)}
    return {name: value for name, value in os.environ.items() if name not in real} | ENVIRONMENT


def record(environment: Mapping[str, str], file: Path) -> Counter[str]:
    """Record the site of an environment when its jobs have ended; return the sizes of the parts."""
    storage = make_storage(
        storage_url=environment["STORAGE_URL"],
        public_base_url=environment["PUBLIC_BASE_URL"],
        secret_key=environment["SECRET_KEY"],
    )
    engine = create_engine(environment["DATABASE_URL"], **engine_options())

    @contextmanager
    def unit_of_work() -> Iterator[Session]:
        with Session(engine) as session, transaction(session):
            yield session

    try:
        _wait_until_idle(unit_of_work)
        return fixture.record(
            unit_of_work,
            storage,
            file,
            base_sha256=weights_sha256(BUILT_IN_FOLDER),
            secrets=[environment[name] for name in SECRETS],
        )
    finally:
        engine.dispose()


def _wait_until_idle(unit_of_work: UnitOfWork) -> None:
    deadline = time.monotonic() + IDLE_SECONDS
    while time.monotonic() < deadline:
        with unit_of_work() as session:
            if not fixture.open_jobs(session):
                return
        time.sleep(0.5)


def remove(folder: Path) -> None:
    """Delete a stopped stack and its database."""
    Postgres(folder / "postgres").remove()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
