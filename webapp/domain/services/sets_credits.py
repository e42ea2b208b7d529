"""Credits of Sets: one per photo, reserved when a job is created, then spent or returned, once.

An edit (`SetsEdit`) is one reserved credit. It ends as delivered or returned by a conditional
UPDATE, whose row count decides.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session

from webapp.domain.jobs import NOW
from webapp.domain.models.sets_account import CreditKind, SetsAccount, SetsCreditEntry
from webapp.domain.models.sets_job import SetsJob
from webapp.domain.models.sets_photo import SetsEdit, SetsPhoto
from webapp.domain.sets_errors import CreditsExhausted


def add_entry(
    session: Session,
    account_id: int,
    kind: CreditKind,
    amount: int,
    *,
    key: str,
    job_id: int | None = None,
    edit_id: int | None = None,
    purchase_id: int | None = None,
) -> int:
    """Change the credits of an account by `amount`, which may be negative; return the balance.

    The unique `key` prevents a second entry for the same reason. Raises CreditsExhausted if the
    balance is too low.
    """
    balance = session.execute(
        update(SetsAccount)
        .where(SetsAccount.id == account_id, SetsAccount.credits + amount >= 0)
        .values(credits=SetsAccount.credits + amount)
        .returning(SetsAccount.credits)
        .execution_options(synchronize_session="fetch")
    ).scalar_one_or_none()
    if balance is None:
        available = session.execute(
            select(SetsAccount.credits).where(SetsAccount.id == account_id)
        ).scalar_one()
        raise CreditsExhausted(required=-amount, available=available)
    session.execute(
        insert(SetsCreditEntry).values(
            account_id=account_id,
            kind=kind,
            amount=amount,
            job_id=job_id,
            edit_id=edit_id,
            purchase_id=purchase_id,
            idempotency_key=key,
            balance_after=balance,
        )
    )
    return balance


def reserve(session: Session, job: SetsJob, photos: Sequence[SetsPhoto], *, attempt: int) -> None:
    """Reserve one credit for each photo and insert its edit. Raises CreditsExhausted.

    `attempt` is 1 when the job is created. A retry has the next number, which must be higher than
    every attempt of these photos.
    """
    add_entry(
        session,
        job.account_id,
        CreditKind.RESERVE,
        -len(photos),
        key=f"reserve:{job.id}:{attempt}",
        job_id=job.id,
    )
    session.add_all(SetsEdit(photo_id=photo.id, attempt=attempt) for photo in photos)
    session.flush()


def deliver(session: Session, edit_id: int) -> bool:
    """Spend the reserved credit of an edit; False if the edit has already ended."""
    ended = session.execute(
        update(SetsEdit).where(*_open(edit_id)).values(delivered_at=NOW).returning(SetsEdit.id)
    ).first()
    return ended is not None


def return_credit(session: Session, edit_id: int) -> bool:
    """Return the credit of an edit to its account; False if the edit has already ended.

    If the account was adopted meanwhile, the credit moves on to the adopter as at adoption.
    """
    edit = session.execute(
        update(SetsEdit)
        .where(*_open(edit_id))
        .values(returned_at=NOW)
        .returning(SetsEdit.photo_id, SetsEdit.created_at)
    ).first()
    if edit is None:
        return False
    reserved = session.execute(
        select(SetsCreditEntry.job_id, SetsCreditEntry.account_id)
        .join(SetsPhoto, SetsPhoto.job_id == SetsCreditEntry.job_id)
        .where(
            SetsPhoto.id == edit.photo_id,
            SetsCreditEntry.kind == CreditKind.RESERVE,
            SetsCreditEntry.created_at <= edit.created_at,
        )
        .order_by(SetsCreditEntry.id.desc())
        .limit(1)
    ).one()
    add_entry(
        session,
        reserved.account_id,
        CreditKind.RETURN,
        1,
        key=f"return:{edit_id}",
        job_id=reserved.job_id,
        edit_id=edit_id,
    )
    adopter_id = session.scalar(
        select(SetsAccount.adopted_by_id).where(SetsAccount.id == reserved.account_id)
    )
    if adopter_id is not None:
        move_adopted(session, reserved.account_id, adopter_id, key=f"return:{edit_id}")
    return True


def move_adopted(session: Session, adopted_id: int, adopter_id: int, *, key: str) -> int:
    """Move granted and purchased credits from an account to its adopter; return how many.

    Welcome credits are not moved and expire: each person has them once. They count as spent first.
    `key` identifies the reason of the move.
    """
    balance, acquired, moved_before = session.execute(
        select(
            SetsAccount.credits,
            _sum_of(CreditKind.GRANT, CreditKind.PURCHASE, CreditKind.PURCHASE_REFUND),
            -_sum_of(CreditKind.ADOPTED),
        ).where(SetsAccount.id == adopted_id)
    ).one()
    amount = int(min(balance + moved_before, acquired) - moved_before)
    if amount <= 0:
        return 0
    add_entry(session, adopted_id, CreditKind.ADOPTED, -amount, key=f"adopted:{key}:out")
    add_entry(session, adopter_id, CreditKind.ADOPTED, amount, key=f"adopted:{key}:in")
    return amount


def grant(session: Session, account_id: int, amount: int, *, key: str) -> int:
    """Credit an account on behalf of an operator, once per key; return the balance."""
    return add_entry(session, account_id, CreditKind.GRANT, amount, key=f"grant:{key}")


def open_edit(session: Session, photo_id: int) -> SetsEdit | None:
    """Return the edit of a photo whose credit is still reserved."""
    return session.scalars(
        select(SetsEdit).where(
            SetsEdit.photo_id == photo_id,
            SetsEdit.delivered_at.is_(None),
            SetsEdit.returned_at.is_(None),
        )
    ).one_or_none()


def _open(edit_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        SetsEdit.id == edit_id,
        SetsEdit.delivered_at.is_(None),
        SetsEdit.returned_at.is_(None),
    )


def _sum_of(*kinds: CreditKind) -> ColumnElement[int]:
    """Return a subquery: the sum of the account's entries of these kinds."""
    return (
        select(func.coalesce(func.sum(SetsCreditEntry.amount), 0))
        .where(SetsCreditEntry.account_id == SetsAccount.id, SetsCreditEntry.kind.in_(kinds))
        .correlate(SetsAccount)
        .scalar_subquery()
    )
