"""Which pool of database connections a request uses.

Requests that wait for a locked table may take all connections of their pool for
`WEB_WAIT_SECONDS`. Probes and money have pools of their own, so they are answered meanwhile.
What is done after an answer was sent chooses its pool itself.
"""

from typing import Any

from flask import g, has_request_context, request
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, Engine

from webapp.domain.db import MONEY, PROBES

_POOLS = {
    "probes": PROBES,
    "health": PROBES,
    "tokens": MONEY,
    "payments": MONEY,
    "wallet": MONEY,
}


class PooledSession(Session):
    """A session of a request, on the pool of the request's blueprint."""

    def get_bind(self, *_args: Any, bind: Any = None, **_options: Any) -> Engine | Connection:
        """The engine whose pool the request uses; outside of a request, the default one."""
        return bind if bind is not None else self._db.engines[_pool()]


def choose(pool: str) -> None:
    """Use this pool until the end of the app context."""
    g.database_pool = pool


def _pool() -> str | None:
    chosen: str | None = g.get("database_pool")
    if chosen is not None or not has_request_context() or request.blueprint is None:
        return chosen
    return _POOLS.get(request.blueprint.rpartition(".")[2])
