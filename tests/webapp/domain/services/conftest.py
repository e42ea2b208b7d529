"""Transactions that run beside each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from tests.database import in_own_transaction
from tests.waiting import wait_for


@pytest.fixture
def beside(committed):
    """Run an act in a transaction of its own, beside one that is open, until it waits for that."""
    with ThreadPoolExecutor(1) as pool, committed() as watcher:

        def run(act):
            running = pool.submit(in_own_transaction(committed, act))
            wait_for(lambda: running.done() or somebody_waits(watcher), "a lock to be waited for")
            assert not running.done()
            return running

        yield run


def somebody_waits(watcher):
    watcher.rollback()  # within one transaction, pg_stat_activity lists no later connection
    waiting = """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    return watcher.scalar(text(waiting))
