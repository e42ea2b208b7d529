"""Segmentation without a model: products in front of a backdrop, and box-shaped rooms.

`classic` knows the concepts of the presets by name and ignores prompts. Its confidence is low for
photos that do not fit its assumptions: instances below `AUTOMATIC_CONFIDENCE` are never selected
automatically.
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

_MIN_AREA = 20  # pixels
_JOINT = 300  # times a joint's width is the photo's longer side
_MIN_LETTERS = 6  # fewer components are more likely dirt than text

Detection = tuple[tuple[Mask, ...], float]
"""Detection of one concept, and their confidence."""


class UnservedConcept(ValueError):
    """A concept that `classic` does not know, such as a free text; it needs a model."""

    def __init__(self, concept: str) -> None:
        super().__init__(f"the segmenter 'classic' does not know the concept {concept!r}")
        self.concept = concept


class Classic:
    """A `Segmenter` of numpy and scipy, for the concepts named in `SERVED`.

    A concept in `KNOWN` but not in `SERVED` is accepted and has no instances.
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
        analysis = _Analysis(photo)
        instances = list[Instance]()
        for concept in concepts:
            if concept.name in _FINDERS:
                masks, confidence = _FINDERS[concept.name](analysis)
                ordered = sorted(masks, key=lambda mask: -int(mask.sum()))
                instances += [
                    Instance.of(concept.name, number, mask, confidence)
                    for number, mask in enumerate(ordered, 1)
                    if mask.sum() >= _MIN_AREA
                ]
        return instances


class _Analysis:
    """A photo and its segmentation; each part is computed on first use."""

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
        surface = enlarged(np.isin(self.room.surfaces, (0, 1, 4)) & self._uncovered, self.grey)
        return grout(self.grey.astype(np.float32), surface, width)

    @cached_property
    def _uncovered(self) -> Mask:
        """The pixels that no named object covers."""
        furnishings = self.furnishings
        named = [
            *furnishings.windows,
            *furnishings.doors,
            *furnishings.cabinets,
            *furnishings.mouldings,
        ]
        return ~np.logical_or.reduce([~(self.room.wall | self.room.things), *named])


def _of_stage(pick: Callable[[Staged], tuple[Mask, ...]]) -> Callable[[_Analysis], Detection]:
    def find(analysis: _Analysis) -> Detection:
        scene = analysis.staged
        return ((), 0.0) if scene is None else (pick(scene), scene.confidence)

    return find


def _of_package(
    pick: Callable[[Packaging], tuple[Mask, ...]], share: float, *, is_print: bool = False
) -> Callable[[_Analysis], Detection]:
    """Detect a part of the product; `share` of its confidence, for prints times the text's."""

    def find(analysis: _Analysis) -> Detection:
        scene, parts = analysis.staged, analysis.packaging
        if scene is None or parts is None:
            return (), 0.0
        text = rising(parts.lettering.pieces - _MIN_LETTERS, 1.5) if is_print else 1.0
        return pick(parts), scene.confidence * share * text

    return find


def _of_room(
    pick: Callable[[Room, Furnishings], tuple[Mask, ...]], share: float
) -> Callable[[_Analysis], Detection]:
    """Detect a part of the room; its confidence is a share of the room's."""

    def find(analysis: _Analysis) -> Detection:
        masks = pick(analysis.room, analysis.furnishings)
        full = tuple(enlarged(mask, analysis.grey) for mask in masks if mask.any())
        return full, analysis.room.confidence * share

    return find


def _walls(analysis: _Analysis) -> Detection:
    return (() if analysis.furnishings.is_tiled else (analysis.wall,)), analysis.room.confidence


def _tiles(analysis: _Analysis) -> Detection:
    """The tiles of each wall, separately: a texture is projected on the plane of one wall."""
    if not analysis.furnishings.is_tiled:
        return (), 0.0
    size = (analysis.photo.width, analysis.photo.height)
    side = np.asarray(
        Image.fromarray(analysis.room.surfaces.astype(np.uint8)).resize(
            size, Image.Resampling.NEAREST
        )
    )
    tiles = analysis.wall & ~analysis.grout
    return (
        tuple(tiles & (side == SURFACES.index(name)) for name in ("Left", "Right", "Back")),
        analysis.room.confidence * 0.8,
    )


def _grout(analysis: _Analysis) -> Detection:
    if not analysis.furnishings.is_tiled:
        return (), 0.0
    return (analysis.grout,), analysis.room.confidence * 0.6


_FINDERS: dict[str, Callable[[_Analysis], Detection]] = {
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
    "Window": _of_room(lambda _, furnishings: furnishings.windows, 0.8),
    "Door": _of_room(lambda _, furnishings: furnishings.doors, 0.8),
    "Cabinet": _of_room(lambda _, furnishings: furnishings.cabinets, 0.6),
    "Frame_Molding": _of_room(lambda _, furnishings: furnishings.mouldings, 0.3),
    "Light": _of_room(lambda _, furnishings: furnishings.lights, 0.7),
    "Glass_highlight": _of_room(lambda _, furnishings: furnishings.highlights, 0.7),
    "Tile": _tiles,
    "Grout": _grout,
}
SERVED = frozenset(_FINDERS)
KNOWN = SERVED | {"Countertop", "Backsplash", "Handle", "Switch_Outlet"}
