"""`flask jobs …` and `flask sweep`: the job table, and one relay sweep by hand."""

import json
from contextlib import closing, suppress
from queue import Empty

import click
from flask.cli import AppGroup, with_appcontext
from kombu import Connection
from sqlalchemy import inspect, select

from celery_config import DEAD_LETTER_QUEUE, make_celery
from webapp.cli import tables
from webapp.domain import jobs as job_table, relay
from webapp.domain.db import unit_of_work
from webapp.domain.models.job import Job, JobKind, JobState
from webapp.domain.settings import settings

jobs = AppGroup("jobs", help="Show the jobs, and publish one again.")
COLUMNS = ("id", "kind", "ref", "state", "step", "fence", "tries", "crashes", "failure_cause")


@jobs.command("list")
@click.option(
    "--state", type=click.Choice([state.value for state in JobState]), help="Only this state."
)
@click.option("--kind", type=click.Choice([kind.value for kind in JobKind]), help="Only this kind.")
@click.option("--ref", type=int, help="What the job is about, such as the id of a generation.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many."
)
def list_jobs(state: str | None, kind: str | None, ref: int | None, limit: int) -> None:
    """Show the newest jobs."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Job.state == state)
    if kind is not None:
        query = query.where(Job.kind == kind)
    if ref is not None:
        query = query.where(Job.ref == ref)
    with unit_of_work() as session:
        rows = [
            [str(getattr(job, column) or "") for column in COLUMNS]
            for job in session.scalars(query)
        ]
    tables.show(COLUMNS, rows)


@jobs.command("show")
@click.argument("job_id", type=int)
def show(job_id: int) -> None:
    """Show everything about one job."""
    with unit_of_work() as session:
        job = session.get(Job, job_id)
        if job is None:
            raise click.ClickException(f"There is no job {job_id}.")
        keys = [column.key for column in inspect(Job).column_attrs]
        rows = [[key, str(getattr(job, key))] for key in keys]
    tables.show(("column", "value"), rows)


@jobs.command("retry")
@click.argument("job_id", type=int)
def retry(job_id: int) -> None:
    """Publish a waiting job now instead of at its retry time."""
    with unit_of_work() as session:
        if not job_table.make_due(session, job_id):
            raise click.ClickException(f"Job {job_id} is not waiting.")
    click.echo(f"Job {job_id} was published.")


@jobs.command("dead-letters")
def dead_letters() -> None:
    """Show the messages that no worker could process.

    They stay in their queue.
    """
    with Connection(settings().broker_url) as connection, suppress(Empty):
        queue = connection.SimpleQueue(DEAD_LETTER_QUEUE)
        while True:
            # Not acknowledged: the broker has it again when this connection ends.
            message = queue.get(block=False)
            _, arguments, *_ = message.payload
            click.echo(f"{message.headers['task']} {json.dumps(arguments)}")


@click.command("sweep")
@with_appcontext
def sweep() -> None:
    """Run the relay once, by hand.

    It releases jobs of lost workers, ends overdue jobs and publishes due jobs.
    """
    with closing(relay.Publisher(make_celery(settings().broker_url))) as publisher:
        published = relay.sweep(publisher)
    click.echo(f"{published} messages published")
