"""Load the base model when a rendering child process starts, before its first job.

The parent knows the queues it consumes before it forks; only its children import torch.
"""

from typing import Any

import httpx
import structlog
from celery.signals import celeryd_after_setup, worker_process_init

from celery_config import QueueName
from tasks.gpu_jobs.rendering import renderer_for, worker_api
from tasks.worker_api import worker_settings

log = structlog.get_logger()
_queues: set[str] = set()


@celeryd_after_setup.connect
def note_queues(instance: Any, **_: object) -> None:
    """Remember, in the parent, which queues this worker consumes."""
    _queues.update(instance.app.amqp.queues.consume_from)


@worker_process_init.connect
def preload(**_: object) -> None:
    """Load the base model in a child of a rendering worker."""
    if QueueName.IMAGE_GENERATION not in _queues:
        return
    name = worker_settings().base_model
    try:
        renderer = renderer_for(name)
        worker_api().note_base_model(name, renderer.base_model_sha256)
        log.info("base model reported", base_model=name)
    except httpx.HTTPError as error:
        log.warning("base model not reported", error=str(error))  # the first claim reports it
    except Exception:
        # The child must not exit: its tasks report the same error as the failure of their jobs.
        log.exception("base model not loaded")
