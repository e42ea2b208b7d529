"""Train: claim the training of a message and train it for one slice."""

from celery_config import TaskName
from tasks.gpu_jobs.training import train_slice
from tasks.on_gpu.consume import consume
from tasks.task import task


@task(TaskName.TRAIN_STYLE)
def train_style(*, job_id: int) -> None:
    """Claim the job of the message with others of its base model; train them for one slice."""
    consume(train_slice, job_id)
