"""Rules of Sets applied to photos made in memory."""

import functools

import numpy as np
from PIL import Image
from scipy import ndimage

from gpu.rules.actions import parse_rule
from gpu.rules.colour import measure
from gpu.rules.engine import apply_rules
from gpu.rules.regions import Part, Protection
from gpu.rules.swatches import Swatch
from gpu.segmenting.scenes.products import draw_product
from gpu.segmenting.scenes.rooms import draw_room

NAVY = "#1F2A44"


def striped_swatch(metres=1.0):
    """Light and dark columns, one repeat of each."""
    levels = np.full((32, 32, 3), 200, np.uint8)
    levels[:, 16:] = (90, 60, 40)
    return Swatch(levels, metres)


SWATCHES = {"oak": striped_swatch(), "sage": Swatch(np.full((8, 8, 3), (156, 175, 136), np.uint8))}
REFERENCE = Image.fromarray(
    np.random.default_rng(5).normal((150, 110, 90), 25, (40, 40, 3)).clip(0, 255).astype(np.uint8)
)


def references():
    return {0: measure(np.asarray(REFERENCE), np.ones((40, 40), bool))}


def rule(action, value=None, **options):
    return parse_rule({"action": action, "value": value, "options": options}, SWATCHES)


def edit(photo, parts, *, is_exact=False):
    """Levels of the photo after its rules."""
    return np.asarray(edited(photo, parts, is_exact=is_exact).image)


def edited(photo, parts, *, is_exact=False):
    return apply_rules(photo, parts, swatches=SWATCHES, references=references(), is_exact=is_exact)


def solid(concept, mask):
    return Part(concept, mask, protection=Protection.PIXELS)


def as_light(concept, mask):
    return Part(concept, mask, protection=Protection.LIGHT)


@functools.cache
def room(seed=0, size=(480, 360), *, is_tiled=False):
    return draw_room(seed, size, is_tiled=is_tiled)


@functools.cache
def product(seed=0, size=(400, 400), body=None):
    return draw_product(seed, size, body=body)


def deep_inside(mask):
    """Pixels farther than six from the mask's edge: the photo's border is none."""
    return ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=6, border_value=1)


def median(levels, mask):
    return np.median(levels[mask], axis=0)[:3]


def levels_of(colour):
    return np.array(list(bytes.fromhex(colour[1:])), float)
