"""Sealed periods in tests: time passes, and somebody with all rights changes what is sealed."""

from sqlalchemy import text

from webapp.domain.services import ledger_seals


def age(sessions, by):
    """Let all transfers be older."""
    tamper(sessions, "UPDATE transfers SET created_at = created_at - :by", by=by)


def seal_all(sessions):
    """Seal whatever may be sealed; return the seals."""
    seals = []
    while True:
        with sessions.begin() as session:
            seal = ledger_seals.seal_next(session)
        if seal is None:
            return seals
        seals.append(seal)


def tamper(sessions, *statements, **values):
    """Change rows of append-only tables, without their triggers."""
    with sessions.begin() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            session.execute(text(statement), values)
