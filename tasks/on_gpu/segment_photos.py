"""Segment: claim the photo of a message and find the requested concepts in it."""

from celery_config import TaskName
from tasks.gpu_jobs.segmenting import segment_photo
from tasks.on_gpu.consume import consume
from tasks.task import task


@task(TaskName.SEGMENT_PHOTOS)
def segment_photos(*, job_id: int) -> None:
    """Claim the job of the message, segment its photo, upload the masks, complete it."""
    consume(segment_photo, job_id)
