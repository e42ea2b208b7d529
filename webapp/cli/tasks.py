"""`flask task …`: see every task, and trigger any of them by name."""

import click
from flask.cli import AppGroup
from rich.console import Console
from rich.table import Table

from celery_config import ROUTES, TaskName, make_celery
from webapp.domain import relay
from webapp.domain.settings import settings

task = AppGroup("task", help="Celery tasks.")


@task.command("list")
def list_tasks() -> None:
    """Show every task with its queue."""
    table = Table("task", "queue")
    for name, queue in ROUTES.items():
        table.add_row(name.value, queue.value)
    Console().print(table)


@task.command("call")
@click.argument("name", type=click.Choice([name.value for name in TaskName]))
@click.option("--job", "job_id", type=int, help="The job to ring, for the steps of a pipeline.")
def call(name: str, job_id: int | None) -> None:
    """Trigger a task on its queue. A bell for work that is done or taken changes nothing."""
    task_name = TaskName(name)
    ids = {} if job_id is None else {"job_id": job_id}
    relay.send(make_celery(settings().broker_url), task_name, **ids)
    click.echo(f"{name} was sent to the queue {ROUTES[task_name].value}.")
