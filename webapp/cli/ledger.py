"""`flask ledger check`: prove that no token and no credit was lost or doubled."""

import json

import click
from flask.cli import AppGroup
from sqlalchemy import func, select

from webapp.domain.db import unit_of_work
from webapp.domain.models.ledger import Transfer
from webapp.domain.models.ledger_seal import LedgerSeal
from webapp.domain.models.sets_account import SetsCreditEntry
from webapp.domain.services import ledger_check, ledger_proof

ledger = AppGroup("ledger", help="Check the ledgers of tokens and credits.")


@ledger.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.option("--full", is_flag=True, help="Also prove sealed periods, all rows piece by piece.")
def check(*, as_json: bool, full: bool) -> None:
    """Check every invariant of the ledgers.

    Each violation is named, with exit status 1.
    """
    with unit_of_work() as session:
        violations = ledger_check.check(session)
    if full:
        for found in ledger_proof.prove(unit_of_work):
            violations += (each for each in found if each not in violations)
    with unit_of_work() as session:
        transfers = session.scalar(select(func.count()).select_from(Transfer))
        entries = session.scalar(select(func.count()).select_from(SetsCreditEntry))
        seals = session.scalar(select(func.count()).select_from(LedgerSeal))
    for violation in violations:
        click.echo(f"{violation.invariant}: {violation.finding}", err=True)
    if violations:
        raise SystemExit(1)
    invariants = len(ledger_check.INVARIANTS)
    if as_json:
        counts = {"invariants": invariants, "transfers": transfers, "credit_entries": entries}
        counts |= {"seals": seals} if full else {}
        click.echo(json.dumps(counts))
    else:
        click.echo(
            f"ok: {invariants} invariants hold over {transfers} transfers and"
            f" {entries} credit entries{f', {seals} sealed periods are unchanged' if full else ''}"
        )
