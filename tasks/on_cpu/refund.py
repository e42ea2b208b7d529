"""Refund: end a job that the relay gave up – failed, refunded, told – in one commit."""

from celery_config import TaskName
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.services import steps


@task(TaskName.REFUND)
def refund(*, job_id: int) -> None:
    """End a job out of time, or whose workers were lost too often."""
    with unit_of_work() as session:
        steps.abandon(session, job_id)
