"""How much of a style was learned, as measured by a worker, and the meaning of the numbers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Shares of the distance to the artworks: at least WELL is learned well, less than LOW hardly.
WELL, LOW = 0.7, 0.4


@dataclass(frozen=True)
class MeasuredGain:
    """How much of a style was learned, as a worker measured it at one checkpoint.

    `palette` and `texture` are shares of the distance from the base model's images to the artworks;
    `edges` is the high-frequency energy as a share of that of the artworks, 1 is equal.
    """

    palette: float
    texture: float
    edges: float


class Learned(StrEnum):
    """How well one aspect of a style is learned; only edges can be stronger than the artworks'."""

    WELL = "well"
    PARTLY = "partly"
    HARDLY = "hardly"
    OVERDONE = "overdone"


def learned(gain: MeasuredGain) -> dict[str, Any]:
    """Return a measured gain with a level for each number; `is_low` if the artist should check."""
    levels = {
        "palette": _share(gain.palette),
        "texture": _share(gain.texture),
        "edges": _edges(gain.edges),
    }
    is_low = Learned.HARDLY in levels.values() or gain.edges > 1 / LOW
    return {
        "palette": round(gain.palette, 3),
        "texture": round(gain.texture, 3),
        "edges": round(gain.edges, 3),
        "learned": levels,
        "is_low": is_low,
    }


def _share(value: float) -> Learned:
    if value >= WELL:
        return Learned.WELL
    return Learned.PARTLY if value >= LOW else Learned.HARDLY


def _edges(energy: float) -> Learned:
    return Learned.OVERDONE if energy > 1 / WELL else _share(energy)
