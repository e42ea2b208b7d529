"""Load the base model when a rendering child starts, not when its first buyer waits.

The parent learns which queues it serves before it forks; only its children import torch.
"""

from typing import Any

import httpx
import structlog
from celery.signals import celeryd_after_setup, worker_process_init

from celery_config import QueueName
from tasks.work.rendering import renderer_for, worker_api
from tasks.worker_api import worker_settings

log = structlog.get_logger()
_served: set[str] = set()


@celeryd_after_setup.connect
def note_queues(instance: Any, **_: object) -> None:
    """Remember, in the parent, which queues this worker hears."""
    _served.update(instance.app.amqp.queues.consume_from)


@worker_process_init.connect
def preload(**_: object) -> None:
    """Load the base model in a child that will render."""
    if QueueName.IMAGE_GENERATION not in _served:
        return
    name = worker_settings().base_model
    try:
        renderer = renderer_for(name)
        worker_api().note_base_model(name, renderer.base_model_sha256)
        log.info("base model told", base_model=name)
    except httpx.HTTPError as error:
        log.warning("base model not told", error=str(error))  # the first claim tells it
    except Exception:
        # The child must live: its tasks report the same failure under its name, and refund.
        log.exception("base model not loaded")
