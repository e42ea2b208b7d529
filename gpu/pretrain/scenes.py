"""Draw synthetic scenes with known tags: the pretraining pictures of the built-in model.

A scene is a function of its seed, frame size and `Variation`, so a version and a range of seeds
define a data set exactly. More variation makes two pictures of one prompt differ more, and makes
the scenes harder to learn.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from gpu.pretrain import backgrounds
from gpu.pretrain.backgrounds import Variation
from gpu.pretrain.canvas import Box, Brush, Canvas, Rgb
from gpu.pretrain.things import COLOURS, DRAW, OWN_COLOUR, PALETTE
from gpu.pretrain.vocabulary import Colour, Count, Place, Position, Size, Thing, Time

FRAME_SIZES: tuple[tuple[int, int], ...] = ((512, 512), (512, 1024), (1024, 1024))

_T = TypeVar("_T")
_SKY = {Thing.MOON, Thing.SUN, Thing.STAR, Thing.CLOUD, Thing.BALLOON, Thing.BIRD, Thing.BUTTERFLY,
        Thing.ROCKET}  # fmt: skip
ALONE = {Thing.PORTRAIT, Thing.MOUNTAIN}
HOMES: dict[Thing, Place] = {
    Thing.BOAT: Place.SEA, Thing.FISH: Place.SEA, Thing.WHALE: Place.SEA, Thing.OWL: Place.FOREST,
    Thing.CACTUS: Place.DESERT, Thing.LIGHTHOUSE: Place.BEACH, Thing.APPLE: Place.ROOM,
    Thing.CUP: Place.ROOM, Thing.LAMP: Place.ROOM, Thing.CHAIR: Place.ROOM,
}  # fmt: skip
_EXTRAS = (Thing.SUN, Thing.MOON, Thing.CLOUD, Thing.TREE, Thing.STAR)
_SHARES = {None: 0.56, Size.BIG: 0.74, Size.SMALL: 0.34}

# Scenes with the same tags deviate from their mean by 10.3 grey levels (root mean square) in
# `SCENES_2`, with which models are measured, and by 22.3 in `SCENES_3`.
SCENES_2 = Variation(
    sideways=0.008, sideways_when_placed=0.008, vertical=0.006, growth=0.015, horizon=0.004,
    tint=7, backdrop=0, more_extras=0.0, mirrored=0.0,
)  # fmt: skip
SCENES_3 = Variation(
    sideways=0.05, sideways_when_placed=0.02, vertical=0.025, growth=0.08, horizon=0.03,
    tint=12, backdrop=10, more_extras=0.25, mirrored=0.5,
)  # fmt: skip
# The centre of all ranges: what a network draws that has learned the mean.
NO_VARIATION = Variation(
    sideways=0, sideways_when_placed=0, vertical=0, growth=0, horizon=0, tint=0, backdrop=0,
    more_extras=0, mirrored=0,
)  # fmt: skip
VERSIONS: dict[str, Variation] = {"scenes-2": SCENES_2, "scenes-3": SCENES_3}


@dataclass(frozen=True)
class Plan:
    """The content of a scene, without its random variation."""

    thing: Thing
    place: Place
    time: Time | None = None
    colour: Colour | None = None
    count: Count | None = None
    position: Position | None = None
    size: Size | None = None
    extra: Thing | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that are true of the scene, main thing first."""
        parts = (self.thing, self.place, self.time, self.colour, self.count, self.position,
                 self.size, self.extra)  # fmt: skip
        return tuple(str(part) for part in parts if part is not None)


@dataclass(frozen=True)
class Scene:
    """A drawn scene: RGB image, its plan, and one (thing, 8-bit mask) per drawn thing."""

    image: Image.Image
    plan: Plan
    masks: tuple[tuple[Thing, Image.Image], ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that are true of the scene, main thing first."""
        return self.plan.tags


def draw_scene(
    seed: int,
    size: tuple[int, int],
    *,
    plan: Plan | None = None,
    with_masks: bool = False,
    variation: Variation = SCENES_3,
) -> Scene:
    """Draw a seed's scene at (width, height) pixels; same arguments, same pixels."""
    random = np.random.default_rng([seed, 20_251])
    plan = plan or make_plan(random, variation)
    canvas = Canvas(*size, with_masks=with_masks)
    horizon = backgrounds.draw(canvas, plan.place, plan.time, random, variation)
    drawn: list[Thing] = []
    if plan.extra is not None:
        with canvas.thing():
            _draw_extra(canvas, plan, random, variation)
        drawn.append(plan.extra)
    for box in _boxes(plan, size, random, variation, horizon):
        with canvas.thing():
            DRAW[plan.thing](Brush(canvas, box), _tint(plan.thing, plan.colour, random, variation))
        drawn.append(plan.thing)
    image, masks = canvas.flatten(), canvas.flatten_masks() if with_masks else []
    if plan.position is None and random.random() < variation.mirrored:
        image, masks = ImageOps.mirror(image), [ImageOps.mirror(mask) for mask in masks]
    return Scene(image, plan, tuple(zip(drawn, masks, strict=True)) if with_masks else ())


def make_plan(random: np.random.Generator, variation: Variation = SCENES_3) -> Plan:
    """Choose random content; half of the things with a home are drawn there."""
    thing = _pick(random, tuple(Thing))
    place = _pick(random, tuple(Place))
    if thing in HOMES and random.random() < 0.5:
        place = HOMES[thing]
    time = None
    if place not in {Place.ROOM, Place.PLAIN}:
        time = Time(str(random.choice([str(time) for time in Time], p=[0.46, 0.27, 0.27])))
    colour = None if thing in OWN_COLOUR else _pick(random, COLOURS[thing])
    alone = thing in ALONE
    layout, position, size, count = random.random(), None, None, None
    if layout < 0.2 and not alone:
        position = _pick(
            random, (Position.LEFT, Position.LEFT, Position.CENTRE, Position.RIGHT, Position.RIGHT)
        )
    elif layout < 0.34 and not alone:
        count = _pick(random, (Count.ONE, Count.TWO, Count.TWO, Count.THREE))
    elif layout < 0.5 and not alone:
        size = _pick(random, tuple(Size))
    extra = None
    may_have_one = time is not None and thing not in _SKY and not alone
    if may_have_one and random.random() < 0.2 + 0.8 * variation.more_extras:
        extra = _pick(random, _EXTRAS)
        extra = None if extra is thing else extra
    return Plan(thing, place, time, colour, count, position, size, extra)


def _pick(random: np.random.Generator, options: tuple[_T, ...]) -> _T:
    return options[int(random.integers(len(options)))]


def _tint(
    thing: Thing, colour: Colour | None, random: np.random.Generator, variation: Variation
) -> Rgb:
    base = OWN_COLOUR[thing] if colour is None else PALETTE[colour]
    jitter = random.integers(-variation.tint, variation.tint + 1, 3)
    red, green, blue = np.clip(np.array(base) + jitter, 0, 255).tolist()
    return red, green, blue


def _boxes(
    plan: Plan,
    size: tuple[int, int],
    random: np.random.Generator,
    variation: Variation,
    horizon: float,
) -> list[Box]:
    """The boxes of the main things; `horizon` is a share of the height."""
    width, height = size
    share = _SHARES[plan.size] * random.uniform(1 - variation.growth, 1 + variation.growth)
    if plan.thing is Thing.PORTRAIT:
        share *= 0.8 / _SHARES[None]
    centres, sideways = [0.5], variation.sideways
    if plan.count is Count.TWO:
        centres, share = [0.28, 0.72], share * 0.4 / _SHARES[None]
    elif plan.count is Count.THREE:
        centres, share = [0.18, 0.5, 0.82], share * 0.3 / _SHARES[None]
    elif plan.position is not None:
        centres = [{Position.LEFT: 0.26, Position.CENTRE: 0.5, Position.RIGHT: 0.74}[plan.position]]
        share *= 0.46 / _SHARES[None]
    if len(centres) > 1 or plan.position is not None:
        sideways = variation.sideways_when_placed
    boxes = []
    for centre in centres:
        extent = share * float(min(size))
        x = (centre + random.uniform(-sideways, sideways)) * width
        jitter = random.uniform(-variation.vertical, variation.vertical)
        if plan.thing is Thing.PORTRAIT:
            top = height - extent
        elif plan.thing is Thing.MOUNTAIN:
            top = (horizon + 0.03) * height - extent
        elif plan.thing in _SKY:
            top = (0.36 + jitter) * height - extent / 2
        else:
            top = (0.84 + jitter) * height - extent
        boxes.append(Box(x - extent / 2, max(top, 0.01 * height), extent))
    return boxes


def _draw_extra(
    canvas: Canvas, plan: Plan, random: np.random.Generator, variation: Variation
) -> None:
    assert plan.extra is not None  # noqa: S101 - the caller checks this
    unit = float(min(canvas.width, canvas.height))
    side = random.choice([0.15, 0.85])
    extent = 0.24 * unit
    x = side * canvas.width - extent / 2
    y = 0.08 * canvas.height
    if plan.extra is Thing.TREE:
        extent = 0.36 * unit
        x, y = side * canvas.width - extent / 2, 0.74 * canvas.height - extent
    colour = None if plan.extra in OWN_COLOUR else Colour.GREEN
    DRAW[plan.extra](Brush(canvas, Box(x, y, extent)), _tint(plan.extra, colour, random, variation))
