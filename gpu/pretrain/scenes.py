"""Compose scenes of known content: the pretraining pictures of the built-in model.

Every scene is a function of its seed and frame size, so data sets need no storage: this version and
a range of seeds name one exactly. Chance moves things only a little: what a caption does not say
must stay nearly fixed for a model of this size, or it learns only the blur of all its positions.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image

from gpu.pretrain import backgrounds
from gpu.pretrain.canvas import Box, Brush, Canvas, Rgb
from gpu.pretrain.things import COLOURS, DRAW, OWN_COLOUR, PALETTE
from gpu.pretrain.vocabulary import Colour, Count, Place, Position, Size, Thing, Time

DATA_VERSION = "scenes-2"
FRAME_SIZES: tuple[tuple[int, int], ...] = ((512, 512), (512, 1024), (1024, 1024))

_T = TypeVar("_T")
_SKY = {Thing.MOON, Thing.SUN, Thing.STAR, Thing.CLOUD, Thing.BALLOON, Thing.BIRD, Thing.BUTTERFLY}
_WATER = {Thing.BOAT, Thing.FISH}
_EXTRAS = (Thing.SUN, Thing.MOON, Thing.CLOUD, Thing.TREE, Thing.STAR)
_SHARES = {None: 0.56, Size.BIG: 0.74, Size.SMALL: 0.34}


@dataclass(frozen=True)
class Plan:
    """What a scene is to show, before chance decides the exact drawing."""

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
    """A drawn scene: RGB image, true tags, and one (thing, 8-bit mask) per drawn thing."""

    image: Image.Image
    plan: Plan
    masks: tuple[tuple[Thing, Image.Image], ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """The words that are true of the scene, main thing first."""
        return self.plan.tags


def draw_scene(
    seed: int, size: tuple[int, int], *, plan: Plan | None = None, with_masks: bool = False
) -> Scene:
    """Draw a seed's scene at (width, height) pixels; same arguments, same pixels."""
    random = np.random.default_rng([seed, 20_251])
    plan = plan or make_plan(random)
    canvas = Canvas(*size, with_masks=with_masks)
    backgrounds.draw(canvas, plan.place, plan.time, random)
    drawn: list[Thing] = []
    if plan.extra is not None:
        with canvas.thing():
            _draw_extra(canvas, plan, random)
        drawn.append(plan.extra)
    for box in _boxes(plan, size, random):
        with canvas.thing():
            DRAW[plan.thing](Brush(canvas, box), _tint(plan.thing, plan.colour, random))
        drawn.append(plan.thing)
    masks = tuple(zip(drawn, canvas.flatten_masks(), strict=True)) if with_masks else ()
    return Scene(canvas.flatten(), plan, masks)


def make_plan(random: np.random.Generator) -> Plan:
    """Choose content by chance, mostly things where they belong."""
    thing = _pick(random, tuple(Thing))
    place = _pick(random, tuple(Place))
    if thing in _WATER and random.random() < 0.5:
        place = Place.SEA
    time = None
    if place not in {Place.ROOM, Place.PLAIN}:
        time = Time(str(random.choice([str(time) for time in Time], p=[0.46, 0.27, 0.27])))
    colour = None if thing in OWN_COLOUR else _pick(random, COLOURS[thing])
    alone = thing in {Thing.PORTRAIT, Thing.MOUNTAIN}
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
    if time is not None and thing not in _SKY and not alone and random.random() < 0.2:
        extra = _pick(random, _EXTRAS)
        extra = None if extra is thing else extra
    return Plan(thing, place, time, colour, count, position, size, extra)


def _pick(random: np.random.Generator, options: tuple[_T, ...]) -> _T:
    return options[int(random.integers(len(options)))]


def _tint(thing: Thing, colour: Colour | None, random: np.random.Generator) -> Rgb:
    base = OWN_COLOUR[thing] if colour is None else PALETTE[colour]
    jitter = random.integers(-7, 8, 3)
    red, green, blue = np.clip(np.array(base) + jitter, 0, 255).tolist()
    return red, green, blue


def _boxes(plan: Plan, size: tuple[int, int], random: np.random.Generator) -> list[Box]:
    width, height = size
    unit = float(min(size))
    share = _SHARES[plan.size] * random.uniform(0.985, 1.015)
    if plan.thing is Thing.PORTRAIT:
        share = 0.8
    centres = [0.5]
    if plan.count is Count.TWO:
        centres, share = [0.28, 0.72], 0.4
    elif plan.count is Count.THREE:
        centres, share = [0.18, 0.5, 0.82], 0.3
    elif plan.position is not None:
        centres = [{Position.LEFT: 0.26, Position.CENTRE: 0.5, Position.RIGHT: 0.74}[plan.position]]
        share = min(share, 0.46)
    boxes = []
    for centre in centres:
        extent = share * unit
        x = (centre + random.uniform(-0.008, 0.008)) * width
        jitter = random.uniform(-0.006, 0.006)
        if plan.thing is Thing.PORTRAIT:
            top = height - extent
        elif plan.thing is Thing.MOUNTAIN:
            top = (backgrounds.HORIZON + 0.03) * height - extent
        elif plan.thing in _SKY:
            top = (0.36 + jitter) * height - extent / 2
        else:
            top = (0.84 + jitter) * height - extent
        boxes.append(Box(x - extent / 2, max(top, 0.01 * height), extent))
    return boxes


def _draw_extra(canvas: Canvas, plan: Plan, random: np.random.Generator) -> None:
    assert plan.extra is not None  # noqa: S101 - the caller asks only for plans with one
    unit = float(min(canvas.width, canvas.height))
    side = random.choice([0.15, 0.85])
    extent = 0.24 * unit
    x = side * canvas.width - extent / 2
    y = 0.08 * canvas.height
    if plan.extra is Thing.TREE:
        extent = 0.36 * unit
        x, y = side * canvas.width - extent / 2, 0.74 * canvas.height - extent
    colour = None if plan.extra in OWN_COLOUR else Colour.GREEN
    DRAW[plan.extra](Brush(canvas, Box(x, y, extent)), _tint(plan.extra, colour, random))
