"""Exports of Sets."""

from sqlalchemy.orm import Session


def fail(session: Session, export_id: int, cause: str, message: str) -> None:
    """End."""
