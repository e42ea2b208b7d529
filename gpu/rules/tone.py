"""Shift the tone of a region in OKLab, or match it to another photo (Reinhard et al. 2001)."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gpu.rules.colour import ColourMap, Light, Statistics, from_oklab, to_oklab

_WARMTH = np.array([0.006, 0.022], np.float32)  # along a and b of OKLab, at full lightness
_LEAST_SPREAD = 1e-4
_SPREAD_LIMITS = (0.6, 1.6)


class ToneChange(StrEnum):
    """Kinds of tone changes."""

    WARMER = "warmer"
    COOLER = "cooler"
    BRIGHTER = "brighter"
    DARKER = "darker"
    MORE_CONTRAST = "contrast+"
    LESS_CONTRAST = "contrast-"
    MORE_SATURATION = "saturation+"
    LESS_SATURATION = "saturation-"


@dataclass(frozen=True)
class Tone:
    """A change of tone; `amount` is 0–2: 0 changes nothing, 1 is the default step."""

    change: ToneChange
    amount: float = 1.0


@dataclass(frozen=True)
class Match:
    """Match mean and standard deviation of the reference photo with this index.

    `amount` is 0–1: 0 changes nothing, 1 matches completely.
    """

    reference: int
    amount: float = 1.0


@dataclass(frozen=True)
class _Step:
    """The effect of a change with amount 1."""

    warmth: float = 0.0
    exponent: float = 1.0  # of the lightness
    contrast: float = 0.0
    saturation: float = 0.0


_STEPS = {
    ToneChange.WARMER: _Step(warmth=1),
    ToneChange.COOLER: _Step(warmth=-1),
    ToneChange.BRIGHTER: _Step(exponent=0.82),
    ToneChange.DARKER: _Step(exponent=1.22),
    ToneChange.MORE_CONTRAST: _Step(contrast=0.2),
    ToneChange.LESS_CONTRAST: _Step(contrast=-0.2),
    ToneChange.MORE_SATURATION: _Step(saturation=0.25),
    ToneChange.LESS_SATURATION: _Step(saturation=-0.25),
}


def tone_map(rule: Tone, region: Statistics) -> ColourMap:
    """The colour map of a change of tone; contrast is relative to the region's mean lightness."""
    step, amount, middle = _STEPS[rule.change], rule.amount, float(region.lab_mean[0])

    def shifted(light: Light) -> Light:
        lab = to_oklab(np.maximum(light, 0))
        lightness, hue = np.maximum(lab[..., :1], 0), lab[..., 1:]
        hue = hue * (1 + step.saturation * amount) + step.warmth * amount * _WARMTH * lightness
        lightness = middle + (lightness - middle) * (1 + step.contrast * amount)
        lightness = np.maximum(lightness, 0) ** (step.exponent**amount)
        return from_oklab(np.concatenate([lightness, hue], axis=-1).astype(np.float32))

    return shifted


def match_map(rule: Match, region: Statistics, reference: Statistics) -> ColourMap:
    """The colour map that matches mean and deviation of a reference for each axis of OKLab.

    Deviations change by a factor of 0.6–1.6, so that noise of a flat wall is not amplified.
    """
    spread = np.clip(
        reference.lab_deviation / np.maximum(region.lab_deviation, _LEAST_SPREAD), *_SPREAD_LIMITS
    ).astype(np.float32)
    before, after = region.lab_mean, reference.lab_mean

    def matched(light: Light) -> Light:
        lab = to_oklab(np.maximum(light, 0))
        moved = (lab - before) * spread + after
        return from_oklab((lab + rule.amount * (moved - lab)).astype(np.float32))

    return matched
