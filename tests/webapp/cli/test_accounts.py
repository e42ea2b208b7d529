import pytest
from sqlalchemy import select

from tests import making
from webapp.app import create_app
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.services import sets_accounts, sets_adoption
from webapp.domain.sets_tokens import Claims


def grant(*arguments):
    runner = create_app().test_cli_runner()
    return runner.invoke(args=["admin", "grant-credits", *map(str, arguments)])


def credits_of(committed, account_id):
    with committed() as session:
        found = select(SetsAccount.credits).where(SetsAccount.id == account_id)
        return session.scalars(found).one()


@pytest.fixture
def person(committed):
    with committed.begin() as session:
        return making.user(session)


@pytest.fixture
def account(committed):
    with committed.begin() as session:
        return making.sets_account(session)


def test_credits_are_granted_to_an_anonymous_account_once_per_key(committed, account):
    answer = grant(account.public_id, 40, "--key", "gift-1")
    assert (answer.exit_code, answer.output) == (0, f"{account.public_id} has 50 credits now.\n")
    again = grant(account.public_id, 40, "--key", "gift-1")
    assert again.exit_code == 1
    assert "already granted with the key gift-1" in again.output
    assert credits_of(committed, account.id) == 50


def test_credits_are_granted_to_a_person_by_e_mail(committed, person):
    assert grant(person.email, 5).exit_code == 0
    with committed() as session:
        assert sets_accounts.find_of_user(session, person.id).credits == 15


def test_an_unknown_or_adopted_account_is_refused(committed, account, person):
    assert "There is no Sets account u_nobody" in grant("u_nobody", 5).output
    with committed.begin() as session:
        making.sets_account(session, user=person)
        sets_adoption.adopt(session, person, Claims(account.public_id, 0))
    answer = grant(account.public_id, 5)
    assert (answer.exit_code, "was adopted" in answer.output) == (1, True)
