"""`flask task …`: list the tasks and trigger one by name."""

import click
from flask.cli import AppGroup

from celery_config import CPU_QUEUES, ROUTES, TaskName, make_celery
from webapp.cli import tables
from webapp.domain import relay
from webapp.domain.db import unit_of_work
from webapp.domain.models.job import Job
from webapp.domain.settings import settings

task = AppGroup("task", help="List the Celery tasks, and start one.")
LOCAL_TASKS = [name.value for name, queue in ROUTES.items() if queue in CPU_QUEUES]


@task.command("list")
def list_tasks() -> None:
    """Show every task with its queue."""
    rows = [(name.value, queue.value) for name, queue in ROUTES.items()]
    tables.show(("task", "queue"), rows)


@task.command("call")
@click.argument("name", type=click.Choice([name.value for name in TaskName]))
@click.option("--job", "job_id", type=int, help="The job to publish, for pipeline steps.")
def call(name: str, job_id: int | None) -> None:
    """Send a task to its queue. A message for a finished or claimed job changes nothing."""
    task_name = TaskName(name)
    celery = make_celery(settings().broker_url)
    relay.send(celery, task_name, request_id=_request_id(job_id), **_ids(job_id))
    click.echo(f"{name} was sent to the queue {ROUTES[task_name].value}.")


@task.command("run")
@click.argument("name", type=click.Choice(LOCAL_TASKS))
@click.option("--job", "job_id", type=int, help="The job to process, for pipeline steps.")
def run(name: str, job_id: int | None) -> None:
    """Run a task of the CPU pools in this process.

    It needs no broker and no worker.
    """
    celery = make_celery(settings().broker_url)
    celery.loader.import_task_module("tasks.on_cpu")
    celery.finalize()
    headers = {"request_id": _request_id(job_id)}
    celery.tasks[name].apply(kwargs=_ids(job_id), headers=headers, throw=True)
    click.echo(f"{name} is done.")


def _ids(job_id: int | None) -> dict[str, int]:
    return {} if job_id is None else {"job_id": job_id}


def _request_id(job_id: int | None) -> str:
    """Return the id of the request that made a job, so that its log lines stay together."""
    if job_id is None:
        return ""
    with unit_of_work() as session:
        job = session.get(Job, job_id)
        if job is None:
            raise click.ClickException(f"There is no job {job_id}.")
        return job.request_id
