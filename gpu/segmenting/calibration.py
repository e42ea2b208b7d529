"""Convert evidence to confidence."""

import math


def rising(value: float, scale: float) -> float:
    """Logistic function of `value / scale`: 0.5 at 0."""
    return 1 / (1 + math.exp(-min(60.0, max(-60.0, value / scale))))
