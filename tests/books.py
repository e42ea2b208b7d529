"""What a test asks and does behind the product's back: its database and its storage."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from tests.waiting import wait_for
from webapp.domain.gateways.storage import Storage
from webapp.domain.services import garbage, ledger_check


class Books:
    """The rows and objects of a running product."""

    sessions: sessionmaker[Session]
    storage: Storage

    def tails(self) -> str:
        """What the processes said last."""
        raise NotImplementedError

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One committed transaction on the stack's database."""
        with self.sessions() as session, session.begin():
            yield session

    def rows(self, query: str, **values: object) -> list:
        """The rows of a query, in a transaction of their own."""
        with self.session() as session:
            return list(session.execute(text(query), values))

    def value(self, query: str, **values: object) -> object:
        """The first value of a query."""
        return self.rows(query, **values)[0][0]

    def execute(self, statement: str, **values: object) -> None:
        with self.session() as session:
            session.execute(text(statement), values)

    def expire_leases(self) -> None:
        """Bring the time forward at which silent workers lose their jobs."""
        self.execute("UPDATE jobs SET lease_until = clock_timestamp() WHERE state = 'running'")

    def unfinished(self, *kinds: str) -> int:
        """How many jobs of these kinds, or of all, have not ended."""
        of_kinds = "AND kind = ANY(:kinds)" if kinds else ""
        query = f"SELECT count(*) FROM jobs WHERE state IN ('queued', 'running') {of_kinds}"
        return int(str(self.value(query, **({"kinds": list(kinds)} if kinds else {}))))

    def wait_until_quiet(self, seconds: float = 120) -> None:
        """Wait until every job has ended."""
        wait_for(
            lambda: self.unfinished() == 0,
            "all jobs to end",
            seconds=seconds,
            every=0.2,
            explain=lambda: (
                str(
                    self.rows(
                        "SELECT id, kind, ref, state, step, fence, tries, crashes, failure_cause"
                        " FROM jobs WHERE state IN ('queued', 'running')"
                    )
                )
                + self.tails()
            ),
        )

    def wait_until_drawn(self) -> None:
        """Wait until every ordered picture has ended; a message may still be due in hours."""
        unfinished = """SELECT count(*) FROM jobs
            WHERE kind = 'generation' AND state IN ('queued', 'running')"""
        wait_for(lambda: self.value(unfinished) == 0, "all pictures to end", seconds=180)

    def violations(self) -> list[str]:
        """What the ledger check finds now, while work may be going on."""
        with self.sessions() as session, session.begin():
            return [f"{found.invariant}: {found.finding}" for found in ledger_check.check(session)]

    def collect_garbage(self) -> int:
        """Delete at once what no row names."""
        return garbage.collect(self.storage, self.session, older_than=timedelta(0))

    def sha256(self, key: str) -> str:
        return hashlib.sha256(self.storage.get(key)).hexdigest()
