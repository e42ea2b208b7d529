"""Render: hear the bell of an order, and draw its batch."""

from celery_config import TaskName
from tasks.on_gpu.bell import hear
from tasks.task import task
from tasks.work.rendering import render_batch


@task(TaskName.RENDER_IMAGES)
def render_images(*, job_id: int) -> None:
    """Claim the job the bell named with others of its size, render them, hand them over."""
    hear(render_batch, job_id)
