"""A task of housekeeping that went well leaves a heartbeat, so that one that stopped is noticed."""

from typing import Any

from celery.signals import task_success

from webapp.domain.db import unit_of_work
from webapp.domain.services import heartbeats


@task_success.connect
def beat(sender: Any, **_: object) -> None:
    """Record the success of a task that beat calls."""
    scheduled = {entry["task"] for entry in sender.app.conf.beat_schedule.values()}
    if sender.name in scheduled:
        with unit_of_work() as session:
            heartbeats.beat(session, sender.name)
