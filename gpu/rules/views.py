"""A region of a photo seen in a plane of its room, and the rectangle of it that can be measured."""

from dataclasses import dataclass

import numpy as np

from gpu.rules.frames import Frame
from gpu.rules.lines import Numbers
from gpu.rules.texture import Plane
from gpu.rules.walls import ACROSS, ALONG, DOWN

_HORIZON = 0.03  # sine of the angle to the plane: flatter, nothing of it is measured
_BEYOND = 0.01  # of the region may lie beyond the horizon: masks are not exact
_OUTER = 0.02  # of the region's pixels on each side, left out of its extent
_SHRINK, _SHRINKS = 0.9, 30
_DEPTH = 0.15  # of the depth of the region's middle, that each corner must have


@dataclass(frozen=True)
class View:
    """A region seen in a plane: its extent along two axes of the room.

    The plane lies at distance 1 along `normal`; `across` and `down` are unit vectors in it, to the
    right and downwards in the photo. `low` and `high` are the region's extent along both.
    """

    normal: Numbers
    across: Numbers
    down: Numbers
    low: Numbers
    high: Numbers
    focal_length: float

    @classmethod
    def of(cls, frame: Frame, normal: int, rays: Numbers) -> "View | None":
        """None for a plane in which the region cannot lie."""
        towards = frame.axes[normal]
        sines = rays @ towards
        if np.median(sines) < 0:
            towards, sines = -towards, -sines
        if (sines < 0).mean() > _BEYOND:
            return None
        seen = sines > _HORIZON
        if not seen.any():
            return None
        points = rays[seen] / sines[seen, None]
        # what is upright hangs down; what lies flat runs across and towards the camera
        first, second = {ACROSS: (ALONG, DOWN), DOWN: (ACROSS, ALONG), ALONG: (ACROSS, DOWN)}[
            normal
        ]
        middle = np.median(points, axis=0)
        across = _pointing(frame.axes[first], middle, 0)
        down = _pointing(frame.axes[second], middle, 1)
        places = points @ np.stack([across, down], axis=1)
        low, high = np.quantile(places, (_OUTER, 1 - _OUTER), axis=0)
        if (high - low).min() <= 0:
            return None
        return cls(towards, across, down, low, high, frame.focal_length)

    def reach(self, ray: Numbers) -> float:
        """How far away the plane is along a ray."""
        return 1 / float(ray @ self.normal)

    def place(self, ray: Numbers) -> float:
        """Where across the plane a ray meets it."""
        return self.reach(ray) * float(ray @ self.across)

    def rectangle(self) -> "Rectangle | None":
        """The extent, but for what no photo can show; None where nothing is left."""
        low, high = self.low.copy(), self.high.copy()
        # What is beside or behind the camera is no point of the photo: draw the near side back.
        deep = np.array([self.across[2], self.down[2]])
        axis = int(np.abs(deep).argmax())
        for _ in range(_SHRINKS):
            places = np.array(
                [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
            )
            corners = self.normal + places @ np.stack([self.across, self.down])
            if corners[:, 2].min() > _DEPTH * np.median(corners[:, 2]) > 0:
                return Rectangle(low, high, self.focal_length * corners[:, :2] / corners[:, 2:])
            if deep[axis] > 0:
                low[axis] = high[axis] - _SHRINK * (high[axis] - low[axis])
            else:
                high[axis] = low[axis] + _SHRINK * (high[axis] - low[axis])
        return None


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of a view, from `low` to `high`, and its corners (4, 2) as `Segments` count.

    The corners are top left, top right, bottom right and bottom left.
    """

    low: Numbers
    high: Numbers
    corners: Numbers

    def plane(self, width: int, height: int, distance: float = 1.0) -> Plane:
        """The rectangle in a photo of this size, on a plane at a distance."""
        shares = self.corners * max(width, height) / (width, height) + 0.5
        first, second, third, fourth = ((float(x), float(y)) for x, y in shares)
        size = distance * (self.high - self.low)
        return Plane((first, second, third, fourth), float(size[0]), float(size[1]))


def _pointing(axis: Numbers, point: Numbers, coordinate: int) -> Numbers:
    """An axis or its opposite, so that x (0) or y (1) in the photo grows from a point along it."""
    change = axis[coordinate] * point[2] - axis[2] * point[coordinate]
    return axis if change >= 0 else -axis
