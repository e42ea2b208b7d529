"""Deliver: hand the signed image over, pay the artist, certify, tell – in one commit."""

from celery_config import TaskName
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.services import stamping


@task(TaskName.DELIVER_GENERATION)
def deliver_generation(*, job_id: int) -> None:
    """Deliver the stamped image of a job, or do nothing if that was done before."""
    with unit_of_work() as session:
        stamping.deliver(session, job_id)
