"""Render: claim the order of a message and render its batch."""

from celery_config import TaskName
from tasks.gpu_jobs.rendering import render_batch
from tasks.on_gpu.consume import consume
from tasks.task import task


@task(TaskName.RENDER_IMAGES)
def render_images(*, job_id: int) -> None:
    """Claim the job of the message with others of its size, render them, complete them."""
    consume(render_batch, job_id)
