"""`flask prepare`: migrate the database and create the bucket before the site starts."""

import click
from flask.cli import with_appcontext
from flask_migrate import upgrade
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from webapp.domain.gateways.storage import StorageUnavailable
from webapp.extensions import storage

WAIT_SECONDS = 60


@click.command("prepare")
@with_appcontext
def prepare() -> None:
    """Run the migrations and create the bucket; safe to repeat.

    Waits up to a minute for a storage that is still starting.
    """
    upgrade()
    try:
        _prepare_storage()
    except StorageUnavailable as error:
        raise click.ClickException(f"STORAGE_URL: {error}") from None


@retry(
    retry=retry_if_exception_type(StorageUnavailable),
    stop=stop_after_delay(WAIT_SECONDS),
    wait=wait_fixed(1),
    reraise=True,
)
def _prepare_storage() -> None:
    storage().prepare()
