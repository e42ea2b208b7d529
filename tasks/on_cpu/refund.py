"""Refund: end a job – failed, refunded, its owner notified – in one commit."""

from celery_config import TaskName
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.services import job_attempts


@task(TaskName.REFUND)
def refund(*, job_id: int) -> None:
    """End a job past its deadline, or whose workers were lost too often."""
    with unit_of_work() as session:
        job_attempts.abandon(session, job_id)
