"""`flask provenance backfill`: let old pictures be recognised by their previews and thumbnails."""

import click
from flask.cli import AppGroup
from rich.progress import Progress

from webapp.domain.db import unit_of_work
from webapp.domain.gateways.storage import StorageUnavailable, configured_storage
from webapp.domain.queries import registry as registry_queries
from webapp.domain.services import registry
from webapp.domain.settings import settings

SHOWN_MISSING = 20

provenance = AppGroup("provenance", help="Complete the registry of delivered pictures.")


@provenance.command("backfill")
def backfill() -> None:
    """Record missing hashes of old pictures.

    Their files are not changed. Can be interrupted.
    """
    with unit_of_work() as session:
        total = registry_queries.count_unhashed(session)
    with Progress() as progress:
        bar = progress.add_task("pictures", total=total)
        try:
            done = registry.backfill(
                unit_of_work,
                configured_storage(settings()),
                on_piece=lambda pictures: progress.advance(bar, pictures),
            )
        except StorageUnavailable as error:
            raise click.ClickException("Storage does not answer. Run this again later.") from error
    click.echo(f"{done.hashed} pictures got their hashes")
    if done.missing:
        ids = ", ".join(str(each) for each in done.missing[:SHOWN_MISSING])
        more = len(done.missing) - SHOWN_MISSING
        ids += f" and {more} more" if more > 0 else ""
        raise click.ClickException(f"Files are missing of {len(done.missing)} pictures: {ids}")
