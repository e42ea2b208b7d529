"""Tasks of the CPU pools: short database work around slow work without a session."""

from tasks.on_cpu import (
    deliver_generation,
    housekeeping,
    publish_style,
    refund,
    stamp_signature,
    validate_uploads,
)

__all__ = [
    "deliver_generation",
    "housekeeping",
    "publish_style",
    "refund",
    "stamp_signature",
    "validate_uploads",
]
