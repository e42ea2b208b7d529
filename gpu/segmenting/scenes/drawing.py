"""What drawn scenes are made of: a camera, noise, materials, and the finish of a photo.

Scenes are drawn in linear light, where shading multiplies a material's colour and a highlight is
added, as in a real photo. Nothing here knows a segmenter: masks are what was drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Light, Mask, to_levels, to_linear

Plane = NDArray[np.float32]
"""One number per pixel, (H, W)."""
Random = np.random.Generator
Material = Callable[[Plane, Plane], Light]
"""Colour, linear light (..., 3), at places in metres across (u) and along or up (v)."""

_NOISE_SIDE = 256


@dataclass(frozen=True)
class Scene:
    """A drawn photo, RGB, and the exact masks (H, W) of the instances of each concept.

    `camera` is that of a room, whose walls are parallel to the axes.
    """

    image: Image.Image
    masks: Mapping[str, tuple[Mask, ...]]
    camera: "Camera | None" = None

    def mask(self, concept: str) -> Mask:
        """All instances of a concept as one mask; false everywhere if there is none."""
        height, width = self.image.height, self.image.width
        return np.logical_or.reduce(
            [np.zeros((height, width), np.bool_), *self.masks.get(concept, ())]
        )


def colour(red: int, green: int, blue: int) -> Light:
    """Linear light, (3,), of sRGB levels 0–255."""
    return to_linear(np.array([red, green, blue], np.uint8))


class Noise:
    """Smooth noise of mean 0 and deviation 1 that can be read anywhere, with period 256 cells."""

    def __init__(self, random: Random, smoothness: float = 1.0) -> None:
        field = random.standard_normal((_NOISE_SIDE, _NOISE_SIDE)).astype(np.float32)
        smooth = ndimage.gaussian_filter(field, smoothness, mode="wrap")
        self._field = smooth / smooth.std()

    def __call__(self, u: NDArray[Any], v: NDArray[Any]) -> Plane:
        """The noise at places counted in cells."""
        return ndimage.map_coordinates(
            self._field, np.stack([v % _NOISE_SIDE, u % _NOISE_SIDE]), order=1, mode="grid-wrap"
        ).astype(np.float32)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in a room: x to the right, y up, z away; all in metres and radians.

    `focal_length` is a multiple of the photo's width.
    """

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    focal_length: float

    def rays(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """The direction that each pixel of a photo (width, height) looks in, (H, W, 3)."""
        width, height = size
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        scale = self.focal_length * width
        x = (columns + 0.5 - width / 2) / scale
        y = (height / 2 - rows - 0.5) / scale
        cosine, sine = np.cos(self.pitch), np.sin(self.pitch)
        up, ahead = y * cosine + sine, cosine - y * sine
        cosine, sine = np.cos(self.yaw), np.sin(self.yaw)
        rays = np.stack([x * cosine + ahead * sine, up, ahead * cosine - x * sine], axis=-1)
        return rays.astype(np.float32)


Bounds = tuple[tuple[float, float, float], tuple[float, float, float]]


def hit_box(
    rays: NDArray[np.float32], position: tuple[float, float, float], bounds: Bounds
) -> tuple[Plane, NDArray[np.intp]]:
    """Where rays enter a box from outside: distance along the ray, and the axis of the side.

    The distance is infinite where the box is missed.
    """
    origin = np.array(position, np.float32)
    safe = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    first, second = ((np.array(bound, np.float32) - origin) / safe for bound in bounds)
    near, far = np.minimum(first, second), np.maximum(first, second)
    axis = near.argmax(axis=-1)
    enters, leaves = near.max(axis=-1), far.min(axis=-1)
    is_hit = (enters < leaves) & (enters > 0)
    return np.where(is_hit, enters, np.inf).astype(np.float32), axis


# ── materials ────────────────────────────────────────────────────────────────────────────────────


def painted(random: Random, base: Light, unevenness: float = 0.015) -> Material:
    """An even coat of paint."""
    noise = Noise(random, 2.0)

    def material(u: Plane, v: Plane) -> Light:
        return base * (1 + unevenness * noise(u * 12, v * 12))[..., None]

    return material


def planks(random: Random, base: Light, *, width: float = 0.14, length: float = 1.3) -> Material:
    """Wooden boards with grain and dark joints."""
    grain, tones = Noise(random, 1.0), random.normal(1, 0.12, (64, 64)).astype(np.float32)
    shifts = random.uniform(0, length, 64).astype(np.float32)

    def material(u: Plane, v: Plane) -> Light:
        row = np.floor(u / width).astype(int)
        along = v + shifts[row % 64]
        board = np.floor(along / length).astype(int)
        tone = tones[row % 64, board % 64] * (1 + 0.07 * grain(u * 160 + row * 17, along * 6))
        joint = (u % width < 0.004) | (along % length < 0.004)
        return base * (np.clip(tone, 0.5, 1.5) * np.where(joint, 0.5, 1))[..., None]

    return material


def tiles(
    random: Random, base: Light, grout: Light, *, side: float, joint: float
) -> tuple[Material, Callable[[Plane, Plane], Mask]]:
    """Square tiles; the second function says where the grout is."""
    tones, noise = random.normal(1, 0.04, (64, 64)).astype(np.float32), Noise(random, 2.0)

    def is_grout(u: Plane, v: Plane) -> Mask:
        return (u % side < joint) | (v % side < joint)

    def material(u: Plane, v: Plane) -> Light:
        column, row = np.floor(u / side).astype(int), np.floor(v / side).astype(int)
        tone = tones[row % 64, column % 64] * (1 + 0.015 * noise(u * 20, v * 20))
        return np.where(is_grout(u, v)[..., None], grout, base * tone[..., None])

    return material, is_grout


# ── the photo ────────────────────────────────────────────────────────────────────────────────────


def photographed(
    random: Random, light: Light, *, blur: float = 0.8, grain: float = 0.008
) -> Image.Image:
    """Blur linear light (H, W, 3) as a lens does, add the noise of a sensor, and encode it.

    `blur` is the deviation in pixels; `grain` is the noise's deviation at full light.
    """
    soft = ndimage.gaussian_filter(light, (blur, blur, 0))
    noise = random.standard_normal(soft.shape, np.float32) * grain
    return Image.fromarray(to_levels(soft + noise * np.sqrt(np.clip(soft, 0.01, 1))))
