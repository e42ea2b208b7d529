"""Draw the background of a scene: a sky for its time and a ground for its place."""

from dataclasses import dataclass

import numpy as np

from gpu.pretrain.canvas import Canvas, Rgb, shade
from gpu.pretrain.vocabulary import Place, Time

HORIZON = 0.62

SKIES: dict[Time, tuple[Rgb, Rgb]] = {
    Time.DAY: ((108, 178, 236), (200, 228, 246)),
    Time.SUNSET: ((196, 84, 110), (252, 190, 106)),
    Time.NIGHT: ((18, 22, 58), (48, 54, 110)),
}
GROUNDS: dict[Place, tuple[Rgb, Rgb]] = {
    Place.SEA: ((46, 126, 180), (22, 74, 136)),
    Place.MEADOW: ((134, 196, 86), (88, 156, 62)),
    Place.FOREST: ((66, 104, 58), (44, 76, 44)),
    Place.CITY: ((128, 126, 134), (92, 92, 102)),
    Place.SNOW: ((238, 244, 250), (206, 220, 236)),
    Place.DESERT: ((232, 190, 116), (204, 150, 84)),
    Place.BEACH: ((242, 222, 164), (228, 200, 136)),
    Place.HILLS: ((118, 172, 92), (92, 140, 74)),
}
_SKYLINE = (2.2, 1.4, 2.9, 1.8, 2.5, 1.3, 2.1)
_PINES = (2.4, 2.0, 2.6, 2.1, 2.5, 1.9, 2.3)
_GROUND_LIGHT = {Time.DAY: 1.0, Time.SUNSET: 0.8, Time.NIGHT: 0.45}
_Random = np.random.Generator


@dataclass(frozen=True)
class Variation:
    """Ranges of the random properties of a scene that no tag describes.

    `sideways` is a share of the frame's width (`sideways_when_placed` if a tag names a position or
    a count), `vertical` and `horizon` are shares of its height, `growth` is a share of a thing's
    size, `tint` and `backdrop` are grey levels of things and backgrounds, and `more_extras` and
    `mirrored` are shares of the scenes.
    """

    sideways: float
    sideways_when_placed: float
    vertical: float
    growth: float
    horizon: float
    tint: int
    backdrop: int
    more_extras: float
    mirrored: float


def draw(
    canvas: Canvas, place: Place, time: Time | None, random: _Random, variation: Variation
) -> float:
    """Draw the background over the whole frame; returns the horizon as a share of the height.

    `time` is ignored for rooms and plain backdrops.
    """
    horizon = HORIZON + random.uniform(-variation.horizon, variation.horizon)
    if place is Place.PLAIN:
        canvas.gradient(*_shifted(((240, 236, 226), (222, 216, 202)), random, variation))
    elif place is Place.ROOM:
        _room(canvas, horizon, random, variation)
    else:
        _outdoors(canvas, place, time or Time.DAY, horizon, random, variation)
    return horizon


def _shifted(pair: tuple[Rgb, Rgb], random: _Random, variation: Variation) -> tuple[Rgb, Rgb]:
    """Both colours of a gradient, shifted by the same random amount."""
    if not variation.backdrop:
        return pair
    shift = random.integers(-variation.backdrop, variation.backdrop + 1, 3)
    first, second = (np.clip(np.array(colour) + shift, 0, 255).tolist() for colour in pair)
    return tuple(first), tuple(second)


def _outdoors(
    canvas: Canvas, place: Place, time: Time, share: float, random: _Random, variation: Variation
) -> None:
    width, height = canvas.width, canvas.height
    horizon = height * share
    light = _GROUND_LIGHT[time]
    near, far = (shade(colour, light) for colour in _shifted(GROUNDS[place], random, variation))
    canvas.gradient(near, far)
    canvas.gradient(*_shifted(SKIES[time], random, variation), until=share)
    if time is Time.NIGHT:
        for _ in range(14):
            x, y = random.uniform(0, width), random.uniform(0, horizon * 0.9)
            radius = 0.005 * min(width, height)
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), (240, 240, 220))
    _DETAILS.get(place, _nothing)(canvas, horizon, light, random)


def _nothing(canvas: Canvas, horizon: float, light: float, random: _Random) -> None:
    """Draw no details: the place consists of its ground only."""


def _sea(canvas: Canvas, horizon: float, light: float, random: _Random) -> None:
    for row in (0.15, 0.4, 0.7):
        y = horizon + row * (canvas.height - horizon)
        for _ in range(4):
            x = random.uniform(-0.1, 1.0) * canvas.width
            length = random.uniform(0.08, 0.2) * canvas.width
            canvas.line(
                [(x, y), (x + length, y)], shade((150, 206, 232), light), 0.012 * canvas.height
            )


def _forest(canvas: Canvas, horizon: float, light: float, random: _Random) -> None:
    step = min(canvas.width, canvas.height) * 0.17
    for index in range(int(canvas.width / step) + 2):
        x = (index - 0.4 + random.uniform(-0.04, 0.04)) * step
        top = horizon - step * (_PINES[index % len(_PINES)] + random.uniform(-0.05, 0.05))
        green = shade((42, 98, 62), light * random.uniform(0.88, 0.95))
        for level in (0.0, 0.35):
            peak = top + level * (horizon - top)
            points = [
                (x + step / 2, peak),
                (x + step * 1.1, horizon + 2),
                (x - step * 0.1, horizon + 2),
            ]
            canvas.polygon(points, green)


def _city(canvas: Canvas, horizon: float, light: float, random: _Random) -> None:
    step = min(canvas.width, canvas.height) * 0.16
    for index in range(int(canvas.width / step) + 1):
        storeys = _SKYLINE[index % len(_SKYLINE)] + random.uniform(-0.05, 0.05)
        x, top = index * step, horizon - step * storeys
        wall = shade((132, 140, 164), light * (1.0 if index % 2 else 0.82))
        canvas.polygon([(x, top), (x + step, top), (x + step, horizon), (x, horizon)], wall)
        pane = shade((252, 232, 150), max(light, 0.8))
        for column in (0.22, 0.6):
            y = top + step * 0.25
            while y < horizon - step * 0.3:
                left = x + column * step
                right, bottom = left + step * 0.2, y + step * 0.24
                canvas.polygon([(left, y), (right, y), (right, bottom), (left, bottom)], pane)
                y += step * 0.5


def _hills(canvas: Canvas, horizon: float, light: float, random: _Random) -> None:
    size = min(canvas.width, canvas.height)
    for colour, lift in (((110, 150, 140), 0.2), ((118, 172, 92), 0.08)):
        x = -0.2 * canvas.width
        while x < canvas.width:
            reach = size * random.uniform(0.63, 0.67)
            rise = size * lift * random.uniform(0.95, 1.05)
            canvas.ellipse(
                (x, horizon - rise, x + reach, horizon + rise * 1.5), shade(colour, light)
            )
            x += reach * 0.6


def _desert(canvas: Canvas, horizon: float, light: float, random: _Random) -> None:
    for row in (0.05, 0.4):
        y = horizon + row * (canvas.height - horizon)
        left = (random.uniform(-0.03, 0.03) + 0.2 - row) * canvas.width
        box = (left, y, left + canvas.width, y + 0.5 * (canvas.height - horizon))
        canvas.ellipse(box, shade((222, 172, 98), light * 0.95))


def _beach(canvas: Canvas, horizon: float, light: float, random: _Random) -> None:
    width, depth = canvas.width, canvas.height - horizon
    shore = [(0, horizon), (width, horizon), (width, horizon + 0.3 * depth)]
    shore.append((0, horizon + random.uniform(0.36, 0.4) * depth))
    canvas.polygon(shore, shade((64, 166, 200), light))
    canvas.line([shore[2], shore[3]], shade((250, 250, 250), light), 0.02 * canvas.height)


def _room(canvas: Canvas, horizon: float, random: _Random, variation: Variation) -> None:
    canvas.gradient(*_shifted(((172, 116, 76), (140, 90, 58)), random, variation))
    wall = _shifted(((234, 214, 178), (222, 198, 160)), random, variation)
    canvas.gradient(*wall, until=horizon + 0.1)
    width, height = canvas.width, canvas.height
    left = (0.09 + random.uniform(0, 0.006)) * width
    right, top, bottom = left + 0.2 * width, 0.1 * height, 0.36 * height
    canvas.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], (150, 200, 230))
    middle = (left + right) / 2
    frame = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    canvas.line(frame, (120, 80, 50), 0.016 * width)
    canvas.line([(middle, top), (middle, bottom)], (120, 80, 50), 0.012 * width)


_DETAILS = {
    Place.SEA: _sea,
    Place.FOREST: _forest,
    Place.CITY: _city,
    Place.HILLS: _hills,
    Place.DESERT: _desert,
    Place.BEACH: _beach,
}
