import json
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests import making
from tests.sealing import age, seal_all, tamper
from webapp.app import create_app
from webapp.domain.models.sets_account import SetsAccount


def check(*arguments):
    return create_app().test_cli_runner().invoke(args=["ledger", "check", *arguments])


@pytest.fixture
def account(committed):
    """A person with welcome tokens, and an account of Sets with 25 credits."""
    with committed.begin() as session:
        making.user(session)
        return making.sets_account(session, balance=25)


def test_the_check_counts_what_it_proved(account):
    answer = check()
    assert answer.exit_code == 0
    assert answer.output == "ok: 22 invariants hold over 1 transfers and 2 credit entries\n"
    found = json.loads(check("--json").output)
    assert found == {"invariants": 22, "transfers": 1, "credit_entries": 2}


def test_the_full_check_also_proves_what_is_sealed(committed, account):
    age(committed, timedelta(days=2))
    seal_all(committed)
    assert json.loads(check("--full", "--json").output)["seals"] == 1
    assert check("--full").output.endswith(" 2 credit entries, 1 sealed periods are unchanged\n")

    tamper(committed, "UPDATE transfers SET amount = amount + 1")
    assert check().exit_code == 0
    answer = check("--full")
    assert answer.exit_code == 1
    assert "sealed periods are unchanged: seal " in answer.output


def test_the_check_names_an_account_of_sets_whose_credits_drifted(committed, account):
    with committed.begin() as session:
        session.execute(update(SetsAccount).values(credits=26))
    answer = check()
    assert answer.exit_code == 1
    assert f"account {account.public_id} caches 26 but its entries say 25" in answer.output
