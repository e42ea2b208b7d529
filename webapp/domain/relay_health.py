"""`python -m webapp.domain.relay_health`: exit 1 unless a relay has published within a minute.

A container engine asks it twice a minute, so it imports only the database driver.
"""

import os
import sys

import psycopg2

MOST_SECONDS = 60
AGE = "SELECT extract(epoch FROM clock_timestamp() - at) FROM heartbeats WHERE name = 'relay'"


def heartbeat_age(dsn: str) -> float | None:
    """Return the seconds since the last heartbeat of a relay; None without one."""
    with psycopg2.connect(dsn, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute(AGE)
        found = cursor.fetchone()
    connection.close()
    return None if found is None else float(found[0])


def main() -> None:
    """Judge by DATABASE_URL; say what is wrong."""
    dsn = os.environ["DATABASE_URL"].replace("postgresql+psycopg2://", "postgresql://", 1)
    age = heartbeat_age(dsn)
    if age is None or age > MOST_SECONDS:
        sys.exit(f"the last heartbeat of a relay is {age} seconds old")


if __name__ == "__main__":
    main()
