"""How a camera stands to the walls of a room, from the straight edges of its photo.

Most edges of a room run along three directions at right angles (Coughlan and Yuille 1999): one of
them up, because photos are upright. Edges of one direction meet in one point of the picture.
"""

from dataclasses import dataclass

import numpy as np

from gpu.rules.lines import Numbers, Segments

AGREES = np.deg2rad(1.5)
"""By how much an edge may miss the vanishing point of its direction."""

_USUAL_FOCAL = 0.72  # of the longer side: the main lens of a telephone
_FOCALS = np.geomspace(0.45, 1.3, 9)
_FOCAL_SPREAD = 0.5  # of its logarithm, around what is usual
_FOCAL_WEIGHT = 0.03  # of all edges' length
_TURNS = np.deg2rad(np.arange(-45.0, 45.0, 1.5))
_TILTS = np.deg2rad([-20.0, -14.0, -9.0, -5.0, -2.5, 0.0, 2.5, 5.0, 9.0, 14.0, 20.0])
_COARSE, _FINE = 3.0, 1.0  # times the precision of an edge, by which it may miss its point
_LEAST_MISS = np.deg2rad(0.2)
_END_MISS = 1 / 800  # of the longer side: how precisely the ends of an edge are known
_MOST_EDGES = 250  # the longest: more take time and say little
_STEPS = (0.02, 0.007, 0.002, 0.0007)  # radians, or shares of the focal length
_ROUNDS = 6  # of each step at most


@dataclass(frozen=True)
class Frame:
    """A camera and the three directions of a room.

    `axes` (3, 3) are rows of unit vectors across, down and along the room, x to the right of the
    camera, y down and z ahead; `focal_length` is a multiple of the photo's longer side.
    """

    axes: Numbers
    focal_length: float

    def vanishing_points(self) -> Numbers:
        """Where edges along each axis meet, homogeneous (3, 3), counted as `Segments` are."""
        return self.axes * (self.focal_length, self.focal_length, 1)

    def misses(self, segments: Segments) -> Numbers:
        """The angles, (3, N) radians, by which segments miss the three vanishing points."""
        return _misses(segments, self.vanishing_points())


def find_frame(segments: Segments) -> Frame | None:
    """The frame that most of the edges' length agrees with; None without edges."""
    if not len(segments):
        return None
    least = np.sort(segments.lengths)[-_MOST_EDGES:][0]
    segments = segments[segments.lengths >= least]
    settings = []
    for focal in _FOCALS:  # each lens has a hill of its own
        starts = [np.array([np.log(focal), tilt, 0.0, turn]) for tilt in _TILTS for turn in _TURNS]
        setting = max(starts, key=lambda start: _score(start, segments, _COARSE))
        for width in (_COARSE, _FINE):
            setting = _refined(setting, segments, width)
        settings.append(setting)
    return _frame(max(settings, key=lambda setting: _score(setting, segments, _FINE)))


def _frame(setting: Numbers) -> Frame:
    """The frame of logarithm of the focal length, tilt, roll and turn (radians)."""
    focal, tilt, roll, turn = setting
    (ct, cr, cy), (st, sr, sy) = np.cos((tilt, roll, turn)), np.sin((tilt, roll, turn))
    turned = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    tilted = np.array([[1, 0, 0], [0, ct, -st], [0, st, ct]])
    rolled = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return Frame((rolled @ tilted @ turned).T, float(np.exp(focal)))


def _misses(segments: Segments, points: Numbers) -> Numbers:
    """Angles (K, N) between segments and the lines from their middles to homogeneous points."""
    x, y = segments.middles.T
    towards_x = points[:, 0, None] - points[:, 2, None] * x
    towards_y = points[:, 1, None] - points[:, 2, None] * y
    across = towards_x * segments.directions[:, 1] - towards_y * segments.directions[:, 0]
    length = np.hypot(towards_x, towards_y)
    return np.arcsin(np.clip(np.abs(across) / np.maximum(length, 1e-9), 0, 1))


def _score(setting: Numbers, segments: Segments, width: float) -> float:
    """The share of the edges' length that agrees with a frame, less for unusual lenses."""
    misses = _frame(setting).misses(segments).min(axis=0)
    precision = np.hypot(_LEAST_MISS, _END_MISS / segments.lengths)
    agrees = np.exp(-((misses / (width * precision)) ** 2))
    share = float(agrees @ segments.lengths) / float(segments.lengths.sum())
    strange = (setting[0] - np.log(_USUAL_FOCAL)) / _FOCAL_SPREAD
    return share - _FOCAL_WEIGHT * float(strange) ** 2


def _refined(setting: Numbers, segments: Segments, width: float) -> Numbers:
    """Go uphill, one number at a time, by ever smaller steps."""
    best, most = setting, _score(setting, segments, width)
    for step in _STEPS:
        for _ in range(_ROUNDS):
            before = most
            for place in range(len(setting)):
                for change in (-step, step):
                    tried = best.copy()
                    tried[place] += change
                    score = _score(tried, segments, width)
                    if score > most:
                        best, most = tried, score
            if most == before:
                break
    return best
