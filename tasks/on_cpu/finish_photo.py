"""Finish: complete a photo, spend its credit, end its job after the last one, in one commit."""

from celery_config import TaskName
from tasks.outcomes import Outcome
from tasks.task import end_task, task
from webapp.domain.db import unit_of_work
from webapp.domain.services import sets_edits


@task(TaskName.FINISH_PHOTO)
def finish_photo(*, job_id: int) -> None:
    """Deliver the result of a job, or do nothing if it is delivered already."""
    with unit_of_work() as session:
        is_done = sets_edits.deliver(session, job_id)
    end_task(Outcome.DONE if is_done else Outcome.IGNORED)
