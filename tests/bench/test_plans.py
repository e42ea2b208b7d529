"""The plans of every list on a market large enough to tell a good plan from a bad one."""

import pytest
from sqlalchemy.orm import Session

from tests import database
from tests.bench import big_data, plans
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
    assert {"reports", "audit_entries"} <= large
    for each in plans.asked(market, big_data.SMALL, plans.signing_storage(), name.__eq__):
        plan = plans.explained(market.connection(), each.sent, large)
        where = f"{each.name}, page {each.page}: {plan.shape}"
        assert plan.read_whole == (), where
        assert plan.rows_read <= ROWS_READ, where


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
