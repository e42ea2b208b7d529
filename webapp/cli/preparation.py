"""`flask prepare` and `flask restored`: what must be done before the site starts."""

from collections.abc import Callable

import click
from flask.cli import with_appcontext
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.orm import Session
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import StorageUnavailable
from webapp.domain.services import epochs
from webapp.domain.services.epochs import Beginning, EpochTooEarly
from webapp.domain.settings import Environment
from webapp.extensions import app_settings, storage

WAIT_SECONDS = 60
EPOCH_TIMEOUT = "600s"


@click.command("prepare")
@with_appcontext
def prepare() -> None:
    """Run the migrations and create the bucket; safe to repeat.

    Begins an epoch if the database has been moved, as `flask restored` does. Waits up to a minute
    for a storage that is still starting.
    """
    upgrade()
    _begin_epoch(epochs.begin_if_moved)
    try:
        _prepare_storage()
    except StorageUnavailable as error:
        raise click.ClickException(f"STORAGE_URL: {error}") from None
    _name_missing_business_data()


@click.command("restored")
@with_appcontext
def restored() -> None:
    """Begin an epoch after a restore: no id and no fence from before is given again.

    Run it before any other process of the site starts; `flask prepare` does so by itself where it
    can see that the database has been moved.
    """
    upgrade()
    _begin_epoch(epochs.begin)


def _name_missing_business_data() -> None:
    """Tell the operator of a production site which business data its pages do not state."""
    settings = app_settings()
    if settings.env is Environment.PRODUCTION and settings.operator.missing:
        names = ", ".join(f"OPERATOR_{name.upper()}" for name in settings.operator.missing)
        click.echo(f"Not stated at /contact and at the foot of pages: {names}.")


def _begin_epoch(begin: Callable[[Session], Beginning | None]) -> None:
    try:
        with unit_of_work() as session:
            session.execute(text(f"SET LOCAL statement_timeout = '{EPOCH_TIMEOUT}'"))
            begun = begin(session)
    except EpochTooEarly as error:
        raise click.ClickException(str(error)) from error
    if begun is not None:
        click.echo(
            f"The database was restored or moved: ids begin at {begun.first_id}, fences at"
            f" {begun.first_fence}; {begun.leases} leases and {begun.sign_ins} sign-ins ended."
        )


@retry(
    retry=retry_if_exception_type(StorageUnavailable),
    stop=stop_after_delay(WAIT_SECONDS),
    wait=wait_fixed(1),
    reraise=True,
)
def _prepare_storage() -> None:
    storage().prepare()
