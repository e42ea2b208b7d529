"""Draw the animals added in `scenes-3`: large, simple shapes in the unit square (y down)."""

from math import cos, pi, sin

from gpu.pretrain.canvas import Brush, Rgb, shade

_DARK: Rgb = (45, 40, 48)
_CREAM: Rgb = (250, 244, 228)


def dog(brush: Brush, colour: Rgb) -> None:
    """A dog seen from the side, its head raised, its tail up."""
    brush.line([(0.14, 0.52), (0.05, 0.4), (0.07, 0.28)], shade(colour, 0.8), 0.07)
    for x in (0.2, 0.58):
        brush.rectangle(x, 0.62, x + 0.1, 1.0, shade(colour, 0.8))
    for x in (0.28, 0.66):
        brush.rectangle(x, 0.62, x + 0.1, 1.0, colour)
    brush.oval(0.44, 0.58, 0.33, 0.16, colour)
    brush.polygon([(0.56, 0.6), (0.58, 0.26), (0.78, 0.24), (0.78, 0.6)], colour)
    brush.oval(0.72, 0.27, 0.17, 0.15, colour)
    brush.oval(0.88, 0.32, 0.12, 0.08, shade(colour, 1.25))
    brush.disc(0.97, 0.29, 0.035, _DARK)
    brush.oval(0.61, 0.3, 0.075, 0.17, shade(colour, 0.62))
    brush.disc(0.77, 0.23, 0.03, _DARK)
    brush.line([(0.575, 0.47), (0.79, 0.47)], (200, 56, 56), 0.05)


def horse(brush: Brush, colour: Rgb) -> None:
    """A standing horse, mane and tail darker than its coat."""
    mane = shade(colour, 0.5)
    brush.line([(0.12, 0.46), (0.04, 0.58), (0.05, 0.8)], mane, 0.08)
    for x, tone in ((0.17, 0.8), (0.27, 1.0), (0.56, 0.8), (0.66, 1.0)):
        brush.polygon(
            [(x, 0.55), (x + 0.09, 0.55), (x + 0.075, 0.94), (x + 0.015, 0.94)],
            shade(colour, tone),
        )
        brush.rectangle(x + 0.01, 0.93, x + 0.085, 1.0, _DARK)
    brush.oval(0.43, 0.5, 0.33, 0.15, colour)
    brush.polygon([(0.58, 0.44), (0.72, 0.14), (0.86, 0.2), (0.77, 0.56)], colour)
    brush.polygon([(0.56, 0.42), (0.62, 0.2), (0.74, 0.06), (0.76, 0.16), (0.65, 0.42)], mane)
    brush.polygon([(0.74, 0.1), (0.84, 0.12), (0.99, 0.31), (0.93, 0.38), (0.76, 0.28)], colour)
    brush.polygon([(0.75, 0.13), (0.77, 0.0), (0.83, 0.12)], colour)
    brush.disc(0.83, 0.19, 0.022, _DARK)
    brush.disc(0.955, 0.315, 0.014, _DARK)


def rabbit(brush: Brush, colour: Rgb) -> None:
    """A rabbit from the front, its long ears up."""
    for side in (-1, 1):
        brush.oval(0.5 + side * 0.13, 0.2, 0.085, 0.2, colour)
        brush.oval(0.5 + side * 0.13, 0.22, 0.04, 0.14, (240, 170, 180))
        brush.oval(0.5 + side * 0.17, 0.96, 0.15, 0.06, shade(colour, 0.8))
    brush.disc(0.78, 0.84, 0.09, shade(colour, 1.4))
    brush.oval(0.5, 0.77, 0.25, 0.22, colour)
    brush.oval(0.5, 0.8, 0.14, 0.15, shade(colour, 1.4))
    brush.oval(0.5, 0.47, 0.22, 0.18, colour)
    for side in (-1, 1):
        brush.disc(0.5 + side * 0.1, 0.44, 0.034, _DARK)
    brush.polygon([(0.465, 0.5), (0.535, 0.5), (0.5, 0.545)], (226, 110, 130))


def owl(brush: Brush, colour: Rgb) -> None:
    """An owl from the front, its eyes wide open."""
    brush.polygon([(0.22, 0.02), (0.46, 0.18), (0.24, 0.32)], shade(colour, 0.75))
    brush.polygon([(0.78, 0.02), (0.54, 0.18), (0.76, 0.32)], shade(colour, 0.75))
    brush.oval(0.5, 0.56, 0.33, 0.42, colour)
    brush.oval(0.5, 0.72, 0.2, 0.22, shade(colour, 1.4))
    for side in (-1, 1):
        brush.oval(0.5 + side * 0.29, 0.62, 0.09, 0.24, shade(colour, 0.7))
        brush.disc(0.5 + side * 0.15, 0.32, 0.145, _CREAM)
        brush.disc(0.5 + side * 0.15, 0.32, 0.1, (246, 186, 48))
        brush.disc(0.5 + side * 0.15, 0.32, 0.055, _DARK)
        brush.rectangle(
            0.5 + side * 0.12 - 0.05, 0.94, 0.5 + side * 0.12 + 0.05, 1.0, (225, 150, 40)
        )
    brush.polygon([(0.44, 0.38), (0.56, 0.38), (0.5, 0.5)], (235, 150, 40))


def whale(brush: Brush, colour: Rgb) -> None:
    """A whale from the side, its tail raised, with its spout."""
    brush.line([(0.3, 0.3), (0.3, 0.16)], (226, 242, 250), 0.035)
    for side in (-1, 1):
        arc = [
            (0.3 + side * 0.09 * (1 - cos(a * pi / 10)), 0.16 - 0.1 * sin(a * pi / 10))
            for a in range(10)
        ]
        brush.line(arc, (226, 242, 250), 0.035)
    brush.polygon([(0.68, 0.62), (0.84, 0.34), (0.94, 0.36), (0.84, 0.82)], colour)
    brush.polygon(
        [(0.88, 0.4), (0.72, 0.24), (0.84, 0.2), (0.9, 0.28), (1.0, 0.2), (1.0, 0.34)], colour
    )
    body = [(0.46 + 0.44 * cos(a * pi / 24), 0.64 + 0.32 * sin(a * pi / 24)) for a in range(48)]
    brush.polygon(body, colour)
    belly = [(0.42 + 0.36 * cos(a * pi / 24), 0.72 + 0.22 * sin(a * pi / 24)) for a in range(25)]
    brush.polygon(belly, shade(colour, 1.6))
    brush.oval(0.52, 0.78, 0.1, 0.05, shade(colour, 0.7))
    brush.disc(0.2, 0.58, 0.034, _DARK)
