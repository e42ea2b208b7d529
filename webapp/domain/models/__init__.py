"""Every model, imported once so that metadata and migrations see all tables."""

from webapp.domain.models import (
    account,
    audit,
    base_model,
    checkpoint,
    comment,
    follow,
    generation,
    heartbeat,
    idempotency,
    job,
    ledger,
    license,  # noqa: A004 - the noun of the field
    like,
    notification,
    payment,
    report,
    style,
    training,
)

__all__ = [
    "account",
    "audit",
    "base_model",
    "checkpoint",
    "comment",
    "follow",
    "generation",
    "heartbeat",
    "idempotency",
    "job",
    "ledger",
    "license",
    "like",
    "notification",
    "payment",
    "report",
    "style",
    "training",
]
