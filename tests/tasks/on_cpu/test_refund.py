from datetime import timedelta

from sqlalchemy import select, update

from celery_config import TaskName
from tasks.on_cpu.refund import refund
from tests import making
from webapp.domain import due_jobs, jobs
from webapp.domain.models.generation import Generation
from webapp.domain.models.job import Job
from webapp.domain.models.notification import Notification
from webapp.domain.services import ledger, ledger_check


def test_an_image_out_of_time_is_refunded_once_however_often_its_message_comes(committed):
    with committed.begin() as session:
        image = making.generation(session)
        job_id = making.job_of(session, image).id
        session.execute(update(Job).values(deadline_at=jobs.NOW - timedelta(seconds=1)))
    with committed.begin() as session:
        due_jobs.end_overdue(session)

    for _ in range(3):
        refund(job_id=job_id)

    with committed() as session:
        assert session.get(Generation, image.id).status == "failed"
        assert ledger.balances(session, image.user_id).spendable == 100
        assert session.scalars(select(Notification.type)).all() == ["generation_failed"]
    with committed() as session:
        assert ledger_check.check(session) == []


def test_a_message_for_an_image_in_progress_refunds_nothing(committed):
    with committed.begin() as session:
        image = making.generation(session)
        lease = jobs.claim(session, making.job_of(session, image).id, TaskName.RENDER_IMAGES, 60)
    refund(job_id=lease.job_id)
    refund(job_id=10**9)
    with committed() as session:
        assert ledger.balances(session, image.user_id) == ledger.Balances(90, 10, 0)
