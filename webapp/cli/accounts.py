"""`flask admin …` and `flask user …`: account commands for operators."""

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from ulid import ULID

from webapp.domain.db import unit_of_work
from webapp.domain.models.account import Role, User
from webapp.domain.models.sets_account import SetsAccount
from webapp.domain.services import ledger, sets_accounts, sets_credits

admin = AppGroup("admin", help="Give tokens, or credits for Sets.")
user = AppGroup("user", help="Change the role of an account.")


def find_user(session: Session, email: str) -> User:
    """Return the account of an e-mail address, or end the command with a clear error."""
    users = session.scalars(select(User).where(User.email == email)).all()
    if not users:
        raise click.ClickException(
            f"No account has the e-mail address {email}. Accounts are made by signing in."
        )
    if len(users) > 1:
        raise click.ClickException(f"{len(users)} accounts have the e-mail address {email}.")
    return users[0]


@admin.command("grant-tokens")
@click.argument("email")
@click.argument("amount", type=click.IntRange(1, 1_000_000))
@click.option(
    "--key", default=lambda: str(ULID()), help="Idempotency key: the same key grants only once."
)
def grant_tokens(email: str, amount: int, key: str) -> None:
    """Give tokens to an account."""
    with unit_of_work() as session:
        owner = find_user(session, email)
        ledger.grant(session, owner.id, amount, key)
        balance = ledger.balances(session, owner.id).spendable
    click.echo(f"{email} has {balance} tokens now.")


@admin.command("grant-credits")
@click.argument("account")
@click.argument("amount", type=click.IntRange(1, 1_000_000))
@click.option(
    "--key", default=lambda: str(ULID()), help="Idempotency key: the same key grants only once."
)
def grant_credits(account: str, amount: int, key: str) -> None:
    """Give credits for Sets to ACCOUNT.

    ACCOUNT is an id such as u_7Kq2…, or the e-mail address of a user.
    """
    try:
        with unit_of_work() as session:
            owner = _sets_account(session, account)
            balance = sets_credits.grant(session, owner.id, amount, key=key)
    except IntegrityError:
        raise click.ClickException(f"Credits were already granted with the key {key}.") from None
    click.echo(f"{owner.public_id} has {balance} credits now.")


def _sets_account(session: Session, name: str) -> SetsAccount:
    if "@" in name:
        return sets_accounts.of_user(session, find_user(session, name))
    account = sets_accounts.find(session, name)
    if account is None:
        raise click.ClickException(f"There is no Sets account {name}.")
    if account.adopted_by_id is not None:
        raise click.ClickException(f"The account {name} was adopted by a user.")
    return account


@user.command("make-admin")
@click.argument("email")
def make_admin(email: str) -> None:
    """Give an account the role admin."""
    with unit_of_work() as session:
        find_user(session, email).role = Role.ADMIN
    click.echo(f"{email} is an admin now.")
