"""The plans of every list on a market large enough to tell a good plan from a bad one."""

from types import ModuleType

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tasks.on_cpu import housekeeping
from tests import database
from tests.bench import big_data, loops, plans
from tests.statements import caught
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.queries import queue_positions
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


# The lists of administrators are read by few people, and are the slowest here.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long) if name.startswith("admin: ") else name
        for name in sorted(NAMES)
    ],
)
def test_a_list_is_read_off_the_end_of_an_index(market: Session, name):
    large = plans.large_tables(market.connection())
    assert {"generations", "transfers", "jobs", "notifications", "likes", "comments"} <= large
    assert {"reports", "audit_entries", "collection_pictures"} <= large
    for each in plans.asked(market, big_data.SMALL, plans.signing_storage(), name.__eq__):
        plan = plans.explained(market.connection(), each.sent, large)
        where = f"{each.name}, page {each.page}: {plan.shape}"
        assert plan.read_whole == (), where
        assert plan.rows_read <= ROWS_READ, where


ROWS_MEASURED = queue_positions.MEASURED + 50  # and those that run


@pytest.fixture
def busy_market(market: Session):
    """The market with a long queue and much to purge, until the end of the test."""
    market.rollback()
    loops.fill(market, big_data.SMALL)
    yield market
    market.rollback()


PURGED = {
    *("jobs", "notifications", "idempotency_keys", "sign_ins", "style_views", "data_exports"),
    *("mail_digests", "webhook_deliveries", "training_runs", "sets_accounts", "sets_jobs"),
    *("sets_photos", "sets_masks", "sets_edits", "sets_segmentations", "sets_idempotency_keys"),
}


def test_the_relay_the_claims_and_the_purges_read_what_they_change(busy_market: Session):
    large = plans.large_tables(busy_market.connection())
    assert large >= PURGED
    bad = {}
    for name, change in loops.loops(busy_market).items():
        _, found = plans.changed(busy_market, change, large)
        assert found, name
        shapes = [plan.shape for plan in found if plans.reads_too_much(plan)]
        bad |= {name: shapes} if shapes else {}
    assert set(bad) == set(loops.KNOWN), bad


def purging(module):
    """The services with a purge that a module imports."""
    imported = [each for each in vars(module).values() if isinstance(each, ModuleType)]
    return {each.__name__ for each in imported if hasattr(each, "purge")}


def test_every_kind_of_job_is_claimed_and_every_purge_is_looked_at(busy_market: Session):
    found = loops.loops(busy_market)
    assert {f"claim, {kind}" for kind in JobKind} <= set(found)
    assert purging(housekeeping) <= purging(loops)


def test_positions_in_a_long_queue_are_read_off_its_first_jobs(busy_market: Session):
    large = plans.large_tables(busy_market.connection())
    queued = Job.kind == JobKind.GENERATION, Job.state == JobState.QUEUED
    newest = busy_market.scalars(select(Job.ref).where(*queued).order_by(Job.id.desc()).limit(24))
    refs = newest.all()
    with caught(busy_market.connection()) as sent:
        queue_positions.of_waiting(busy_market, JobKind.GENERATION, refs)
    plan = plans.explained(busy_market.connection(), sent, large)
    assert plan.read_whole == (), plan.shape
    assert plan.rows_read <= queue_positions.MOST_NUMBERED + ROWS_MEASURED, plan.shape


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


def test_what_a_style_sold_by_day_lies_in_its_index(market: Session):
    large = plans.large_tables(market.connection())
    name = "statistics of a style"
    for each in plans.asked(market, big_data.SMALL, plans.signing_storage(), name.__eq__):
        sums = [sent for sent in each.sent if "count(DISTINCT" in sent[0]]
        plan = plans.explained(market.connection(), sums, large)
        assert "Index Only Scan ix_generations_sold " in plan.shape


def test_where_tokens_came_from_is_read_off_what_was_sold_and_the_purchases_of_each_buyer(
    market: Session,
):
    large = plans.large_tables(market.connection())
    name = "admin: where the tokens of payouts came from"
    for each in plans.asked(market, big_data.SMALL, plans.signing_storage(), name.__eq__):
        plan = plans.explained(market.connection(), each.sent, large)
        assert "Index Only Scan ix_generations_sold " in plan.shape
        assert "ix_purchases_mine " in plan.shape
