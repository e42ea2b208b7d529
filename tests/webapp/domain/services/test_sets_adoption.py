import time
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import func, select, update

from tests import making, sets_albums as albums
from tests.database import at_once
from webapp.domain import jobs
from webapp.domain.db import unit_of_work
from webapp.domain.models.account import User
from webapp.domain.models.sets_account import SetsAccount, SetsCreditEntry
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import PhotoStatus
from webapp.domain.models.sets_rule import SetsRule
from webapp.domain.services import (
    leaving,
    sets_accounts,
    sets_adoption,
    sets_credits,
    sets_photos,
    sets_rules,
)
from webapp.domain.services.sets_rules import RuleContent
from webapp.domain.sets_errors import AlreadyAdopted, RuleSlotFull, TokenInvalid
from webapp.domain.sets_tokens import Claims

CONTENT = RuleContent("Grey", {"Wall": {"action": "recolor", "value": "#808080"}}, ())


class AnySetting:
    """A checker that accepts every setting."""

    def check(self, setting, preset, *, path):
        pass


def save_rule(session, account):
    return sets_rules.create(
        session, AnySetting(), account_id=account.id, preset_id="interior", content=CONTENT
    )


def claims(account):
    return Claims(account.public_id, 0)


def adopt(session, person, account):
    return sets_adoption.adopt(session, session.get(User, person.id), claims(account))


def credits_of(session, account):
    found = select(SetsAccount.credits).where(SetsAccount.id == account.id)
    return session.scalars(found).one()


def running(session, account, photos):
    return albums.album(
        session, of=account, photos=photos, status="running", photo_status=PhotoStatus.RUNNING
    )


@pytest.fixture
def person(session):
    return making.user(session)


@pytest.fixture
def own(session, person):
    return making.sets_account(session, user=person)


@pytest.fixture
def anonymous(session):
    return making.sets_account(session)


def test_rules_jobs_plan_and_credits_move_to_the_account_of_the_person(session, person, own):
    until = jobs.NOW + timedelta(days=5)
    anonymous = making.sets_account(session, balance=30, pro_until=until)
    save_rule(session, anonymous)
    running(session, anonymous, 4)
    adopted = adopt(session, person, anonymous)
    assert adopted.id == own.id
    assert adopted.credits == 10 + 20
    assert adopted.pro_until == anonymous.pro_until
    for model in (SetsRule, SetsJob):
        assert set(session.scalars(select(model.account_id))) == {own.id}
    assert making.violations(session) == []


def test_a_repeated_adoption_changes_nothing(session, person, own, anonymous):
    sets_credits.grant(session, anonymous.id, 5, key="x")
    for _ in range(3):
        assert adopt(session, person, anonymous).credits == 15
    assert making.violations(session) == []


def test_welcome_credits_that_come_back_from_a_job_stay_behind(session, person, own, anonymous):
    job = running(session, anonymous, 10)
    adopt(session, person, anonymous)
    for photo in albums.photos_of(session, job):
        assert sets_photos.end(session, photo, PhotoStatus.CANCELED)
    assert (credits_of(session, own), credits_of(session, anonymous)) == (10, 10)
    assert making.violations(session) == []


def test_granted_credits_that_come_back_from_a_job_go_on_to_the_adopter(session, person, own):
    anonymous = making.sets_account(session, balance=12)
    job = running(session, anonymous, 12)
    adopt(session, person, anonymous)
    assert credits_of(session, own) == 10
    for number, photo in enumerate(albums.photos_of(session, job), start=1):
        sets_photos.end(session, photo, PhotoStatus.FAILED)
        assert credits_of(session, own) == 10 + min(number, 2)
    assert making.violations(session) == []


def test_a_retry_after_adoption_is_paid_and_returned_by_the_adopter(session, person, own):
    anonymous = making.sets_account(session)
    job = running(session, anonymous, 1)
    adopt(session, person, anonymous)
    (photo,) = albums.photos_of(session, job)
    sets_photos.end(session, photo, PhotoStatus.FAILED)
    session.refresh(job)
    sets_credits.reserve(session, job, [photo], attempt=2)
    assert credits_of(session, own) == 9
    albums.put_all(session, job, PhotoStatus.RUNNING)
    sets_photos.end(session, photo, PhotoStatus.FAILED)
    assert (credits_of(session, own), credits_of(session, anonymous)) == (10, 10)
    assert making.violations(session) == []


def test_a_taken_over_account_keeps_what_its_jobs_return(session, person, anonymous):
    job = running(session, anonymous, 6)
    assert adopt(session, person, anonymous).credits == 4
    for photo in albums.photos_of(session, job):
        sets_photos.end(session, photo, PhotoStatus.CANCELED)
    assert credits_of(session, anonymous) == 10
    assert making.violations(session) == []


def test_who_comes_back_after_leaving_is_not_welcomed_again(session, person, anonymous):
    sub = person.google_sub
    adopt(session, person, anonymous)
    leaving.leave(session, user=person, confirm=person.username)
    again = making.user(session)
    session.execute(update(User).where(User.id == again.id).values(google_sub=sub))
    session.refresh(again)
    assert sets_accounts.of_user(session, again).credits == 0
    second = making.sets_account(session)
    assert adopt(session, again, second).credits == 0


def test_an_account_of_another_person_or_with_a_revoked_token_is_refused(
    session, person, own, anonymous
):
    other, revoked = making.user(session), making.sets_account(session)
    adopt(session, person, anonymous)
    with pytest.raises(AlreadyAdopted):
        adopt(session, other, anonymous)
    sets_accounts.revoke_tokens(session, revoked.id)
    for token in (claims(revoked), Claims("u_nobody", 0), Claims(own.public_id, 0)):
        with pytest.raises((TokenInvalid, AlreadyAdopted)):
            sets_adoption.adopt(session, other, token)
    assert sets_accounts.find_of_user(session, other.id) is None


# At once, in real commits.


@pytest.fixture
def adopting(committed):
    """Adopt in a transaction of its own; with the id of the account that came of it."""

    def adopting(person, account):
        def run():
            with unit_of_work() as session:
                return adopt(session, person, account).id

        return run

    return adopting


def made(committed, make):
    with committed.begin() as session:
        return make(session)


@pytest.mark.parametrize("has_own", [False, True])
def test_eight_adoptions_at_once_are_one(committed, adopting, has_own):
    person, account = made(committed, lambda s: (making.user(s), making.sets_account(s)))
    with unit_of_work() as session:
        sets_credits.grant(session, account.id, 7, key="x")
        if has_own:
            making.sets_account(session, user=session.get(User, person.id))
    ids = at_once(*[adopting(person, account)] * 8)
    assert len(set(ids)) == 1, ids
    with unit_of_work() as session:
        assert session.get(SetsAccount, ids[0]).credits == 17
        assert making.violations(session) == []


def test_of_two_people_at_once_one_adopts(committed, adopting):
    people = made(committed, lambda s: [making.user(s) for _ in range(6)])
    account = made(committed, making.sets_account)
    results = at_once(*[adopting(person, account) for person in people])
    assert [type(each) for each in results].count(AlreadyAdopted) == 5
    assert results.count(account.id) == 1


def test_many_accounts_adopted_at_once_by_one_person_give_one_welcome(committed, adopting):
    person = made(committed, making.user)
    accounts = made(committed, lambda s: [making.sets_account(s, balance=10 + n) for n in range(6)])
    ids = at_once(*[adopting(person, account) for account in accounts])
    assert len(set(ids)) == 1, ids
    with unit_of_work() as session:
        assert session.get(SetsAccount, ids[0]).credits == 10 + sum(range(6))
        assert making.violations(session) == []


def test_a_first_use_and_an_adoption_at_once_leave_one_account(committed, adopting):
    person, account = made(committed, lambda s: (making.user(s), making.sets_account(s)))

    def use():
        with unit_of_work() as session:
            return sets_accounts.of_user(session, session.get(User, person.id)).id

    ids = at_once(*[use] * 4, *[adopting(person, account)] * 4)
    assert len(set(ids)) == 1, ids
    with unit_of_work() as session:
        assert session.get(SetsAccount, ids[0]).credits == 10
        assert making.violations(session) == []


def test_nothing_is_written_for_an_account_after_its_adoption(committed, adopting):
    person, account = made(committed, lambda s: (making.user(s), making.sets_account(s)))
    with unit_of_work() as session:
        making.sets_account(session, user=session.get(User, person.id))

    def write():
        with unit_of_work() as session:
            return save_rule(session, sets_accounts.lock_active(session, account.id)).id

    results = at_once(*[write] * 6, adopting(person, account), *[write] * 6)
    saved = [each for each in results if isinstance(each, str)]
    refused = [type(each) for each in results if isinstance(each, Exception)]
    assert set(refused) <= {RuleSlotFull, TokenInvalid}, results
    with unit_of_work() as session:
        owners = select(SetsRule.account_id, func.count()).group_by(SetsRule.account_id)
        assert dict(session.execute(owners).all()) == ({results[6]: len(saved)} if saved else {})
        assert session.scalar(select(func.count()).select_from(SetsCreditEntry)) == 2


def test_a_task_that_returns_a_credit_and_an_adoption_do_not_wait_for_each_other(
    committed, adopting
):
    person, account = made(committed, lambda s: (making.user(s), making.sets_account(s)))
    with unit_of_work() as session:
        making.sets_account(session, user=session.get(User, person.id))
        sets_credits.grant(session, account.id, 5, key="x")
        job = running(session, account, 15)
    is_locked = Event()

    def return_credits():
        with unit_of_work() as session:
            sets_photos.lock_job(session, job.id)
            is_locked.set()
            time.sleep(0.3)  # the adoption has locked the account meanwhile
            for photo in albums.photos_of(session, job):
                assert sets_photos.end(session, photo, PhotoStatus.FAILED)

    def adopt_then():
        assert is_locked.wait(60)
        return adopting(person, account)()

    returned, adopter = at_once(return_credits, adopt_then)
    assert (returned, type(adopter)) == (None, int)
    with unit_of_work() as session:
        assert session.get(SetsAccount, adopter).credits == 15
        assert making.violations(session) == []
