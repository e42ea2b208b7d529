"""The plane of a floor or a wall, estimated from the straight edges of its photo.

The room's three directions come from all edges (see `frames`). A floor or a wall lies along two of
them: those along which the edges in it and at its border run. A region that crosses the horizon of
a plane cannot lie in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Levels, Mask
from gpu.rules.frames import AGREES, Frame, find_frame
from gpu.rules.lines import Numbers, Segments, find_segments
from gpu.rules.texture import Face
from gpu.rules.views import View
from gpu.rules.walls import ACROSS, ALONG, DOWN, Walls, find_walls, level_angles

LEAST_CONFIDENCE = 0.5
"""Below this, a swatch is laid flat."""

_WORK_SIDE = 320  # pixels: the longer side of the mask while planes are compared
_NEAR = 0.015  # of the longer side: how far an edge may lie outside the region it borders
_SAMPLES = np.array([-0.35, 0.0, 0.35])  # places along an edge, in its length
_MOST_SAMPLES = 2  # of them must lie near a region
_ROOM = (0.4, 0.7)  # of all edges' length, that agrees with the room
_LENGTH = (0.15, 0.6)  # of the longer side: what the region's edges are long together
_IN_PLANE = (0.6, 0.85)  # of that length, along the plane
_LEAD = (0.0, 0.2)  # of that length, more than along the next plane
_REACH, _FAVOUR = 0.3, 0.2  # of the photo's width; of the length of the region's edges


@dataclass(frozen=True)
class Estimate:
    """The faces of a region, from left to right, and how sure they are, 0–1.

    Widths and heights are in one unknown unit: shares can be laid in it, but no metres.
    """

    faces: tuple[Face, ...]
    confidence: float


class PhotoPlanes:
    """The room of one photo, sRGB levels (H, W, 3), found once for all regions in it."""

    def __init__(self, levels: Levels) -> None:
        self._width, self._height = levels.shape[1], levels.shape[0]
        self._segments = find_segments(levels)
        self.frame = find_frame(self._segments)

    def estimate(self, region: Mask) -> Estimate | None:
        """The likeliest planes of a region (H, W); None where nothing can be said."""
        frame = self.frame
        if frame is None or not region.any():
            return None
        rays = self._rays(region, frame.focal_length)
        near = self._segments[self._are_near(region)]
        agrees = frame.misses(self._segments).min(axis=0) < AGREES
        room = float(self._segments.lengths @ agrees) / float(self._segments.lengths.sum())
        sure = _ramp(room, _ROOM) * _ramp(float(near.lengths.sum()), _LENGTH)
        if View.of(frame, DOWN, rays) is None:
            walls = find_walls(frame, near, rays)
            if walls is not None and walls.corners:
                faces = self._meeting(frame, walls, rays)
                share = _ramp(walls.share, _IN_PLANE)
                return Estimate(faces, sure * share) if faces else None
        return self._single(frame, rays, near, sure, _favour(region))

    def sure_faces(self, region: Mask) -> tuple[Face, ...]:
        """The faces of a region (H, W) where they are sure enough to lay a swatch on, else none."""
        estimate = self.estimate(region)
        is_sure = estimate is not None and estimate.confidence >= LEAST_CONFIDENCE
        return estimate.faces if estimate is not None and is_sure else ()

    def _single(
        self, frame: Frame, rays: Numbers, near: Segments, sure: float, favour: float
    ) -> Estimate | None:
        """The one plane along which most edges near the region run.

        `favour` is what a level plane counts more.
        """
        views = [View.of(frame, normal, rays) for normal in (ACROSS, DOWN, ALONG)]
        shares = [
            0.0 if view is None else _share_in_plane(frame, normal, near)
            for normal, view in enumerate(views)
        ]
        ranks = np.array(shares)
        ranks[DOWN] += favour if views[DOWN] is not None else 0
        order = np.argsort(ranks)
        view = views[order[-1]]
        rectangle = None if view is None else view.rectangle()
        if rectangle is None:
            return None
        lead = float(ranks[order[-1]] - ranks[order[-2]])
        sure *= _ramp(shares[order[-1]], _IN_PLANE) * _ramp(lead, _LEAD)
        return Estimate((Face(rectangle.plane(self._width, self._height)),), sure)

    def _meeting(self, frame: Frame, walls: Walls, rays: Numbers) -> tuple[Face, ...]:
        """The walls as faces of one unit, around whose corners the material goes.

        None of them where one cannot be measured.
        """
        views = _views_of(frame, walls, rays)
        if views is None:
            return ()
        faces = list[Face]()
        distance, start = 1.0, 0.0
        corners = [_level_ray(frame, angle) for angle in walls.corners]
        for index, view in enumerate(views):
            if index:  # both walls are equally far away where they meet, and so is the material
                corner = corners[index - 1]
                start += distance * views[index - 1].place(corner)
                distance *= views[index - 1].reach(corner) / view.reach(corner)
                start -= distance * view.place(corner)
            rectangle = view.rectangle()
            if rectangle is None:
                return ()
            faces.append(
                Face(
                    rectangle.plane(self._width, self._height, distance),
                    (
                        start + distance * float(rectangle.low[0]),
                        distance * float(rectangle.low[1]),
                    ),
                    self._border(frame, corners[index]) if index < len(corners) else None,
                )
            )
        return tuple(faces)

    def _border(self, frame: Frame, corner: Numbers) -> tuple[float, float, float]:
        """The upright line of the photo through a level ray, greater than 0 to its right."""
        normal = np.cross(frame.axes[DOWN], corner)
        normal = normal if normal[0] > 0 else -normal
        side = max(self._width, self._height)
        # shares of the photo to rays: x = (share - 1/2) width / side, and so on
        a, b = normal[0] * self._width / side, normal[1] * self._height / side
        return float(a), float(b), float(normal[2] * frame.focal_length - (a + b) / 2)

    def _rays(self, region: Mask, focal_length: float) -> Numbers:
        """The directions, unit vectors (N, 3), in which the camera sees a region."""
        side = max(self._width, self._height)
        step = max(1, -(-side // _WORK_SIDE))
        rows, columns = np.nonzero(region[::step, ::step])
        x = (columns * step + 0.5 - self._width / 2) / side
        y = (rows * step + 0.5 - self._height / 2) / side
        rays = np.stack([x, y, np.full(len(x), focal_length)], axis=1)
        return rays / np.linalg.norm(rays, axis=1, keepdims=True)

    def _are_near(self, region: Mask) -> NDArray[np.bool_]:
        """Which segments lie in a region or at its border."""
        side = max(self._width, self._height)
        step = max(1, -(-side // _WORK_SIDE))
        small = region[::step, ::step]
        reach = 2 * max(1, round(_NEAR * side / step)) + 1
        wide = ndimage.maximum_filter(small.view(np.uint8), reach)
        segments = self._segments
        along = _SAMPLES[:, None, None] * segments.lengths[:, None] * segments.directions
        places = (segments.middles + along) * side
        columns = ((places[..., 0] + self._width / 2) / step).astype(int)
        rows = ((places[..., 1] + self._height / 2) / step).astype(int)
        hits = wide[rows.clip(0, small.shape[0] - 1), columns.clip(0, small.shape[1] - 1)]
        near: NDArray[np.bool_] = hits.sum(axis=0) >= _MOST_SAMPLES
        return near


def _views_of(frame: Frame, walls: Walls, rays: Numbers) -> list[View] | None:
    """Each wall's part of a region seen in `rays`; None where one cannot be its wall."""
    angles = level_angles(frame, rays)
    bounds = [-np.pi, *walls.corners, np.pi]
    views = []
    for index, normal in enumerate(walls.normals):
        own = rays[(angles >= bounds[index]) & (angles < bounds[index + 1])]
        view = View.of(frame, normal, own) if len(own) else None
        if view is None:
            return None
        views.append(view)
    return views


def _level_ray(frame: Frame, angle: float) -> Numbers:
    ray: Numbers = np.sin(angle) * frame.axes[ACROSS] + np.cos(angle) * frame.axes[ALONG]
    return ray


def _favour(region: Mask) -> float:
    """How much more a level plane counts: a floor reaches the lower edge of a photo.

    So does a ceiling the upper one. Edges alone cannot tell a floor from a wall where nothing but
    the line between them is seen.
    """
    width = region.shape[1]
    reaches = max(int(region[0].sum()), int(region[-1].sum())) >= _REACH * width
    return _FAVOUR if reaches else 0.0


def _share_in_plane(frame: Frame, normal: int, near: Segments) -> float:
    """The share of a region's edges that run along a plane."""
    total = float(near.lengths.sum())
    if total <= 0:
        return 0.0
    misses = np.delete(frame.misses(near), normal, axis=0).min(axis=0)
    return float(near.lengths @ (misses < AGREES)) / total


def _ramp(value: float, span: tuple[float, float]) -> float:
    """0 below a span, 1 above it."""
    return float(np.clip((value - span[0]) / (span[1] - span[0]), 0, 1))
