"""Usernames and artist names: nobody has one that looks like that of another, or of the site."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from webapp.domain import names
from webapp.domain.models.account import TakenName


def claim(session: Session, user_id: int, *chosen: str) -> bool:
    """Take all names of a person, who gives up every other; False when one is not to be had.

    Names of one person may look alike. After False the caller must undo what it wrote.
    """
    if any(names.is_reserved(name) for name in chosen):
        return False
    wanted = sorted({key for name in chosen for key in names.keys(name)})
    session.execute(
        delete(TakenName).where(TakenName.user_id == user_id, TakenName.key.not_in(wanted))
    )
    # Sorted, so that two people who want the same names never wait for each other.
    session.execute(
        insert(TakenName)
        .values([{"key": key, "user_id": user_id} for key in wanted])
        .on_conflict_do_nothing()
    )
    foreign = select(TakenName.key).where(TakenName.key.in_(wanted), TakenName.user_id != user_id)
    return session.scalar(foreign.limit(1)) is None


def release(session: Session, user_id: int) -> None:
    """Free the names of somebody who has left."""
    session.execute(delete(TakenName).where(TakenName.user_id == user_id))
