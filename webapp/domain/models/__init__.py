"""Every model, imported once so that metadata and migrations see all tables."""

from webapp.domain.models import (
    account,
    generation,
    idempotency,
    job,
    ledger,
    license,  # noqa: A004 - the noun of the field
    like,
    notification,
    style,
    training,
)

__all__ = [
    "account",
    "generation",
    "idempotency",
    "job",
    "ledger",
    "license",
    "like",
    "notification",
    "style",
    "training",
]
