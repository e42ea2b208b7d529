from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from celery_config import TaskName
from tests import making
from webapp.domain import jobs
from webapp.domain.errors import AccountInactive, NotFound, RateLimitExceeded
from webapp.domain.models.account import User
from webapp.domain.models.data_export import DataExport, DataExportStatus
from webapp.domain.models.job import Job, JobKind
from webapp.domain.models.notification import Notification
from webapp.domain.queries import data_exports as export_queries
from webapp.domain.services import data_exports, job_attempts, leaving


def order(session, person):
    return data_exports.request(session, user_id=person.id, request_id="r")


def claimed(session, export):
    job_id = session.scalars(
        select(Job.id).where(Job.kind == JobKind.DATA_EXPORT, Job.ref == export.id)
    ).one()
    return jobs.claim(session, job_id, TaskName.EXPORT_DATA, 60)


def made(session, export):
    lease = claimed(session, export)
    return data_exports.record(
        session, lease, archive_key=f"data-exports/{export.id}.zip", size=10, files_left_out=0
    )


def age(session, days):
    session.execute(
        update(DataExport).values(created_at=DataExport.created_at - timedelta(days=days))
    )


@pytest.fixture
def person(session):
    return making.user(session)


def test_the_owner_is_notified_once_when_a_copy_is_made(session, person):
    export = order(session, person)
    lease = claimed(session, export)
    values = {"archive_key": "data-exports/1.zip", "size": 10, "files_left_out": 2}
    assert data_exports.record(session, lease, **values)
    assert not data_exports.record(session, lease, **values)
    newest = export_queries.newest(session, person.id)
    assert (newest.status, newest.size, newest.files_left_out) == ("ready", 10, 2)
    assert session.scalars(select(Notification.type)).all() == ["data_export_ready"]


def test_one_that_is_being_made_is_the_one_that_is_ordered_again(session, person):
    first = order(session, person)
    assert order(session, person).id == first.id
    assert claimed(session, first)
    assert order(session, person).id == first.id


def test_there_is_one_a_day(session, person):
    made(session, order(session, person))
    with pytest.raises(RateLimitExceeded) as refused:
        order(session, person)
    assert 86_000 < refused.value.details["retry_after"] <= 86_400
    assert not export_queries.newest(session, person.id).may_order
    other = making.user(session)
    assert order(session, other)
    age(session, 1)
    assert export_queries.newest(session, person.id).may_order
    assert order(session, person).status == DataExportStatus.QUEUED


def test_one_that_failed_may_be_ordered_again_but_not_for_ever(session, person):
    for _ in range(data_exports.MOST_FAILED):
        export = order(session, person)
        job_attempts.fail(session, claimed(session, export), "INTERNAL_ERROR", "KeyError")
        session.refresh(export)
        assert (export.status, export.failure_cause) == ("failed", "INTERNAL_ERROR")
    with pytest.raises(RateLimitExceeded):
        order(session, person)
    assert session.scalars(select(Notification)).all() == []


def test_requests_at_the_same_time_make_one_copy(committed):
    with committed.begin() as session:
        person = making.user(session)

    def ask(_number):
        with committed.begin() as session:
            return order(session, person).id

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(16)))) == 1
    with committed() as session:
        assert session.scalar(select(func.count()).select_from(DataExport)) == 1
        assert session.scalar(select(func.count()).select_from(Job)) == 1


def test_a_closed_account_orders_nothing(session, person):
    session.execute(update(User).where(User.id == person.id).values(is_active=False))
    with pytest.raises(AccountInactive):
        order(session, person)


def test_a_copy_is_deleted_after_a_week(session, person, storage):
    made(session, order(session, person))
    url = export_queries.file_url(session, storage, user_id=person.id)
    assert "data-exports" in url
    assert data_exports.purge(session, limit=10) == 0
    age(session, 7)
    assert export_queries.newest(session, person.id) is None
    with pytest.raises(NotFound):
        export_queries.file_url(session, storage, user_id=person.id)
    assert data_exports.purge(session, limit=10) == 1
    assert session.scalars(select(DataExport)).all() == []


def test_one_that_is_still_being_made_is_not_deleted(session, person):
    order(session, person)
    age(session, 8)
    assert data_exports.purge(session, limit=10) == 0


def test_a_copy_goes_with_its_person_also_while_it_is_made(session, person):
    export = order(session, person)
    lease = claimed(session, export)
    leaving.leave(session, user=person, confirm=person.username)
    assert session.scalars(select(DataExport)).all() == []
    assert data_exports.owner_of(session, lease) is None
    values = {"archive_key": "data-exports/1.zip", "size": 10, "files_left_out": 0}
    assert not data_exports.record(session, lease, **values)
    assert session.scalars(select(Notification)).all() == []
