"""Unique usernames and artist names: none looks like that of another user, or of the site."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import names
from webapp.domain.models.account import TakenName

DELETED = "deleted:"  # begins what replaces a name; a colon is not allowed in those people choose


def claim(session: Session, user_id: int, *new_names: str) -> bool:
    """Claim all names of a user and release all others; False if a name is taken or reserved.

    Names of the same user may look alike. After False the caller must roll back.
    """
    if any(names.is_reserved(name) for name in new_names):
        return False
    keys = sorted({key for name in new_names for key in names.keys(name)})
    session.execute(
        delete(TakenName).where(TakenName.user_id == user_id, TakenName.key.not_in(keys))
    )
    # Sorted, so that two transactions that insert the same keys do not deadlock.
    session.execute(
        insert(TakenName)
        .values([{"key": key, "user_id": user_id} for key in keys])
        .on_conflict_do_nothing()
    )
    of_others = select(TakenName.key).where(TakenName.key.in_(keys), TakenName.user_id != user_id)
    return session.scalar(of_others.limit(1)) is None


def release(session: Session, user_id: int) -> None:
    """Release all names of a user whose account is deleted."""
    session.execute(delete(TakenName).where(TakenName.user_id == user_id))
