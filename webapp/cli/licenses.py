"""`flask license …`: revoke certificates, and look for the files of all."""

import click
from flask.cli import AppGroup
from rich.progress import Progress

from webapp.cli.accounts import find_user
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError
from webapp.domain.gateways.storage import StorageUnavailable, configured_storage
from webapp.domain.models.account import Role
from webapp.domain.services import certificate_files, moderation
from webapp.domain.settings import settings

license = AppGroup("license", help="Revoke certificates, and check their files.")  # noqa: A001 - the noun of the field
MAX_REASON = 500
SHOWN_PROBLEMS = 20


@license.command("revoke")
@click.argument("public_id")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@click.option("--admin", "email", required=True, help="E-mail address of who decided it.")
def revoke(public_id: str, reason: str, email: str) -> None:
    """Revoke the certificate PUBLIC_ID.

    Everybody sees that it is revoked.
    """
    if not 0 < len(reason.strip()) <= MAX_REASON:
        raise click.UsageError(f"The reason has 1 to {MAX_REASON} characters.")
    try:
        with unit_of_work() as session:
            admin = find_user(session, email)
            if admin.role != Role.ADMIN:
                raise click.ClickException(f"{email} is not an administrator.")
            is_changed = moderation.revoke_license(
                session, admin=admin, public_id=public_id, reason=reason.strip()
            )
    except DomainError as error:
        raise click.ClickException(f"There is no certificate {public_id}.") from error
    click.echo(f"{public_id} is revoked." if is_changed else f"{public_id} was revoked before.")


@license.command("check-files")
@click.option("--sizes-only", is_flag=True, help="Only ask for sizes: quick, but proves less.")
def check_files(*, sizes_only: bool) -> None:
    """Compare pictures with the hashes of certificates.

    The picture of every certificate is read. Those that differ are named, with exit status 1.
    """
    with Progress(transient=True) as progress:
        bar = progress.add_task("pictures", total=None)
        try:
            checked = certificate_files.check(
                unit_of_work,
                configured_storage(settings()),
                sizes_only=sizes_only,
                on_piece=lambda pictures: progress.advance(bar, pictures),
            )
        except StorageUnavailable as error:
            raise click.ClickException("Storage does not answer. Run this again later.") from error
    for public_id, problem in checked.problems[:SHOWN_PROBLEMS]:
        click.echo(f"{public_id}: {problem}", err=True)
    if checked.problems:
        raise click.ClickException(
            f"{len(checked.problems)} of {checked.count} pictures of certificates are not there"
        )
    click.echo(f"ok: the pictures of {checked.count} certificates are there")
