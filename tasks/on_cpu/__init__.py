"""Tasks of the CPU pools: short database work around slow work without a session."""

from tasks import exporter
from tasks.on_cpu import (
    apply_rules,
    check_photo,
    deliver_generation,
    export_set,
    finish_photo,
    heartbeats,
    housekeeping,
    ledger,
    publish_style,
    record_masks,
    refund,
    search_watermark,
    stamp_signature,
    validate_uploads,
)

__all__ = [
    "apply_rules",
    "check_photo",
    "deliver_generation",
    "export_set",
    "exporter",
    "finish_photo",
    "heartbeats",
    "housekeeping",
    "ledger",
    "publish_style",
    "record_masks",
    "refund",
    "search_watermark",
    "stamp_signature",
    "validate_uploads",
]
