"""`flask license …`: revoke certificates."""

import click
from flask.cli import AppGroup

from webapp.cli.accounts import find_user
from webapp.domain.db import unit_of_work
from webapp.domain.errors import DomainError
from webapp.domain.models.account import Role
from webapp.domain.services import moderation

license = AppGroup("license", help="Certificates.")  # noqa: A001 - the noun of the field
MAX_REASON = 500


@license.command("revoke")
@click.argument("public_id")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@click.option("--admin", "email", required=True, help="E-mail address of who decided it.")
def revoke(public_id: str, reason: str, email: str) -> None:
    """Revoke the certificate PUBLIC_ID; everybody sees that it is revoked."""
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
