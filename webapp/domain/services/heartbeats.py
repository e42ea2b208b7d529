"""Heartbeats: a part says that it did its work; who never says so again has stopped."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.models.heartbeat import Heartbeat

RELAY = "relay"
LEDGER = "ledger"
NOW = func.clock_timestamp()


def beat(
    session: Session,
    name: str,
    numbers: Mapping[str, int] | None = None,
    *,
    every: timedelta = timedelta(0),
) -> None:
    """Record that a part did its work now; at most once per `every`.

    `numbers` are what it found; without them, what it found before stands.
    """
    found = {} if numbers is None else {"numbers": dict(numbers)}
    session.execute(
        insert(Heartbeat)
        .values(name=name, **found)
        .on_conflict_do_update(
            index_elements=[Heartbeat.name],
            set_={"at": NOW, **found},
            where=Heartbeat.at <= NOW - every,
        )
    )


def heard(session: Session) -> list[Heartbeat]:
    """Return the last heartbeat of every part, by name."""
    newest = select(Heartbeat).order_by(Heartbeat.name)
    return list(session.scalars(newest.execution_options(populate_existing=True)))
