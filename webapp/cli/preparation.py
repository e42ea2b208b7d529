"""`flask prepare` and `flask restored`: what must be done before the site starts."""

import textwrap
from collections.abc import Callable

import click
from flask.cli import with_appcontext
from flask_migrate import upgrade
from psycopg2.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_fixed,
)

from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import StorageUnavailable
from webapp.domain.services import epochs
from webapp.domain.services.epochs import Beginning, EpochTooEarly
from webapp.domain.settings import Environment
from webapp.extensions import app_settings, storage

WAIT_SECONDS = 60
# The first try may have built an index for longer than that before it needed a lock.
LEAST_TRIES = 5
EPOCH_TIMEOUT = "600s"


@click.command("prepare")
@with_appcontext
def prepare() -> None:
    """Run the migrations and create the bucket.

    Safe to repeat. Begins an epoch if the database has been moved, as `flask restored` does. Waits
    up to a minute for a lock that a migration needs, and for a storage that is still starting.
    """
    _migrate()
    _begin_epoch(epochs.begin_if_moved)
    try:
        _prepare_storage()
    except StorageUnavailable as error:
        raise click.ClickException(f"STORAGE_URL: {error}") from None
    _name_missing_business_data()


@click.command("restored")
@with_appcontext
def restored() -> None:
    """Begin an epoch, after a restore.

    No id and no fence from before is given again. Run it before any other process of the site
    starts; `flask prepare` does so by itself where it can see that the database has been moved.
    """
    _migrate()
    _begin_epoch(epochs.begin)


def _migrate() -> None:
    """Run the migrations; one that cannot get a lock is tried again."""
    try:
        _run_migrations()
    except OperationalError as error:
        if not _is_about_locks(error):
            raise
        raise click.ClickException(
            f"A migration did not get its lock in {WAIT_SECONDS} seconds: {_statement(error)}."
            " pg_stat_activity shows the transactions that are open; end the longest and repeat."
        ) from error


def _is_about_locks(error: BaseException) -> bool:
    return isinstance(error, OperationalError) and isinstance(
        error.orig, LockNotAvailable | DeadlockDetected
    )


def _statement(error: OperationalError) -> str:
    """Return the beginning of the statement that failed: it names the table."""
    return textwrap.shorten(error.statement or "", 120, placeholder=" …")


def _tell_lock(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, OperationalError):
        click.echo(f"A migration waits for a lock: {_statement(error)}.")


@retry(
    retry=retry_if_exception(_is_about_locks),
    stop=stop_after_delay(WAIT_SECONDS) & stop_after_attempt(LEAST_TRIES),
    wait=wait_fixed(1),
    before_sleep=_tell_lock,
    reraise=True,
)
def _run_migrations() -> None:
    upgrade()


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
            f" {begun.first_fence}; {begun.leases} leases, {begun.sign_ins} sign-ins and"
            f" {begun.api_keys} API keys ended."
        )


@retry(
    retry=retry_if_exception_type(StorageUnavailable),
    stop=stop_after_delay(WAIT_SECONDS),
    wait=wait_fixed(1),
    reraise=True,
)
def _prepare_storage() -> None:
    storage().prepare()
