"""`flask ledger check`: prove that no token was lost or doubled."""

import click
from flask.cli import AppGroup

from webapp.domain.db import unit_of_work
from webapp.domain.services import ledger_check

ledger = AppGroup("ledger", help="Tokens.")


@ledger.command("check")
def check() -> None:
    """Check every invariant; exit 1 and name each violation if one is broken."""
    with unit_of_work() as session:
        violations = ledger_check.check(session)
    for violation in violations:
        click.echo(f"{violation.invariant}: {violation.finding}", err=True)
    if violations:
        raise SystemExit(1)
    click.echo(f"ok: {len(ledger_check.INVARIANTS)} invariants hold")
