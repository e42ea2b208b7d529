"""Heartbeats: a part says that it did its work; who never says so again has stopped."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain.models.heartbeat import Heartbeat

RELAY = "relay"
LEDGER = "ledger"
NOW = func.clock_timestamp()


def beat(
    session: Session,
    name: str,
    numbers: Mapping[str, int] = MappingProxyType({}),
    *,
    every: timedelta = timedelta(0),
) -> None:
    """Record that a part did its work now, with what it found; at most once per `every`."""
    session.execute(
        insert(Heartbeat)
        .values(name=name, numbers=dict(numbers))
        .on_conflict_do_update(
            index_elements=[Heartbeat.name],
            set_={"at": NOW, "numbers": dict(numbers)},
            where=Heartbeat.at <= NOW - every,
        )
    )
