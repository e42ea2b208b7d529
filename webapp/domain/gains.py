"""How much of a style was learned: what a worker measured, and what the numbers mean."""

from dataclasses import dataclass
from enum import StrEnum

# Shares of the way to the works: from the first on it is learned well, under the second hardly.
WELL, LOW = 0.7, 0.4


@dataclass(frozen=True)
class MeasuredGain:
    """How much of a style was learned, as a worker measured it at one checkpoint.

    `palette` and `texture` are shares of the way from the base model's pictures to the works;
    `edges` is the share of the works' high-frequency energy, 1 is equal.
    """

    palette: float
    texture: float
    edges: float


class Learned(StrEnum):
    """How well one side of a style is learned; only edges can be stronger than in the works."""

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
    """A measured gain, rounded, with its meaning; `is_low` is a warning to the artist."""

    palette: float
    texture: float
    edges: float
    learned: LearnedAspects
    is_low: bool


def learned(gain: MeasuredGain) -> LearnedGain:
    """Return a measured gain with its meaning."""
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
