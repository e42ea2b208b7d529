"""The one file of figures that every bench of the engine adds its own to."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path("var/bench/engine.json")


def record(figures: Mapping[str, Any]) -> Path:
    """Write figures beside those that other benches measured, in place of older ones."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(known | dict(figures), indent=2) + "\n", encoding="utf-8")
    return FILE
