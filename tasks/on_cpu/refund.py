"""Refund: end a job – failed, refunded, its owner notified – in one commit."""

from celery_config import TaskName
from tasks.outcomes import Outcome
from tasks.task import end_task, task
from webapp.domain.db import unit_of_work
from webapp.domain.services import job_attempts


@task(TaskName.REFUND)
def refund(*, job_id: int) -> None:
    """End a job past its deadline, or whose workers were lost too often."""
    with unit_of_work() as session:
        is_done = job_attempts.abandon(session, job_id)
    end_task(Outcome.DONE if is_done else Outcome.IGNORED)
