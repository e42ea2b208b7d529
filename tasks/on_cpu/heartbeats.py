"""Write a heartbeat after each successful housekeeping task, for the alert on a missing one."""

from typing import Any

from celery.signals import task_success

from webapp.domain.db import unit_of_work
from webapp.domain.services import heartbeats


@task_success.connect
def beat(sender: Any, **_: object) -> None:
    """Record the success of a task of the beat schedule."""
    scheduled = {entry["task"] for entry in sender.app.conf.beat_schedule.values()}
    if sender.name in scheduled:
        with unit_of_work() as session:
            heartbeats.beat(session, sender.name)
