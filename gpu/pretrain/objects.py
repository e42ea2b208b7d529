"""Draw the vehicles, buildings and household objects added in `scenes-3`, in the unit square."""

import itertools
from math import cos, pi, sin

from gpu.pretrain.canvas import Brush, Rgb, shade

_DARK: Rgb = (45, 40, 48)
_GLASS: Rgb = (190, 226, 240)
_METAL: Rgb = (200, 200, 205)
_CREAM: Rgb = (250, 244, 228)
_WOOD: Rgb = (120, 78, 48)
_LIGHT: Rgb = (255, 236, 140)


def _ring(brush: Brush, x: float, y: float, radius: float, colour: Rgb, width: float) -> None:
    around = [(x + radius * cos(a * pi / 16), y + radius * sin(a * pi / 16)) for a in range(33)]
    brush.line(around, colour, width)


def bicycle(brush: Brush, colour: Rgb) -> None:
    """A bicycle from the side."""
    for x in (0.22, 0.78):
        _ring(brush, x, 0.76, 0.2, _DARK, 0.045)
        brush.disc(x, 0.76, 0.04, _METAL)
    for points in (
        [(0.22, 0.76), (0.38, 0.44), (0.66, 0.44), (0.48, 0.76), (0.22, 0.76)],
        [(0.36, 0.38), (0.48, 0.76)],
        [(0.64, 0.34), (0.78, 0.76)],
    ):
        brush.line(points, colour, 0.05)
    brush.line([(0.28, 0.37), (0.44, 0.37)], _DARK, 0.06)
    brush.line([(0.56, 0.3), (0.66, 0.33), (0.74, 0.27)], _DARK, 0.045)
    brush.disc(0.48, 0.76, 0.055, _DARK)


def train(brush: Brush, colour: Rgb) -> None:
    """A steam engine from the side."""
    brush.rectangle(0.14, 0.2, 0.4, 0.74, shade(colour, 0.75))
    brush.rectangle(0.1, 0.13, 0.44, 0.22, _DARK)
    brush.rectangle(0.19, 0.29, 0.35, 0.47, _GLASS)
    brush.rectangle(0.38, 0.42, 0.9, 0.74, colour)
    brush.disc(0.88, 0.58, 0.16, shade(colour, 0.8))
    brush.polygon([(0.7, 0.42), (0.66, 0.14), (0.88, 0.14), (0.84, 0.42)], _DARK)
    brush.oval(0.54, 0.42, 0.08, 0.09, (236, 190, 70))
    brush.rectangle(0.06, 0.72, 0.96, 0.8, _DARK)
    brush.polygon([(0.92, 0.76), (1.0, 0.97), (0.86, 0.97)], (180, 60, 50))
    for x, radius in ((0.24, 0.14), (0.55, 0.11), (0.77, 0.11)):
        brush.disc(x, 1.0 - radius, radius, _DARK)
        brush.disc(x, 1.0 - radius, radius * 0.5, _METAL)


def rocket(brush: Brush, colour: Rgb) -> None:
    """A rocket in flight, upright, its flame below."""
    brush.polygon([(0.38, 0.76), (0.5, 1.0), (0.62, 0.76)], (250, 150, 40))
    brush.polygon([(0.44, 0.76), (0.5, 0.92), (0.56, 0.76)], (255, 226, 110))
    for side in (-1, 1):
        fin = [(0.5 + side * 0.15, 0.48), (0.5 + side * 0.34, 0.82), (0.5 + side * 0.13, 0.74)]
        brush.polygon(fin, shade(colour, 0.7))
    body = [(0.5 + 0.19 * sin(a * pi / 20), 0.38 - 0.38 * cos(a * pi / 20)) for a in range(-13, 14)]
    brush.polygon([*body, (0.62, 0.77), (0.38, 0.77)], _CREAM)
    tip = [(0.5 + 0.19 * sin(a * pi / 20), 0.38 - 0.38 * cos(a * pi / 20)) for a in range(-6, 7)]
    brush.polygon(tip, colour)
    brush.disc(0.5, 0.42, 0.095, shade(colour, 0.7))
    brush.disc(0.5, 0.42, 0.062, _GLASS)
    brush.rectangle(0.385, 0.68, 0.615, 0.75, colour)


def lighthouse(brush: Brush, colour: Rgb) -> None:
    """A banded lighthouse on its rock, its lamp lit."""
    brush.polygon([(0.12, 1.0), (0.24, 0.88), (0.76, 0.88), (0.9, 1.0)], (110, 106, 112))

    def half(y: float) -> float:
        return 0.12 + 0.08 * (y - 0.3) / 0.6

    bands = (0.3, 0.42, 0.54, 0.66, 0.78, 0.9)
    for index, (top, bottom) in enumerate(itertools.pairwise(bands)):
        sides = [(0.5 - half(top), top), (0.5 + half(top), top)]
        sides += [(0.5 + half(bottom), bottom), (0.5 - half(bottom), bottom)]
        brush.polygon(sides, colour if index % 2 == 0 else _CREAM)
    brush.rectangle(0.34, 0.27, 0.66, 0.31, _DARK)
    brush.rectangle(0.4, 0.13, 0.6, 0.27, _LIGHT)
    brush.rectangle(0.485, 0.13, 0.515, 0.27, _DARK)
    brush.polygon([(0.36, 0.14), (0.5, 0.0), (0.64, 0.14)], shade(colour, 0.7))
    brush.rectangle(0.45, 0.79, 0.55, 0.9, _WOOD)


def bridge(brush: Brush, colour: Rgb) -> None:
    """A stone bridge with two arches, over its stream."""
    brush.polygon([(-0.05, 0.92), (1.05, 0.92), (1.05, 1.0), (-0.05, 1.0)], (70, 140, 190))
    brush.polygon(
        [(-0.1, 0.6), (0.2, 0.46), (0.8, 0.46), (1.1, 0.6), (1.1, 0.94), (-0.1, 0.94)], colour
    )
    for centre in (0.24, 0.76):
        arch = [
            (centre + 0.19 * cos(a * pi / 16), 0.92 - 0.28 * sin(a * pi / 16)) for a in range(17)
        ]
        brush.polygon(arch, (70, 140, 190))
        brush.line(arch, shade(colour, 0.7), 0.03)
    brush.line([(-0.1, 0.57), (0.2, 0.43), (0.8, 0.43), (1.1, 0.57)], shade(colour, 0.65), 0.05)
    for x in (0.2, 0.5, 0.8):
        brush.rectangle(x - 0.025, 0.32, x + 0.025, 0.44, shade(colour, 0.65))


def cactus(brush: Brush, colour: Rgb) -> None:
    """A tall cactus with two arms."""
    rib = shade(colour, 0.72)
    for side, high, low in ((-1, 0.34, 0.62), (1, 0.22, 0.52)):
        x = 0.5 + side * 0.28
        brush.line([(0.5, low), (x, low), (x, high)], colour, 0.13)
        brush.disc(x, high, 0.065, colour)
        brush.disc(x, low, 0.065, colour)
    brush.rectangle(0.39, 0.14, 0.61, 1.0, colour)
    brush.disc(0.5, 0.14, 0.11, colour)
    for x in (0.45, 0.55):
        brush.line([(x, 0.12), (x, 1.0)], rib, 0.018)
    for x, y in ((0.5, 0.02), (0.78, 0.15)):
        brush.disc(x, y, 0.05, (240, 110, 150))


def apple(brush: Brush, colour: Rgb) -> None:
    """An apple with its stalk and a leaf."""
    for side in (-1, 1):
        brush.oval(0.5 + side * 0.16, 0.6, 0.27, 0.34, colour)
    brush.oval(0.5, 0.72, 0.26, 0.27, colour)
    brush.oval(0.33, 0.48, 0.06, 0.11, shade(colour, 1.5))
    brush.line([(0.5, 0.36), (0.52, 0.2), (0.58, 0.08)], _WOOD, 0.05)
    leaf = [(0.54, 0.22), (0.66, 0.06), (0.86, 0.06), (0.76, 0.22), (0.62, 0.27)]
    brush.polygon(leaf, (86, 160, 70))


def cup(brush: Brush, colour: Rgb) -> None:
    """A cup on its saucer, steaming."""
    for x in (0.36, 0.54):
        brush.line([(x, 0.3), (x + 0.05, 0.22), (x - 0.02, 0.13), (x + 0.04, 0.03)], _CREAM, 0.035)
    brush.oval(0.46, 0.93, 0.44, 0.07, shade(colour, 0.7))
    _ring(brush, 0.76, 0.56, 0.14, shade(colour, 0.8), 0.07)
    brush.polygon(
        [(0.16, 0.4), (0.76, 0.4), (0.66, 0.86), (0.56, 0.93), (0.36, 0.93), (0.26, 0.86)], colour
    )
    brush.oval(0.46, 0.4, 0.3, 0.075, shade(colour, 1.45))
    brush.oval(0.46, 0.41, 0.25, 0.05, (92, 54, 34))


def lamp(brush: Brush, colour: Rgb) -> None:
    """A table lamp, lit."""
    brush.rectangle(0.47, 0.46, 0.53, 0.9, _METAL)
    brush.oval(0.5, 0.93, 0.22, 0.07, _DARK)
    brush.oval(0.5, 0.5, 0.3, 0.08, _LIGHT)
    brush.polygon([(0.34, 0.04), (0.66, 0.04), (0.84, 0.5), (0.16, 0.5)], colour)
    brush.polygon([(0.44, 0.04), (0.54, 0.04), (0.56, 0.5), (0.36, 0.5)], shade(colour, 1.5))


def chair(brush: Brush, colour: Rgb) -> None:
    """A chair seen half from the side."""
    for x, bottom in ((0.26, 0.92), (0.74, 0.92), (0.16, 1.0), (0.64, 1.0)):
        brush.rectangle(x, 0.56, x + 0.07, bottom, shade(colour, 0.65))
    for x in (0.26, 0.74):
        brush.rectangle(x, 0.02, x + 0.07, 0.58, shade(colour, 0.8))
    for y in (0.05, 0.2, 0.35):
        brush.rectangle(0.26, y, 0.81, y + 0.08, colour)
    brush.polygon([(0.26, 0.52), (0.84, 0.52), (0.74, 0.66), (0.13, 0.66)], shade(colour, 1.2))
    brush.polygon([(0.13, 0.66), (0.74, 0.66), (0.74, 0.72), (0.13, 0.72)], shade(colour, 0.8))
