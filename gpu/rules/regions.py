"""The parts of a photo, and the pixels of a part that a rule may change."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.actions import Rule
from gpu.rules.background import Background, RemoveBackground
from gpu.rules.colour import Levels, Mask, measure, to_linear
from gpu.rules.reflection import Reflection

Box = tuple[slice, slice]

_NEIGHBOURS = np.ones((3, 3), np.bool_)
_TRUSTED = 0.5  # of `Reflection.trust`
_LEAST_SHADING = 0.3  # of the body: with less of it under a highlight, nothing of it can be seen
_MOST_REST = 0.2  # of a pixel's light, that neither body nor highlight explains


class Protection(StrEnum):
    """The protection of a part from the rules of other concepts.

    PIXELS: its pixels do not change. LIGHT: its highlight does not change, but the body under it.
    """

    NONE = "none"
    PIXELS = "pixels"
    LIGHT = "light"


@dataclass(frozen=True)
class Part:
    """An instance of a concept in one photo.

    `mask` is (H, W) of the upright photo. `rule` applies to this part. `protection` is against
    rules of other concepts; no rule changes a locked part.
    """

    concept: str
    mask: Mask
    rule: Rule | None = None
    protection: Protection = Protection.NONE
    is_locked: bool = False


@dataclass(frozen=True)
class Region:
    """The pixels of a part that its rule may change, and those of them whose highlight must stay.

    Both are (H, W) of the photo.
    """

    mask: Mask
    lit: Mask


def region_of(part: Part, rule: Rule, parts: Sequence[Part], levels: Levels) -> Region:
    """The region that the rule of one part may change; `levels` are the photo's, (H, W, 3).

    It is the part's mask, with the highlights on it that are protected as light, without locked
    parts and pixels that other concepts protect.
    """
    others = [one for one in parts if one.concept != part.concept]
    highlights = [one.mask for one in others if one.protection == Protection.LIGHT]
    solid = [one.mask for one in others if one.protection == Protection.PIXELS]
    solid += [one.mask for one in parts if one.is_locked]
    if isinstance(rule, Background | RemoveBackground):
        # A backdrop has no highlights: one inside its mask belongs to the object in front of it.
        solid, highlights = [*solid, *highlights], []
    mask, lit = part.mask.copy(), np.zeros_like(part.mask)
    for one in solid:
        mask &= ~one
    if highlights:
        every = np.logical_or.reduce([*highlights, lit])
        for one in solid:
            every &= ~one
        lit = every & (mask | _lying_on(mask, every, levels))
        mask |= lit
    return Region(mask, lit)


def _lying_on(region: Mask, highlights: Mask, levels: Levels) -> Mask:
    """Highlights that touch a region and are on its body.

    Under a highlight, the hue of a coloured body is visible; for a grey one, the nearest pixels
    without a highlight decide.
    """
    visible = np.zeros_like(region)
    body = region & ~highlights
    if not body.any():
        return visible
    reflection = Reflection.of(measure(levels, body))
    spots, _ = ndimage.label(highlights, _NEIGHBOURS)
    for spot in ndimage.find_objects(spots):
        box = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in spot)
        inside = highlights[box]
        if not (ndimage.binary_dilation(inside, _NEIGHBOURS) & body[box]).any():
            continue
        if reflection.trust >= _TRUSTED:
            shown = _shows(reflection, levels[box])
        else:
            row, column = ndimage.distance_transform_edt(
                inside, return_distances=False, return_indices=True
            )
            shown = region[box][row, column]
        visible[box] |= inside & shown
    return visible


def _shows(reflection: Reflection, levels: Levels) -> Mask:
    """Pixels (H, W) that are this body under a highlight, as are most of their neighbours."""
    light = to_linear(levels)
    shading, _, rest = reflection.split(light)
    is_alike = np.linalg.norm(rest, axis=-1) < _MOST_REST * np.linalg.norm(light, axis=-1)
    votes = ndimage.uniform_filter((is_alike & (shading > _LEAST_SHADING)).astype(np.float32), 3)
    shown: Mask = votes > 0.5  # noqa: PLR2004 - a majority
    return shown


def box_of(mask: Mask, margin: int) -> Box:
    """The rows and columns of the true pixels of a mask, with a margin of `margin` pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )
