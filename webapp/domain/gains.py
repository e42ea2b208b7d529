"""How much of a style was learned, as measured by a worker, and the meaning of the numbers."""

from dataclasses import dataclass
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class LearnedAspects:
    """How well each aspect of a style is learned."""

    palette: Learned
    texture: Learned
    edges: Learned


@dataclass(frozen=True, slots=True)
class LearnedGain:
    """A measured gain, rounded, with its meaning; `is_low` if the artist should check."""

    palette: float
    texture: float
    edges: float
    learned: LearnedAspects
    is_low: bool


def learned(gain: MeasuredGain) -> LearnedGain:
    """Return a measured gain with a level for each number."""
    levels = (_share(gain.palette), _share(gain.texture), _edges(gain.edges))
    return LearnedGain(
        palette=round(gain.palette, 3),
        texture=round(gain.texture, 3),
        edges=round(gain.edges, 3),
        learned=LearnedAspects(*levels),
        is_low=Learned.HARDLY in levels or gain.edges > 1 / LOW,
    )


def _share(value: float) -> Learned:
    if value >= WELL:
        return Learned.WELL
    return Learned.PARTLY if value >= LOW else Learned.HARDLY


def _edges(energy: float) -> Learned:
    return Learned.OVERDONE if energy > 1 / WELL else _share(energy)
