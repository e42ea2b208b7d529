"""Which walls of a room a region shows, from left to right, and where they meet.

Walls are upright, so a direction that is level decides which wall the camera sees there. Level
edges say how it stands: along a wall they run to that wall's vanishing point. Upright edges say
where two walls may meet.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu.rules.frames import AGREES, Frame
from gpu.rules.lines import Numbers, Segments

ACROSS, DOWN, ALONG = range(3)
"""The axes of a `Frame`."""

_BINS = 360  # of the level directions that the camera sees, from left to right
_LEAST_TURN = 0.05  # sine of the angle by which a wall must turn its face to the camera
_CORNER = 0.05  # in the photo's longer side: edges that it takes to see a corner
_SEEN_CORNER = 0.9  # of it, less where an upright edge is seen
_UPRIGHT = 0.2  # of the longer side: an edge as long is sure
_IMPOSSIBLE = 1e6
_PULL = np.deg2rad(0.6)  # how far from a corner upright edges still say where it is
_LEAST_PULL = 0.02  # of the longer side
_ENDS = np.array([-0.5, 0.5])


@dataclass(frozen=True)
class Walls:
    """Walls from left to right.

    `normals` are the axes at right angles to them; `corners` the level directions, radians to the
    right of `ALONG`, at which each one meets the next. `share` of the edges' length agrees.
    """

    normals: tuple[int, ...]
    corners: tuple[float, ...]
    share: float


def level_angles(frame: Frame, rays: Numbers) -> Numbers:
    """The level directions (N,) of rays (N, 3), radians to the right of the axis `ALONG`."""
    return np.arctan2(rays @ frame.axes[ACROSS], rays @ frame.axes[ALONG])


def find_walls(frame: Frame, near: Segments, rays: Numbers) -> Walls | None:
    """The walls of a region seen in `rays`, from the edges near it; None without level edges."""
    angles = level_angles(frame, rays)
    low, high = float(angles.min()), float(angles.max())
    if high <= low or not len(near):
        return None
    bounds = np.linspace(low, high, _BINS + 1)
    bins = (bounds[1:] + bounds[:-1]) / 2
    close = frame.misses(near) < AGREES
    first, last = _spans(frame, near, bounds)
    # a wall whose normal lies along shows the edges that run across, and the other way round
    only_across = close[ACROSS] & ~close[ALONG] & ~close[DOWN]
    only_along = close[ALONG] & ~close[ACROSS] & ~close[DOWN]
    if not (only_across.any() or only_along.any()):
        return None
    against_across = _spread(near, only_across, first, last)
    against_along = _spread(near, only_along, first, last)
    against_across[np.abs(np.sin(bins)) < _LEAST_TURN] = _IMPOSSIBLE
    against_along[np.abs(np.cos(bins)) < _LEAST_TURN] = _IMPOSSIBLE
    middles = (first + last) // 2
    upright = np.bincount(middles[close[DOWN]], near.lengths[close[DOWN]], minlength=_BINS)
    normals = _cheapest(np.stack([against_across, against_along]), upright)
    changes = np.flatnonzero(np.diff(normals)) + 1
    corners = [_drawn_to(angle, frame, near[close[DOWN]]) for angle in bounds[changes].tolist()]
    labels = tuple(ACROSS if label == 0 else ALONG for label in normals[np.r_[0, changes]])
    fits = np.where(normals[middles] == 0, close[ALONG], close[ACROSS]) | close[DOWN]
    share = float(near.lengths @ fits / near.lengths.sum())
    return Walls(labels, tuple(corners), share)


def _spans(
    frame: Frame, near: Segments, bounds: Numbers
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first and the last bin that each edge crosses."""
    places = near.middles + _ENDS[:, None, None] * near.lengths[:, None] * near.directions
    rays = np.concatenate(
        [places, np.full((*places.shape[:2], 1), frame.focal_length)], axis=2
    ).reshape(-1, 3)
    crossed = np.searchsorted(bounds, level_angles(frame, rays)).reshape(2, -1) - 1
    crossed = crossed.clip(0, _BINS - 1)
    return crossed.min(axis=0), crossed.max(axis=0)


def _drawn_to(angle: float, frame: Frame, upright: Segments) -> float:
    """The level direction of a corner, drawn to the upright edges close to it.

    A corner often shows two, to the left and to the right of a dark crease.
    """
    rays = np.column_stack([upright.middles, np.full(len(upright), frame.focal_length)])
    away = level_angles(frame, rays) - angle
    weights = upright.lengths * np.exp(-((away / _PULL) ** 2))
    total = float(weights.sum())
    return angle + float(weights @ away) / total if total > _LEAST_PULL else angle


def _spread(
    near: Segments, chosen: NDArray[np.bool_], first: NDArray[np.intp], last: NDArray[np.intp]
) -> Numbers:
    """The length of chosen edges in each bin, (_BINS,)."""
    lengths = np.zeros(_BINS)
    for index in np.flatnonzero(chosen):
        span = slice(first[index], last[index] + 1)
        lengths[span] += near.lengths[index] / (last[index] + 1 - first[index])
    return lengths


def _cheapest(against: Numbers, upright: NDArray[Any]) -> NDArray[np.intp]:
    """Which of two labels each bin has, (_BINS,), where `against` (2, _BINS) is what each costs.

    A change of label costs too, less at upright edges. Found from left to right (Viterbi).
    """
    change = _CORNER * (1 - _SEEN_CORNER * np.minimum(upright / _UPRIGHT, 1))
    total = against[:, 0].copy()
    came = np.zeros((2, _BINS), np.intp)
    for place in range(1, _BINS):
        before = total.copy()
        for label in range(2):
            stay, switch = before[label], before[1 - label] + change[place]
            came[label, place] = label if stay <= switch else 1 - label
            total[label] = min(stay, switch) + against[label, place]
    labels = np.zeros(_BINS, np.intp)
    labels[-1] = int(total[1] < total[0])
    for place in range(_BINS - 1, 0, -1):
        labels[place - 1] = came[labels[place], place]
    return labels
