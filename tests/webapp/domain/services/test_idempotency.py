from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from tests import making
from tests.database import at_once
from webapp.domain.errors import IdempotencyConflict, InsufficientTokens
from webapp.domain.models.account import User
from webapp.domain.models.generation import Generation
from webapp.domain.models.idempotency import IdempotencyKey, SetsIdempotencyKey
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.services import idempotency, ledger
from webapp.domain.services.idempotency import KeyOwner


@pytest.fixture
def person(session):
    return making.user(session)


def once(session, user_id, run, *, key="key-12345", body="a" * 64, route="POST /generations"):
    return idempotency.run_once(
        session,
        owner=KeyOwner.user(user_id),
        route=route,
        key=key,
        body_sha256=body,
        run=run,
    )


def never():
    raise AssertionError("the stored answer must do")


def age(session, **time):
    session.execute(
        update(IdempotencyKey).values(created_at=func.clock_timestamp() - timedelta(**time))
    )


def test_a_repeated_request_gets_the_stored_answer(session, person):
    first = once(session, person.id, lambda: {"id": 1})
    second = once(session, person.id, never)

    assert (first.response, first.replayed) == ({"id": 1}, False)
    assert (second.response, second.replayed) == ({"id": 1}, True)


def test_without_a_key_every_request_runs(session, person):
    assert [once(session, person.id, lambda n=n: {"id": n}, key=None).response for n in (1, 2)] == [
        {"id": 1},
        {"id": 2},
    ]


def test_a_key_belongs_to_one_body(session, person):
    once(session, person.id, lambda: {"id": 1})
    with pytest.raises(IdempotencyConflict) as refused:
        once(session, person.id, never, body="b" * 64)
    assert refused.value.details == {"reason": "body_mismatch"}


def test_a_key_belongs_to_one_person_and_one_route(session, person):
    other = making.user(session)
    assert once(session, person.id, lambda: {"id": 1}).response == {"id": 1}
    assert once(session, other.id, lambda: {"id": 2}).response == {"id": 2}
    assert once(session, person.id, lambda: {"id": 3}, route="POST /styles").response == {"id": 3}


def test_a_failed_request_is_not_stored_so_the_same_key_works_after_a_top_up(committed):
    with committed.begin() as session:
        buyer, style = making.user(session, tokens=5), making.style(session)

    def post():
        with committed.begin() as mine:
            run = lambda: {"id": making.order(mine, mine.get(User, buyer.id), style)[0].id}  # noqa: E731
            return once(mine, buyer.id, run)

    with pytest.raises(InsufficientTokens):
        post()
    with committed.begin() as session:
        ledger.grant(session, buyer.id, 5, "top-up")
    assert post().replayed is False
    assert post().replayed is True


def test_fifty_parallel_identical_requests_are_one(committed):
    with committed.begin() as session:
        buyer, style = making.user(session), making.style(session)

    def post():
        with committed.begin() as mine:
            run = lambda: {"id": making.order(mine, mine.get(User, buyer.id), style)[0].id}  # noqa: E731
            return once(mine, buyer.id, run)

    answers = at_once(*[post] * 20)

    assert [answer.replayed for answer in answers].count(False) == 1
    assert len({answer.response["id"] for answer in answers}) == 1
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(Generation)) == 1
        assert ledger.balances(session, buyer.id) == ledger.Balances(90, 10, 0)


@pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout"])
def test_a_twin_that_does_not_end_is_said_to_be_in_progress(committed, limit):
    with committed.begin() as session:
        person_id = making.user(session).id
    with committed() as first, committed() as second:
        once(first, person_id, lambda: {"id": 1})
        second.execute(text(f"SET LOCAL {limit} = 1000"))
        with pytest.raises(IdempotencyConflict) as refused:
            once(second, person_id, never)
        assert refused.value.details == {"reason": "in_progress"}


def test_a_key_is_free_again_after_a_day(session, person):
    once(session, person.id, lambda: {"id": 1})
    age(session, hours=23)
    assert once(session, person.id, never).replayed
    age(session, hours=25)
    assert once(session, person.id, lambda: {"id": 2}).response == {"id": 2}


def test_only_old_keys_are_purged(session, person):
    once(session, person.id, lambda: {"id": 1}, key="old-old-old")
    age(session, hours=25)
    once(session, person.id, lambda: {"id": 2}, key="new-new-new")

    assert idempotency.purge(session, limit=10) == 1
    assert session.scalars(select(IdempotencyKey.key)).all() == ["new-new-new"]


def test_accounts_of_sets_have_keys_of_their_own(session, person):
    account = SetsAccount(public_id="u_one")
    session.add(account)
    session.flush()
    fields = {"route": "POST /generations", "key": "key-12345", "body_sha256": "a" * 64}
    once(session, person.id, lambda: {"id": 1})

    def of_account(run):
        owner = KeyOwner.sets_account(account.id)
        return idempotency.run_once(session, owner=owner, run=run, **fields)

    assert of_account(lambda: {"id": 2}).response == {"id": 2}
    assert of_account(never).response == {"id": 2}
    age(session, hours=25)
    session.execute(
        update(SetsIdempotencyKey).values(created_at=func.clock_timestamp() - timedelta(hours=25))
    )
    assert idempotency.purge(session, limit=10) == 2
