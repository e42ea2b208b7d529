"""Suggestions without a model: products before a backdrop, and rooms that are plain boxes.

Nothing is downloaded and nothing was learned. `classic` knows the concepts of the presets by their
names; it cannot read a prompt. Its confidence tells a photo that it understands from one that it
does not: below `AUTOMATIC_CONFIDENCE`, nothing is selected without a person.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from PIL import Image

from gpu.rules.colour import Mask
from gpu.segmenting.backdrops import Staged, staged
from gpu.segmenting.borders import enlarged
from gpu.segmenting.calibration import rising
from gpu.segmenting.furnishings import Furnishings, find_furnishings, grout
from gpu.segmenting.interface import Concept, Instance
from gpu.segmenting.layouts import SURFACES
from gpu.segmenting.packaging import Packaging, packaging
from gpu.segmenting.rooms import Room, find_room

_LEAST_AREA = 20  # pixels
_JOINT = 300  # times a joint's width is the photo's longer side
_LETTERS = 6  # from so many on, letters are rather text than dirt

Found = tuple[tuple[Mask, ...], float]
"""Masks of one concept, and their confidence."""


class UnservedConcept(ValueError):
    """A concept that `classic` does not know, such as a free text; only a model can serve it."""

    def __init__(self, concept: str) -> None:
        super().__init__(f"the segmenter 'classic' does not know the concept {concept!r}")
        self.concept = concept


class Classic:
    """A `Segmenter` of numpy and scipy, for the concepts named in `SERVED`.

    A concept in `KNOWN` but not in `SERVED` is accepted and never found.
    """

    name = "classic"
    version = "1"

    def segment(self, photo: Image.Image, concepts: Sequence[Concept]) -> list[Instance]:
        """All instances of all concepts in an RGB photo, by concept, the largest first.

        Raises UnservedConcept for the first concept not in `KNOWN`.
        """
        for concept in concepts:
            if concept.name not in KNOWN:
                raise UnservedConcept(concept.name)
        seen = _Photo(photo)
        instances = list[Instance]()
        for concept in concepts:
            if concept.name in _FINDERS:
                masks, confidence = _FINDERS[concept.name](seen)
                ordered = sorted(masks, key=lambda mask: -int(mask.sum()))
                instances += [
                    Instance.of(concept.name, number, mask, confidence)
                    for number, mask in enumerate(ordered, 1)
                    if mask.sum() >= _LEAST_AREA
                ]
        return instances


class _Photo:
    """A photo and what was found in it, each part computed when it is first needed."""

    def __init__(self, photo: Image.Image) -> None:
        self.photo = photo.convert("RGB")

    @cached_property
    def grey(self) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        return np.asarray(self.photo.convert("L"))

    @cached_property
    def staged(self) -> Staged | None:
        return staged(self.photo)

    @cached_property
    def packaging(self) -> Packaging | None:
        scene = self.staged
        if scene is None or not scene.product.any():
            return None
        return packaging(self.photo, scene.product)

    @cached_property
    def room(self) -> Room:
        return find_room(self.photo)

    @cached_property
    def furnishings(self) -> Furnishings:
        return find_furnishings(self.room)

    @cached_property
    def wall(self) -> Mask:
        return enlarged(self.room.wall, self.grey)

    @cached_property
    def grout(self) -> Mask:
        width = max(1, round(max(self.photo.size) / _JOINT))
        place = enlarged(np.isin(self.room.surfaces, (0, 1, 4)) & self._bare, self.grey)
        return grout(self.grey.astype(np.float32), place, width)

    @cached_property
    def _bare(self) -> Mask:
        """Where walls are not covered by a thing with a name."""
        found = self.furnishings
        named = [*found.windows, *found.doors, *found.cabinets, *found.mouldings]
        return ~np.logical_or.reduce([~(self.room.wall | self.room.things), *named])


def _of_stage(pick: Callable[[Staged], tuple[Mask, ...]]) -> Callable[[_Photo], Found]:
    def find(seen: _Photo) -> Found:
        scene = seen.staged
        return ((), 0.0) if scene is None else (pick(scene), scene.confidence)

    return find


def _of_package(
    pick: Callable[[Packaging], tuple[Mask, ...]], share: float, *, is_print: bool = False
) -> Callable[[_Photo], Found]:
    """A part of the product, sure to a share of what the product is; print only if text is."""

    def find(seen: _Photo) -> Found:
        scene, parts = seen.staged, seen.packaging
        if scene is None or parts is None:
            return (), 0.0
        text = rising(parts.lettering.pieces - _LETTERS, 1.5) if is_print else 1.0
        return pick(parts), scene.confidence * share * text

    return find


def _of_room(
    pick: Callable[[Room, Furnishings], tuple[Mask, ...]], share: float
) -> Callable[[_Photo], Found]:
    """A part of the room, sure to a share of what the room is."""

    def find(seen: _Photo) -> Found:
        masks = pick(seen.room, seen.furnishings)
        full = tuple(enlarged(mask, seen.grey) for mask in masks if mask.any())
        return full, seen.room.confidence * share

    return find


def _walls(seen: _Photo) -> Found:
    return (() if seen.furnishings.is_tiled else (seen.wall,)), seen.room.confidence


def _tiles(seen: _Photo) -> Found:
    """Tiles of each wall by itself: a swatch is laid in the plane of one wall."""
    if not seen.furnishings.is_tiled:
        return (), 0.0
    size = (seen.photo.width, seen.photo.height)
    side = np.asarray(
        Image.fromarray(seen.room.surfaces.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    )
    tiles = seen.wall & ~seen.grout
    return (
        tuple(tiles & (side == SURFACES.index(name)) for name in ("Left", "Right", "Back")),
        seen.room.confidence * 0.8,
    )


def _grout(seen: _Photo) -> Found:
    if not seen.furnishings.is_tiled:
        return (), 0.0
    return (seen.grout,), seen.room.confidence * 0.6


_FINDERS: dict[str, Callable[[_Photo], Found]] = {
    "Product": _of_stage(lambda scene: (scene.product,)),
    "Background": _of_stage(lambda scene: (scene.background,)),
    "Accessories": _of_stage(lambda scene: scene.others),
    "Body": _of_package(lambda parts: (parts.body,), 0.9),
    "Label_Text": _of_package(lambda parts: (parts.text,), 0.9, is_print=True),
    "Logo": _of_package(lambda parts: parts.logos, 0.8, is_print=True),
    "Parts": _of_package(lambda parts: parts.parts, 0.7),
    "Gloss": _of_package(lambda parts: (parts.gloss,), 0.8),
    "Wall": _walls,
    "Floor": _of_room(lambda room, _: (room.floor,), 1.0),
    "Ceiling": _of_room(lambda room, _: (room.ceiling,), 1.0),
    "Window": _of_room(lambda _, found: found.windows, 0.8),
    "Door": _of_room(lambda _, found: found.doors, 0.8),
    "Cabinet": _of_room(lambda _, found: found.cabinets, 0.6),
    "Frame_Molding": _of_room(lambda _, found: found.mouldings, 0.3),
    "Light": _of_room(lambda _, found: found.lights, 0.7),
    "Glass_highlight": _of_room(lambda _, found: found.highlights, 0.7),
    "Tile": _tiles,
    "Grout": _grout,
}
SERVED = frozenset(_FINDERS)
KNOWN = SERVED | {"Countertop", "Backsplash", "Handle", "Switch_Outlet"}
