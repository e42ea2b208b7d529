"""Train: hear the bell of a training, and learn for one slice."""

from celery_config import TaskName
from tasks.on_gpu.bell import hear
from tasks.task import task
from tasks.work.training import train_slice


@task(TaskName.TRAIN_STYLE)
def train_style(*, job_id: int) -> None:
    """Claim the training the bell named with others of its base model; learn for one slice."""
    hear(train_slice, job_id)
