"""Tasks of the CPU pools: short database work around slow work without a session."""

from tasks import exporter
from tasks.on_cpu import (
    deliver_generation,
    heartbeats,
    housekeeping,
    publish_style,
    refund,
    stamp_signature,
    validate_uploads,
)

__all__ = [
    "deliver_generation",
    "exporter",
    "heartbeats",
    "housekeeping",
    "publish_style",
    "refund",
    "stamp_signature",
    "validate_uploads",
]
