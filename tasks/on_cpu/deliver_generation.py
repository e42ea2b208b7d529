"""Deliver: complete the generation, pay the artist, certify, notify – in one commit."""

from celery_config import TaskName
from tasks.task import task
from webapp.domain.db import unit_of_work
from webapp.domain.services import stamping


@task(TaskName.DELIVER_GENERATION)
def deliver_generation(*, job_id: int) -> None:
    """Deliver the stamped image of a job, or do nothing if it is delivered already."""
    with unit_of_work() as session:
        stamping.deliver(session, job_id)
