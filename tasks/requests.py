"""The request of a task in a worker: an ignored message is shown as IGNORED, not as STARTED."""

from typing import Any

from celery.exceptions import Ignore
from celery.worker.request import Request


class TaskRequest(Request):
    """Sends the event `task-ignored`, from which Flower takes the state; Celery sends none."""

    def on_failure(self, exc_info: Any, *args: Any, **options: Any) -> Any:
        """Acknowledge, and report the state of an ignored message."""
        answer = super().on_failure(exc_info, *args, **options)
        if issubclass(exc_info.type, Ignore):
            self.send_event("task-ignored")
        return answer
