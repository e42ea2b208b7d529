"""`flask ledger check`: prove that no token was lost or doubled."""

import json

import click
from flask.cli import AppGroup
from sqlalchemy import func, select

from webapp.domain.db import unit_of_work
from webapp.domain.models.ledger import Transfer
from webapp.domain.services import ledger_check

ledger = AppGroup("ledger", help="Tokens.")


@ledger.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print numbers for programs.")
def check(*, as_json: bool) -> None:
    """Check every invariant; exit 1 and name each violation if one is broken."""
    with unit_of_work() as session:
        violations = ledger_check.check(session)
        transfers = session.scalar(select(func.count()).select_from(Transfer))
    for violation in violations:
        click.echo(f"{violation.invariant}: {violation.finding}", err=True)
    if violations:
        raise SystemExit(1)
    invariants = len(ledger_check.INVARIANTS)
    if as_json:
        click.echo(json.dumps({"invariants": invariants, "transfers": transfers}))
    else:
        click.echo(f"ok: {invariants} invariants hold over {transfers} transfers")
