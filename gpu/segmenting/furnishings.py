"""Classify objects on the surfaces of a room: windows, doors, cabinets, mouldings, lamps, tiles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Mask
from gpu.segmenting.masks import bounding_box
from gpu.segmenting.pieces import opened, pieces_of
from gpu.segmenting.rooms import Room

_WALLS, _CEILING = (0, 1, 4), 3  # of layouts.SURFACES
_MIN_AREA = 0.0015  # of the photo: the smallest named object
_ON_WALL = 0.85  # of an object: share on the wall of one that belongs to it
_MAX_FLOOR_DISTANCE = 0.045  # of the photo's height: a nearer object stands on the floor
_MIN_FILL = 0.55  # of the bounding box of a window
_DOOR = 0.6  # of the wall's height: a taller object on the floor is a door
_PANE = 7.0  # OKLab times 100: distance from the colour at an object's centre
_GLASS = 55.0  # minimum lightness of panes by day
_FRAME = 9  # pixels: maximum width of frames and bars
_PALE = 70.0  # minimum lightness of mouldings
_CORNICE = 10  # pixels along the ceiling's edge
_LAMP, _WHITE = 2.0, 98.5  # lightness above the ceiling's, and at least
_MAX_LAMP = 0.02  # of the photo
_HIGHLIGHT = 5.0  # lightness above the pane's
_JOINT, _NET, _CELL = 2.0, 0.03, 41  # lightness below the tile's; share of a cell; its pixels
_TILED = 0.6  # of the wall: cells with joints


@dataclass(frozen=True)
class Furnishings:
    """Masks of the objects in a room, on its reduced picture (H, W), the largest first."""

    windows: tuple[Mask, ...]
    doors: tuple[Mask, ...]
    cabinets: tuple[Mask, ...]
    mouldings: tuple[Mask, ...]
    lights: tuple[Mask, ...]
    highlights: tuple[Mask, ...]
    is_tiled: bool


def find_furnishings(room: Room) -> Furnishings:
    """Classify the objects of a room by position and shape."""
    on_wall = np.isin(room.surfaces, _WALLS)
    min_pixels = _MIN_AREA * on_wall.size
    windows, doors, cabinets = list[Mask](), list[Mask](), list[Mask]()
    floor_near = ndimage.binary_dilation(
        room.floor | (room.surfaces == 2),  # noqa: PLR2004 - the floor, furniture before it or not
        iterations=max(2, round(_MAX_FLOOR_DISTANCE * len(on_wall))),
    )
    for thing in pieces_of(
        ndimage.binary_closing(opened(room.things, _FRAME), iterations=3), min_pixels
    ):
        if on_wall[thing].mean() < _ON_WALL:
            continue  # furniture
        pane = _pane(room.lab, thing)
        _, _, width, height = bounding_box(pane)
        if pane.sum() < min_pixels:
            continue
        if not floor_near[pane].any():
            is_filled = pane.sum() > _MIN_FILL * width * height
            if is_filled and np.median(room.lab[pane][:, 0]) > _GLASS:
                windows.append(pane)
        elif _rise(room.surfaces, pane) > _DOOR:
            doors.append(pane)
        else:
            cabinets.append(pane)
    named = np.logical_or.reduce([np.zeros_like(on_wall), *windows, *doors, *cabinets])
    pale = (room.lab[..., 0] > _PALE) & room.things & on_wall & ~named
    thin = pale & ~opened(pale, 2 * _FRAME + 1)
    return Furnishings(
        tuple(windows),
        tuple(doors),
        tuple(cabinets),
        _joined(thin, min_pixels),
        _lights(room),
        _highlights(room.lab, windows),
        _is_tiled(room),
    )


def _pane(lab: NDArray[np.float32], thing: Mask) -> Mask:
    """An object without its frame: pixels of the colour of its centre, with filled holes."""
    depth = ndimage.distance_transform_edt(np.pad(thing, 1))[1:-1, 1:-1]
    core = thing & (depth >= 0.6 * depth.max())
    away = (lab - np.median(lab[core], axis=0)) * np.array([0.5, 1.5, 1.5], np.float32)
    alike = thing & (np.linalg.norm(away, axis=-1) < _PANE)
    closed = ndimage.binary_closing(np.pad(alike, _FRAME), iterations=_FRAME)
    filled = ndimage.binary_fill_holes(closed)[_FRAME:-_FRAME, _FRAME:-_FRAME]
    pane: Mask = opened(filled & thing, 5)
    return pane


def _rise(surfaces: NDArray[np.intp], thing: Mask) -> float:
    """The height of an object's top as a share of the wall's height behind it."""
    left, _, width, height = bounding_box(thing)
    column = np.flatnonzero(np.isin(surfaces[:, left + width // 2], _WALLS))
    return height / max(1, int(column[-1] - column[0]) + 1) if column.size else 0.0


def _joined(mask: Mask, min_pixels: float) -> tuple[Mask, ...]:
    """All components but the smallest as one mask, if there are any."""
    pieces = pieces_of(mask, min_pixels / 4)
    joined = np.logical_or.reduce([np.zeros_like(mask), *pieces])
    return (joined,) if joined.sum() > min_pixels else ()


def _lights(room: Room) -> tuple[Mask, ...]:
    ceiling = ndimage.binary_erosion(room.surfaces == _CEILING, iterations=_CORNICE, border_value=1)
    if not ceiling.any():
        return ()
    smooth = ndimage.gaussian_filter(room.lab[..., 0], 1.0)
    around = ndimage.median_filter(smooth[::4, ::4], 25)
    around = np.repeat(np.repeat(around, 4, axis=0), 4, axis=1)[: len(smooth), : smooth.shape[1]]
    highlights = pieces_of(ceiling & (smooth > np.maximum(around + _LAMP, _WHITE)), 12)
    return tuple(lamp for lamp in highlights if lamp.mean() < _MAX_LAMP and _is_filled(lamp))


def _is_filled(mask: Mask) -> bool:
    _, _, width, height = bounding_box(mask)
    return bool(mask.sum() > _MIN_FILL * width * height)


def _highlights(lab: NDArray[np.float32], windows: list[Mask]) -> tuple[Mask, ...]:
    highlights = list[Mask]()
    for window in windows:
        middle = float(np.median(lab[window][:, 0]))
        inner = ndimage.binary_erosion(window, iterations=2)
        highlights += pieces_of(opened(inner & (lab[..., 0] > middle + _HIGHLIGHT), 3), 12)
    return tuple(highlights)


def _is_tiled(room: Room) -> bool:
    """Whether a grid of darker joints covers the walls."""
    lightness = room.lab[..., 0]
    depth = ndimage.minimum_filter(ndimage.maximum_filter(lightness, 5), 5) - lightness
    wall = ndimage.binary_erosion(
        np.isin(room.surfaces, _WALLS) & ~opened(room.things, 7), iterations=6
    )
    share = ndimage.uniform_filter(((depth > _JOINT) & wall).astype(np.float32), _CELL)
    ground = ndimage.uniform_filter(wall.astype(np.float32), _CELL)
    return bool(wall.any() and (share > _NET * ground)[wall].mean() > _TILED)


def grout(grey: NDArray[np.float32], wall: Mask, width: int) -> Mask:
    """The darker joints, at most `width` pixels wide, of a tiled wall in levels (H, W)."""
    size = 2 * width + 1
    depth = ndimage.minimum_filter(ndimage.maximum_filter(grey, size), size) - grey
    deepest = ndimage.maximum_filter(depth, size)
    joints: Mask = wall & (depth > 0.5 * deepest) & (deepest > 6)  # noqa: PLR2004 - levels: grain
    return joints
