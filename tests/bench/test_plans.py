"""The plans of every list on a market large enough to tell a good plan from a bad one."""

from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests import database
from tests.bench import big_data, plans
from webapp.domain import due_jobs
from webapp.domain.queries.pagination import WALKED
from webapp.domain.services import ledger_check

# Of one table: a walk over the first rows, and all that match of what is rare; never all of it.
ROWS_READ = WALKED + 1_500
NAMES = {
    *plans.lists(big_data.SMALL, plans.signing_storage()),
    *plans.looks(big_data.SMALL, plans.signing_storage()),
}


@pytest.fixture(scope="module")
def market(server, template):
    """A session on the small market; only whoever asks for a plan pays for it."""
    with database.database(server, template=template) as url:
        # All rows are looked at for the statistics: a sample by chance made for a plan by chance.
        database.configure(url, default_statistics_target="10000")
        big_data.fill(url, big_data.SMALL)
        with plans.session_on(url) as session:
            yield session


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_list_is_read_off_the_end_of_an_index(market: Session, name):
    large = plans.large_tables(market.connection())
    assert {"generations", "transfers", "jobs", "notifications", "likes", "comments"} <= large
    assert {"reports", "audit_entries", "collection_pictures"} <= large
    for each in plans.asked(market, big_data.SMALL, plans.signing_storage(), name.__eq__):
        plan = plans.explained(market.connection(), each.sent, large)
        where = f"{each.name}, page {each.page}: {plan.shape}"
        assert plan.read_whole == (), where
        assert plan.rows_read <= ROWS_READ, where


# A long queue behind many ended jobs: half of all jobs, the newest still to be published.
LONG_QUEUE = (
    """
    UPDATE jobs SET state = 'queued', finished_at = NULL, run_at = statement_timestamp(),
                    published_at = CASE WHEN id < 11000 THEN statement_timestamp() END,
                    deadline_at = statement_timestamp() + interval '1 day'
    WHERE id > 6000""",
    """
    UPDATE jobs SET state = 'running', finished_at = NULL,
                    lease_until = statement_timestamp() - id * interval '1 second',
                    deadline_at = statement_timestamp() - id * interval '1 second'
    WHERE id BETWEEN 3001 AND 6000""",
    """
    INSERT INTO idempotency_keys (user_id, route, key, body_sha256, created_at)
    SELECT 1 + n % 1000, 'POST /generations', 'key-' || n, repeat('0', 64),
           statement_timestamp() - n * interval '1 minute'
    FROM generate_series(1, 6000) AS n""",
    "ANALYZE jobs, idempotency_keys",
)
ROWS_CHANGED = 3 * due_jobs.AT_ONCE + 50  # found, locked and changed


@pytest.fixture
def queue(market: Session):
    """The market with thousands of jobs in every state, until the end of the test."""
    market.rollback()
    for statement in LONG_QUEUE:
        market.execute(text(statement))
    yield market
    market.rollback()


@contextmanager
def undone(session: Session):
    with session.begin_nested() as savepoint:
        yield
        savepoint.rollback()


def test_the_relay_the_claims_and_the_purges_read_what_they_change(queue: Session):
    large = plans.large_tables(queue.connection())
    assert {"jobs", "notifications", "idempotency_keys"} <= large
    for name, change in plans.loops(queue).items():
        with undone(queue), plans.caught(queue.connection()) as sent:
            change()
        for each in sent:
            with undone(queue):
                plan = plans.explained(queue.connection(), [each], large)
            assert plan.read_whole == (), f"{name}: {plan.shape}"
            assert plan.rows_read <= ROWS_CHANGED, f"{name}: {plan.shape}"


def test_the_rows_are_such_as_the_product_makes_them(market: Session):
    market.rollback()
    assert ledger_check.check(market) == []
    market.rollback()


@pytest.mark.parametrize("name", ["style", "artist's own styles"])
def test_what_a_style_sums_up_lies_in_its_index(market: Session, name):
    """It has as many rows as the style has images: none of them may be fetched."""
    large = plans.large_tables(market.connection())
    for each in plans.asked(market, big_data.SMALL, plans.signing_storage(), name.__eq__):
        plan = plans.explained(market.connection(), each.sent, large)
        assert "Index Only Scan ix_generations_style " in plan.shape
