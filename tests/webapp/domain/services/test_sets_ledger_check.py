"""Each invariant of credits is broken once: a check that never fails proves nothing."""

import pytest
from sqlalchemy import func, insert, text, update

from tests import making, sets_albums as albums
from webapp.domain.models.payment import Purchase
from webapp.domain.models.sets_account import CreditKind, SetsAccount, SetsCreditEntry
from webapp.domain.models.sets_photo import PhotoStatus, SetsEdit
from webapp.domain.services import (
    purchase_delivery,
    sets_adoption,
    sets_credits,
    sets_photos,
    sets_purchases,
)
from webapp.domain.services.sets_ledger_check import OF_CREDITS
from webapp.domain.sets_tokens import Claims

S1, S2, S3, S4, S5, S6, S7, S8 = (each.name for each in OF_CREDITS)


def found(session):
    session.expire_all()
    return {
        each.name for each in OF_CREDITS if making.violations(session, only=each.name[:2] + " ")
    }


@pytest.fixture
def job(session):
    return albums.album(session, photos=3, status="running", photo_status=PhotoStatus.RUNNING)


@pytest.fixture
def photo(session, job):
    return albums.photos_of(session, job)[0]


def edit(session, photo):
    return albums.edits_of(session, photo)[-1]


def deliver(session, photo):
    sets_credits.deliver(session, edit(session, photo).id)
    albums.put_all(session, job_of(session, photo), PhotoStatus.DONE, photo.idx, result_key="r")


def job_of(session, photo):
    return session.get(albums.SetsJob, photo.job_id)


def test_a_job_with_every_outcome_and_a_retry_has_no_violation(session, job):
    done, failed, again = albums.photos_of(session, job)
    deliver(session, done)
    assert sets_photos.end(session, failed, PhotoStatus.FAILED, failure_code="TIMEOUT")
    assert sets_photos.end(session, again, PhotoStatus.FAILED, failure_code="TIMEOUT")
    sets_credits.reserve(session, job, [again], attempt=2)
    albums.put_all(session, job, PhotoStatus.QUEUED, again.idx)
    assert found(session) == set()


def test_cached_credits_that_drift_are_found(session, job):
    session.execute(update(SetsAccount).values(credits=SetsAccount.credits + 1))
    assert found(session) == {S1}


def test_an_entry_that_names_another_balance_is_found(session, job):
    entry = {"account_id": job.account_id, "kind": "grant", "amount": 5, "balance_after": 6}
    session.execute(insert(SetsCreditEntry).values(idempotency_key="x", **entry))
    session.execute(update(SetsAccount).values(credits=SetsAccount.credits + 5))
    assert found(session) == {S2}


def test_a_job_that_reserved_for_other_edits_is_found(session, job):
    sets_credits.grant(session, job.account_id, 1, key="x")
    sets_credits.add_entry(
        session, job.account_id, CreditKind.RESERVE, -1, key="once more", job_id=job.id
    )
    assert found(session) == {S3}


def test_an_edit_nobody_reserved_for_is_found(session, job, photo):
    assert sets_photos.end(session, photo, PhotoStatus.FAILED)
    session.add(SetsEdit(photo_id=photo.id, attempt=2))
    albums.put_all(session, job, PhotoStatus.QUEUED, photo.idx)
    assert found(session) == {S3}


def test_a_returned_edit_without_its_credit_is_found(session, job, photo):
    session.execute(
        update(SetsEdit)
        .where(SetsEdit.photo_id == photo.id)
        .values(returned_at=func.clock_timestamp())
    )
    albums.put_all(session, job, PhotoStatus.FAILED, photo.idx)
    assert found(session) == {S4}


def test_a_credit_returned_for_a_delivered_edit_is_found(session, job, photo):
    deliver(session, photo)
    returned = edit(session, photo)
    sets_credits.add_entry(
        session,
        job.account_id,
        CreditKind.RETURN,
        1,
        key="returned",
        job_id=job.id,
        edit_id=returned.id,
    )
    assert found(session) == {S4}


@pytest.mark.parametrize("status", ["done", "failed", "canceled"])
def test_an_ended_photo_whose_edit_is_open_is_found(session, job, photo, status):
    albums.put_all(session, job, PhotoStatus(status), photo.idx, result_key="r")
    assert found(session) == {S5}


def test_a_running_photo_whose_edit_ended_is_found(session, photo):
    sets_credits.return_credit(session, edit(session, photo).id)
    assert found(session) == {S5}


def test_a_photo_without_an_edit_is_found(session, job):
    session.execute(text("DELETE FROM sets_edits"))
    assert found(session) == {S3, S6}


def test_a_delivered_photo_that_was_reserved_for_again_is_found(session, job, photo):
    deliver(session, photo)
    sets_credits.grant(session, job.account_id, 1, key="x")
    sets_credits.reserve(session, job, [photo], attempt=2)
    albums.put_all(session, job, PhotoStatus.QUEUED, photo.idx)
    assert found(session) == {S6}


@pytest.mark.parametrize("order", [sets_purchases.order_credits, sets_purchases.order_plan])
def test_a_paid_purchase_without_its_credits_is_found(session, order):
    package = "pro_month" if order is sets_purchases.order_plan else "credits_500"
    bought = order(session, user=making.user(session), package_id=package)
    assert found(session) == set()
    paid = {"status": "paid", "payment_key": "key", "approved_at": func.clock_timestamp()}
    session.execute(update(Purchase).values(**paid))
    assert found(session) == {S7}
    purchase_delivery.deliver(session, bought)
    assert making.violations(session) == []
    session.execute(update(Purchase).values(status="refunded"))
    assert found(session) == {S7}
    purchase_delivery.take_back(session, bought)
    assert making.violations(session) == []


def test_credits_of_a_purchase_given_to_another_account_are_found(session):
    bought = sets_purchases.order_credits(
        session, user=making.user(session), package_id="credits_100"
    )
    paid = {"status": "paid", "payment_key": "key", "approved_at": func.clock_timestamp()}
    session.execute(update(Purchase).values(**paid))
    other = making.sets_account(session)
    given = {"key": "x", "purchase_id": bought.id}
    sets_credits.add_entry(session, other.id, CreditKind.PURCHASE, 100, **given)
    assert found(session) == {S7}


def test_credits_lost_on_the_way_to_the_adopter_are_found(session):
    person, anonymous = making.user(session), making.sets_account(session, balance=15)
    making.sets_account(session, user=person)
    sets_adoption.adopt(session, person, Claims(anonymous.public_id, 0))
    assert found(session) == set()
    key = {"key": "adopted:elsewhere:out"}
    sets_credits.add_entry(session, anonymous.id, CreditKind.ADOPTED, -3, **key)
    assert found(session) == {S8}
