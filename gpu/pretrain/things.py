"""Draw each thing of the vocabulary: large, simple shapes in the unit square (y down).

`animals` and `objects` hold the things added in `scenes-3`; `DRAW` lists all.
"""

from collections.abc import Callable
from math import cos, pi, sin

from gpu.pretrain import animals, objects
from gpu.pretrain.canvas import Brush, Point, Rgb, shade
from gpu.pretrain.vocabulary import Colour, Thing

DARK: Rgb = (45, 40, 48)
SKIN: Rgb = (236, 188, 150)
WINDOW: Rgb = (250, 226, 140)
WOOD: Rgb = (120, 78, 48)
CREAM: Rgb = (250, 244, 228)


def _house(brush: Brush, colour: Rgb) -> None:
    brush.rectangle(0.14, 0.42, 0.86, 1.0, colour)
    brush.polygon([(0.04, 0.44), (0.5, 0.04), (0.96, 0.44)], shade(colour, 0.55))
    brush.rectangle(0.42, 0.66, 0.58, 1.0, WOOD)
    for left in (0.22, 0.66):
        brush.rectangle(left, 0.54, left + 0.13, 0.7, WINDOW)


def _tree(brush: Brush, colour: Rgb) -> None:
    brush.rectangle(0.43, 0.55, 0.57, 1.0, WOOD)
    for x, y, radius in ((0.3, 0.44, 0.22), (0.7, 0.44, 0.22), (0.5, 0.26, 0.26), (0.5, 0.48, 0.2)):
        brush.disc(x, y, radius, colour)
    brush.disc(0.42, 0.2, 0.1, shade(colour, 1.25))


def _boat(brush: Brush, colour: Rgb) -> None:
    brush.polygon([(0.02, 0.72), (0.98, 0.72), (0.8, 0.97), (0.2, 0.97)], colour)
    brush.rectangle(0.48, 0.04, 0.52, 0.74, WOOD)
    brush.polygon([(0.54, 0.06), (0.54, 0.66), (0.9, 0.66)], CREAM)
    brush.polygon([(0.46, 0.14), (0.46, 0.66), (0.16, 0.66)], shade(CREAM, 0.88))


def _eyes(brush: Brush, centres: list[Point], radius: float, colour: Rgb = DARK) -> None:
    for x, y in centres:
        brush.disc(x, y, radius, colour)


def _cat(brush: Brush, colour: Rgb) -> None:
    brush.line([(0.74, 0.9), (0.93, 0.78), (0.92, 0.52)], shade(colour, 0.75), 0.08)
    brush.oval(0.5, 0.78, 0.28, 0.24, colour)
    for side in (-1, 1):
        ear = [(0.5 + side * 0.27, 0.02), (0.5 + side * 0.05, 0.2), (0.5 + side * 0.28, 0.32)]
        brush.polygon(ear, shade(colour, 0.75))
    brush.oval(0.5, 0.36, 0.29, 0.24, colour)
    _eyes(brush, [(0.39, 0.33), (0.61, 0.33)], 0.055, (120, 220, 110))
    _eyes(brush, [(0.39, 0.33), (0.61, 0.33)], 0.026)
    brush.polygon([(0.46, 0.42), (0.54, 0.42), (0.5, 0.48)], (230, 130, 140))


def _bird(brush: Brush, colour: Rgb) -> None:
    brush.polygon([(0.3, 0.5), (0.0, 0.34), (0.02, 0.62)], shade(colour, 0.7))
    brush.oval(0.48, 0.54, 0.3, 0.2, colour)
    brush.disc(0.76, 0.38, 0.15, colour)
    brush.polygon([(0.88, 0.34), (1.0, 0.41), (0.87, 0.45)], (245, 170, 40))
    brush.polygon([(0.58, 0.5), (0.26, 0.08), (0.32, 0.54)], shade(colour, 0.6))
    _eyes(brush, [(0.79, 0.35)], 0.032)
    for x in (0.44, 0.54):
        brush.line([(x, 0.72), (x, 0.9)], (215, 140, 40), 0.03)


def _fish(brush: Brush, colour: Rgb) -> None:
    brush.polygon([(0.26, 0.5), (0.0, 0.24), (0.0, 0.76)], shade(colour, 0.7))
    brush.polygon([(0.4, 0.3), (0.6, 0.12), (0.74, 0.32)], shade(colour, 0.7))
    brush.oval(0.58, 0.5, 0.39, 0.25, colour)
    for x in (0.46, 0.6):
        brush.line([(x, 0.3), (x + 0.05, 0.5), (x, 0.7)], shade(colour, 1.5), 0.05)
    _eyes(brush, [(0.82, 0.43)], 0.07, CREAM)
    _eyes(brush, [(0.83, 0.43)], 0.035)


def _flower(brush: Brush, colour: Rgb) -> None:
    brush.rectangle(0.47, 0.4, 0.53, 1.0, (62, 130, 62))
    for side in (-1, 1):
        brush.oval(0.5 + side * 0.15, 0.8, 0.14, 0.06, (62, 130, 62))
    for step in range(6):
        angle = step * pi / 3
        brush.disc(0.5 + 0.2 * cos(angle), 0.32 + 0.2 * sin(angle), 0.135, colour)
    brush.disc(0.5, 0.32, 0.13, (250, 200, 60) if colour[2] < 200 or colour[0] > 200 else WOOD)


def _mountain(brush: Brush, colour: Rgb) -> None:
    brush.polygon([(0.4, 1.0), (0.86, 0.36), (1.3, 1.0)], shade(colour, 0.8))
    brush.polygon([(-0.3, 1.0), (0.38, 0.08), (1.0, 1.0)], colour)
    snow = [(0.38, 0.08), (0.2, 0.33), (0.3, 0.28), (0.38, 0.36), (0.46, 0.29), (0.55, 0.34)]
    brush.polygon(snow, (248, 250, 255))
    brush.polygon([(0.86, 0.36), (0.75, 0.52), (0.86, 0.48), (0.97, 0.52)], (236, 240, 250))


def _moon(brush: Brush, colour: Rgb) -> None:
    outer = [(0.5 + 0.48 * cos(a * pi / 20), 0.5 + 0.48 * sin(a * pi / 20)) for a in range(8, 33)]
    inner = [
        (0.62 + 0.4 * cos(a * pi / 20), 0.5 + 0.4 * sin(a * pi / 20)) for a in range(31, 8, -1)
    ]
    brush.polygon([*outer, *inner], colour)


def _sun(brush: Brush, colour: Rgb) -> None:
    for step in range(12):
        angle = step * pi / 6
        tip = (0.5 + 0.5 * cos(angle), 0.5 + 0.5 * sin(angle))
        base = [
            (0.5 + 0.34 * cos(angle + turn), 0.5 + 0.34 * sin(angle + turn)) for turn in (-0.2, 0.2)
        ]
        brush.polygon([tip, *base], shade(colour, 0.92))
    brush.disc(0.5, 0.5, 0.31, colour)


def _star(brush: Brush, colour: Rgb) -> None:
    radii = (0.5, 0.21)
    points = [
        (0.5 + radii[i % 2] * sin(i * pi / 5), 0.52 - radii[i % 2] * cos(i * pi / 5))
        for i in range(10)
    ]
    brush.polygon(points, colour)


def _cloud(brush: Brush, colour: Rgb) -> None:
    for x, y, radius in (
        (0.2, 0.6, 0.17),
        (0.42, 0.45, 0.23),
        (0.66, 0.5, 0.2),
        (0.83, 0.62, 0.15),
    ):
        brush.disc(x, y, radius, colour)
    brush.rectangle(0.2, 0.58, 0.83, 0.77, colour)


def _woman(brush: Brush, colour: Rgb) -> None:
    brush.oval(0.5, 0.2, 0.15, 0.19, (96, 56, 34))
    for side in (-1, 1):
        brush.line([(0.5 + side * 0.08, 0.4), (0.5 + side * 0.25, 0.62)], SKIN, 0.06)
        brush.rectangle(0.5 + side * 0.07 - 0.03, 0.8, 0.5 + side * 0.07 + 0.03, 1.0, SKIN)
    brush.polygon([(0.41, 0.33), (0.59, 0.33), (0.74, 0.85), (0.26, 0.85)], colour)
    brush.disc(0.5, 0.19, 0.11, SKIN)
    _eyes(brush, [(0.46, 0.19), (0.54, 0.19)], 0.017)


def _man(brush: Brush, colour: Rgb) -> None:
    for side in (-1, 1):
        brush.line([(0.5 + side * 0.14, 0.36), (0.5 + side * 0.24, 0.64)], shade(colour, 0.8), 0.08)
        brush.rectangle(
            0.5 + side * 0.085 - 0.06, 0.6, 0.5 + side * 0.085 + 0.06, 1.0, (56, 62, 96)
        )
    brush.rectangle(0.34, 0.31, 0.66, 0.66, colour)
    brush.disc(0.5, 0.19, 0.12, SKIN)
    brush.polygon([(0.37, 0.17), (0.39, 0.05), (0.61, 0.05), (0.63, 0.17)], DARK)
    _eyes(brush, [(0.46, 0.21), (0.54, 0.21)], 0.017)


def _portrait(brush: Brush, colour: Rgb) -> None:
    hair: Rgb = (96, 56, 34)
    brush.oval(0.5, 0.38, 0.31, 0.36, hair)
    brush.oval(0.5, 1.05, 0.46, 0.32, colour)
    brush.rectangle(0.42, 0.6, 0.58, 0.8, shade(SKIN, 0.85))
    brush.oval(0.5, 0.42, 0.22, 0.28, SKIN)
    brush.polygon([(0.27, 0.38), (0.33, 0.1), (0.67, 0.1), (0.73, 0.38), (0.5, 0.22)], hair)
    _eyes(brush, [(0.41, 0.42), (0.59, 0.42)], 0.035)
    brush.oval(0.5, 0.58, 0.075, 0.025, (200, 80, 80))


def _car(brush: Brush, colour: Rgb) -> None:
    brush.polygon([(0.2, 0.55), (0.32, 0.32), (0.68, 0.32), (0.82, 0.55)], colour)
    brush.polygon([(0.28, 0.54), (0.36, 0.38), (0.49, 0.38), (0.49, 0.54)], (190, 226, 240))
    brush.polygon([(0.53, 0.38), (0.65, 0.38), (0.74, 0.54), (0.53, 0.54)], (190, 226, 240))
    brush.rectangle(0.03, 0.54, 0.97, 0.78, colour)
    for x in (0.25, 0.75):
        brush.disc(x, 0.8, 0.13, DARK)
        brush.disc(x, 0.8, 0.06, (200, 200, 205))


def _balloon(brush: Brush, colour: Rgb) -> None:
    brush.polygon([(0.22, 0.5), (0.78, 0.5), (0.6, 0.74), (0.4, 0.74)], shade(colour, 0.8))
    brush.disc(0.5, 0.36, 0.34, colour)
    brush.oval(0.5, 0.36, 0.13, 0.34, shade(colour, 1.45))
    for x in (0.42, 0.58):
        brush.line([(x, 0.72), (x, 0.86)], WOOD, 0.015)
    brush.rectangle(0.4, 0.84, 0.6, 0.99, WOOD)


def _mushroom(brush: Brush, colour: Rgb) -> None:
    brush.polygon([(0.4, 0.5), (0.6, 0.5), (0.66, 1.0), (0.34, 1.0)], CREAM)
    cap = [(0.5 - 0.46 * cos(a * pi / 16), 0.56 - 0.46 * sin(a * pi / 16)) for a in range(17)]
    brush.polygon(cap, colour)
    for x, y, radius in ((0.3, 0.4, 0.07), (0.52, 0.26, 0.08), (0.72, 0.42, 0.07)):
        brush.disc(x, y, radius, CREAM)


def _butterfly(brush: Brush, colour: Rgb) -> None:
    for side in (-1, 1):
        brush.oval(0.5 + side * 0.24, 0.34, 0.22, 0.26, colour)
        brush.oval(0.5 + side * 0.19, 0.7, 0.17, 0.2, shade(colour, 0.75))
        brush.disc(0.5 + side * 0.26, 0.33, 0.09, shade(colour, 1.55))
        brush.line([(0.5, 0.24), (0.5 + side * 0.1, 0.05)], DARK, 0.02)
    brush.oval(0.5, 0.52, 0.045, 0.32, DARK)


def _castle(brush: Brush, colour: Rgb) -> None:
    brush.rectangle(0.2, 0.5, 0.8, 1.0, colour)
    for step in range(4):
        brush.rectangle(0.27 + step * 0.13, 0.43, 0.34 + step * 0.13, 0.52, colour)
    for left in (0.04, 0.74):
        brush.rectangle(left, 0.32, left + 0.22, 1.0, shade(colour, 0.82))
        brush.polygon(
            [(left - 0.03, 0.33), (left + 0.11, 0.06), (left + 0.25, 0.33)], (170, 60, 60)
        )
        brush.rectangle(left + 0.08, 0.46, left + 0.14, 0.58, DARK)
    brush.disc(0.5, 0.78, 0.11, WOOD)
    brush.rectangle(0.39, 0.78, 0.61, 1.0, WOOD)


DRAW: dict[Thing, Callable[[Brush, Rgb], None]] = {
    Thing.HOUSE: _house, Thing.TREE: _tree, Thing.BOAT: _boat, Thing.CAT: _cat,
    Thing.BIRD: _bird, Thing.FISH: _fish, Thing.FLOWER: _flower, Thing.MOUNTAIN: _mountain,
    Thing.MOON: _moon, Thing.SUN: _sun, Thing.STAR: _star, Thing.CLOUD: _cloud,
    Thing.WOMAN: _woman, Thing.MAN: _man, Thing.PORTRAIT: _portrait, Thing.CAR: _car,
    Thing.BALLOON: _balloon, Thing.MUSHROOM: _mushroom, Thing.BUTTERFLY: _butterfly,
    Thing.CASTLE: _castle, Thing.DOG: animals.dog, Thing.HORSE: animals.horse,
    Thing.RABBIT: animals.rabbit, Thing.OWL: animals.owl, Thing.WHALE: animals.whale,
    Thing.BICYCLE: objects.bicycle, Thing.TRAIN: objects.train, Thing.ROCKET: objects.rocket,
    Thing.LIGHTHOUSE: objects.lighthouse, Thing.BRIDGE: objects.bridge,
    Thing.CACTUS: objects.cactus, Thing.APPLE: objects.apple, Thing.CUP: objects.cup,
    Thing.LAMP: objects.lamp, Thing.CHAIR: objects.chair,
}  # fmt: skip

PALETTE: dict[Colour, Rgb] = {
    Colour.RED: (208, 48, 48), Colour.ORANGE: (240, 134, 40), Colour.YELLOW: (246, 208, 60),
    Colour.GREEN: (56, 142, 72), Colour.BLUE: (48, 96, 204), Colour.PURPLE: (128, 66, 172),
    Colour.PINK: (240, 140, 180), Colour.BROWN: (130, 84, 52), Colour.BLACK: (42, 40, 46),
    Colour.WHITE: (246, 246, 244), Colour.GREY: (142, 144, 150),
    Colour.TURQUOISE: (52, 186, 184),
}  # fmt: skip

_ANY = (Colour.RED, Colour.ORANGE, Colour.YELLOW, Colour.GREEN, Colour.BLUE, Colour.PURPLE,
        Colour.PINK, Colour.WHITE, Colour.BLACK, Colour.TURQUOISE)  # fmt: skip
_FUR = (Colour.ORANGE, Colour.BLACK, Colour.WHITE, Colour.GREY, Colour.BROWN)
COLOURS: dict[Thing, tuple[Colour, ...]] = {
    **dict.fromkeys(Thing, _ANY),
    Thing.TREE: (Colour.GREEN, Colour.GREEN, Colour.ORANGE, Colour.PINK),
    Thing.CAT: _FUR,
    Thing.FLOWER: (
        Colour.RED,
        Colour.YELLOW,
        Colour.PINK,
        Colour.PURPLE,
        Colour.BLUE,
        Colour.WHITE,
    ),
    Thing.MUSHROOM: (Colour.RED, Colour.BROWN),
    Thing.DOG: _FUR, Thing.HORSE: (Colour.BROWN, Colour.BLACK, Colour.WHITE, Colour.GREY),
    Thing.RABBIT: (Colour.BROWN, Colour.WHITE, Colour.GREY, Colour.BLACK),
    Thing.OWL: (Colour.BROWN, Colour.GREY, Colour.WHITE, Colour.PURPLE),
    Thing.WHALE: (Colour.BLUE, Colour.GREY, Colour.TURQUOISE, Colour.PURPLE),
    Thing.BRIDGE: (Colour.GREY, Colour.BROWN, Colour.WHITE),
    Thing.LIGHTHOUSE: (Colour.RED, Colour.BLUE, Colour.BLACK),
    Thing.CACTUS: (Colour.GREEN, Colour.GREEN, Colour.TURQUOISE),
    Thing.APPLE: (Colour.RED, Colour.GREEN, Colour.YELLOW),
    Thing.CHAIR: (Colour.BROWN, Colour.RED, Colour.BLUE, Colour.GREEN, Colour.WHITE),
}  # fmt: skip
OWN_COLOUR: dict[Thing, Rgb] = {
    Thing.MOUNTAIN: (112, 120, 142), Thing.MOON: (250, 240, 190), Thing.SUN: (252, 200, 50),
    Thing.STAR: (252, 222, 90), Thing.CLOUD: (244, 246, 250), Thing.CASTLE: (160, 154, 150),
}  # fmt: skip
