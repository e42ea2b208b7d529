"""Deliver: complete the generation, pay the artist, certify, notify – in one commit."""

from celery_config import TaskName
from tasks.outcomes import Outcome
from tasks.task import end_task, task
from webapp.domain.db import unit_of_work
from webapp.domain.services import stamping


@task(TaskName.DELIVER_GENERATION)
def deliver_generation(*, job_id: int) -> None:
    """Deliver the stamped image of a job, or do nothing if it is delivered already."""
    with unit_of_work() as session:
        is_done = stamping.deliver(session, job_id)
    end_task(Outcome.DONE if is_done else Outcome.IGNORED)
