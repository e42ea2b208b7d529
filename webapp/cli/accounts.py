"""`flask admin …` and `flask user …`: what an operator does to accounts by hand."""

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session
from ulid import ULID

from webapp.domain.db import unit_of_work
from webapp.domain.models.account import Role, User
from webapp.domain.services import ledger

admin = AppGroup("admin", help="Operator's acts on accounts.")
user = AppGroup("user", help="Accounts.")


def find_user(session: Session, email: str) -> User:
    """Return the account of an e-mail address, or end the command with a clear error."""
    found = session.scalars(select(User).where(User.email == email)).all()
    if len(found) != 1:
        raise click.ClickException(f"{len(found)} accounts have the e-mail address {email}.")
    return found[0]


@admin.command("grant-tokens")
@click.argument("email")
@click.argument("amount", type=click.IntRange(1, 1_000_000))
@click.option("--key", default=lambda: str(ULID()), help="The same key grants only once.")
def grant_tokens(email: str, amount: int, key: str) -> None:
    """Give tokens to an account."""
    with unit_of_work() as session:
        owner = find_user(session, email)
        ledger.grant(session, owner.id, amount, key)
        balance = ledger.balances(session, owner.id).spendable
    click.echo(f"{email} has {balance} tokens now.")


@user.command("make-admin")
@click.argument("email")
def make_admin(email: str) -> None:
    """Let an account moderate and operate."""
    with unit_of_work() as session:
        find_user(session, email).role = Role.ADMIN
    click.echo(f"{email} is an admin now.")
