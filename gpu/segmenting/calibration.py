"""From measured evidence to confidence."""

import math


def rising(value: float, scale: float) -> float:
    """A logistic curve: 0 far below 0, a half at 0, 1 from a few times `scale` above."""
    return 1 / (1 + math.exp(-min(60.0, max(-60.0, value / scale))))
