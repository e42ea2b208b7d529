"""Segment: hear the bell of a photo, and look for the parts it is asked for."""

from celery_config import TaskName
from tasks.on_gpu.bell import hear
from tasks.task import task
from tasks.work.segmenting import segment_photo


@task(TaskName.SEGMENT_PHOTOS)
def segment_photos(*, job_id: int) -> None:
    """Claim the photo the bell named, find its concepts, hand their masks over."""
    hear(segment_photo, job_id)
