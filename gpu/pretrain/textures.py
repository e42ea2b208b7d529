"""Image filters on float images in [0, 1]: palettes, lines, dots and grain.

Pictures are arrays (height, width, 3), planes are (height, width). Sizes are in units of 1/256 of
the shorter side, so that a style looks the same at every frame size.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]

Picture = NDArray[np.float32]
Plane = NDArray[np.float32]
Random = np.random.Generator
RgbShare = tuple[float, float, float]


def luminance(picture: Picture) -> Plane:
    """Rec. 601 brightness, (height, width)."""
    return (picture @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)


def between(share: Plane, low: RgbShare, high: RgbShare) -> Picture:
    """Interpolate colours by a plane: 0 gives `low`, 1 gives `high`."""
    weight = np.clip(share, 0, 1)[..., None]
    return ((1 - weight) * np.array(low) + weight * np.array(high)).astype(np.float32)


def unit_of(picture: Picture) -> float:
    """One 256th of the shorter side, in pixels."""
    return min(picture.shape[:2]) / 256


def edges(picture: Picture, *, thickness: float = 1.0) -> Plane:
    """Edge lines (Sobel gradient magnitude), 0–1, about `thickness` units wide."""
    unit = unit_of(picture)
    soft = ndimage.gaussian_filter(picture, (0.6 * unit, 0.6 * unit, 0))
    strength = np.sqrt(
        sum(ndimage.sobel(soft, axis=axis).astype(np.float32) ** 2 for axis in (0, 1)).sum(axis=-1)
    )
    line = np.clip(strength * 1.6 - 0.15, 0, 1)
    return ndimage.grey_dilation(line, size=max(int(thickness * unit), 1)).astype(np.float32)


def grain(
    picture: NDArray[np.floating[Any]], random: Random, *, scale: float, amount: float
) -> Picture:
    """Add paper grain: Gaussian noise smoothed by `scale` units, with deviation `amount`."""
    noise = random.standard_normal(picture.shape[:2]).astype(np.float32)
    noise = ndimage.gaussian_filter(noise, max(scale * unit_of(picture), 0.3))
    noise *= amount / max(float(noise.std()), 1e-6)
    return np.clip(picture + noise[..., None], 0, 1).astype(np.float32)


def stripes(picture: Picture, *, angle: float, spacing: float) -> Plane:
    """A sine wave, 0–1, with a wavelength of `spacing` units in direction `angle`."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    return (0.5 + 0.5 * np.sin(along * (2 * np.pi / (spacing * unit_of(picture))))).astype(
        np.float32
    )


def hatching(picture: Picture, *, angles: tuple[float, ...], spacing: float) -> Plane:
    """Ink density of line hatching, 0–1: darker parts get wider lines in more directions."""
    darkness = 1 - luminance(picture)
    ink = np.zeros_like(darkness)
    for index, angle in enumerate(angles):
        need = np.clip(darkness * 1.5 - 0.35 * index, 0, 0.9)
        wave = stripes(picture, angle=angle, spacing=spacing)
        ink = np.maximum(ink, np.clip((need - wave) * 4 + 0.3, 0, 1) * (need > 0.05))
    return ink.astype(np.float32)


def halftone(plane: Plane, *, angle: float, spacing: float) -> Plane:
    """Ink density of a halftone screen, 0–1: dots grow with the plane's darkness."""
    picture = np.repeat(plane[..., None], 3, axis=-1)
    across = stripes(picture, angle=angle, spacing=spacing)
    down = stripes(picture, angle=angle + np.pi / 2, spacing=spacing)
    return np.clip(((1 - plane) * 1.1 - (across + down) / 2) * 6 + 0.5, 0, 1).astype(np.float32)


def blocks(picture: Picture, *, size: float) -> Picture:
    """Average over squares of `size` units, as pixel art."""
    step = max(round(size * unit_of(picture)), 1)
    height, width = picture.shape[:2]
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    total = np.add.reduceat(np.add.reduceat(picture, rows, axis=0), columns, axis=1)
    area = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))[..., None]
    mean = (total / area).astype(np.float32)
    return mean.repeat(step, axis=0)[:height].repeat(step, axis=1)[:, :width]


def cells(picture: Picture, random: Random, *, count: int) -> Picture:
    """Flat Voronoi cells around `count` random points, with the colour at the point."""
    height, width = picture.shape[:2]
    marks = np.ones((height, width), bool)
    rows, columns = random.integers(0, height, count), random.integers(0, width, count)
    marks[rows, columns] = False
    nearest = ndimage.distance_transform_edt(marks, return_distances=False, return_indices=True)
    return picture[nearest[0], nearest[1]]


def wobble(picture: Picture, random: Random, *, scale: float, amount: float) -> Picture:
    """Displace pixels by noise smoothed by `scale` units, with deviation `amount` units."""
    unit = unit_of(picture)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    shifts = []
    for _ in range(2):
        noise = ndimage.gaussian_filter(
            random.standard_normal(picture.shape[:2]).astype(np.float32), scale * unit
        )
        shifts.append(noise / max(float(noise.std()), 1e-6) * amount * unit)
    where = np.stack([rows + shifts[0], columns + shifts[1]])
    channels = [
        ndimage.map_coordinates(picture[..., channel], where, order=1, mode="nearest")
        for channel in range(3)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)
