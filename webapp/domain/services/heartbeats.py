"""Heartbeats: the time of the last success of the relay and of each scheduled task."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.models.heartbeat import Heartbeat

RELAY = "relay"
LEDGER = "ledger"
FULL_PROOF = "ledger_proof"
NOW = func.clock_timestamp()


def beat(
    session: Session,
    name: str,
    numbers: Mapping[str, int] | None = None,
    *,
    every: timedelta = timedelta(0),
) -> None:
    """Record a success now; at most once per `every`.

    `numbers` are stored with it; without them the last ones stay.
    """
    values = {} if numbers is None else {"numbers": dict(numbers)}
    session.execute(
        insert(Heartbeat)
        .values(name=name, **values)
        .on_conflict_do_update(
            index_elements=[Heartbeat.name],
            set_={"at": NOW, **values},
            where=Heartbeat.at <= NOW - every,
        )
    )


def latest(session: Session) -> list[Heartbeat]:
    """Return the last heartbeat of each name, by name."""
    query = select(Heartbeat).order_by(Heartbeat.name)
    return list(session.scalars(query.execution_options(populate_existing=True)))
