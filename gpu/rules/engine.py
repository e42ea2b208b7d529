"""Apply rules to the parts of one photo, and leave everything else as it is, byte for byte.

A rule paints its region (see `regions`). Core pixels take the new colour; pixels of the edge only
as far as they show the part (see `edges`). Rules that map colours to colours use a table of 33³
colours, baked once per rule and applied to core pixels only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.rules.actions import Rule
from gpu.rules.background import Background, RemoveBackground, background_painter
from gpu.rules.colour import (
    ColourMap,
    Levels,
    Light,
    Mask,
    Statistics,
    apply_table,
    bake,
    map_exactly,
    measure,
    parse_colour,
    to_levels,
    to_linear,
)
from gpu.rules.edges import Edge, Painter, core_of, paint_edge, unmix
from gpu.rules.errors import InvalidRule
from gpu.rules.morphology import indices_of
from gpu.rules.planes import PhotoPlanes
from gpu.rules.recolor import Recolor, recolor_map
from gpu.rules.reflection import Reflection
from gpu.rules.regions import Box, Part, Region, box_of, region_of
from gpu.rules.restyle import Restyle, restyle_painter
from gpu.rules.swatches import Swatch, plain
from gpu.rules.texture import Face, Placement, Texture, texture_painter
from gpu.rules.tone import Match, Tone, match_map, tone_map

_MARGIN = 24  # pixels around a region in which the colours outside it are measured
_PIXELS_AT_ONCE = 1 << 18
_PIXEL = np.dtype("V3")  # of one item a pixel, runs of masked pixels are copied whole
_REMOVED = 255  # levels under full transparency: nothing of the old backdrop is left in the file


@dataclass(frozen=True)
class Edited:
    """The photo after its rules, and the concepts of which no part had a pixel to change."""

    image: Image.Image
    not_found: tuple[str, ...]


def apply_rules(
    photo: Image.Image,
    parts: Sequence[Part],
    *,
    swatches: Mapping[str, Swatch],
    references: Mapping[int, Statistics],
    is_exact: bool = False,
) -> Edited:
    """Apply the rules of all parts, in their order, to an RGB or RGBA photo from `read_picture`.

    Where parts overlap, the first one with a rule keeps its core. `references` are the statistics
    of photos that `Match` may name. `is_exact` computes colour maps in floats at every pixel.

    The answer has the photo's size and mode, but RGBA where a background was removed. Raises
    InvalidRule for a rule that names an unknown swatch or reference; ValueError for a photo of
    another mode or a mask of another size.
    """
    if photo.mode not in {"RGB", "RGBA"}:
        raise ValueError(f"need an RGB or RGBA photo, not {photo.mode}")
    for part in parts:
        if part.mask.shape != (photo.height, photo.width) or part.mask.dtype != np.bool_:
            raise ValueError(f"the mask of {part.concept} does not fit the photo")
    canvas = _Canvas.of(photo)
    sources = _Sources(swatches, references, is_exact)
    changed = dict[str, bool]()
    for part in parts:
        if part.rule is None:
            continue
        region = region_of(part, part.rule, parts, canvas.before)
        mask = region.mask & canvas.is_free
        is_visible = bool(mask.any())
        if is_visible:
            _apply(part.rule, Region(mask, region.lit & mask), canvas, sources)
        changed[part.concept] = changed.get(part.concept, False) or is_visible
    return Edited(
        canvas.image(), tuple(name for name, is_changed in changed.items() if not is_changed)
    )


def regions_of(photo: Image.Image, parts: Sequence[Part]) -> Iterator[tuple[Part, Mask]]:
    """The parts that have rules, each with the pixels (H, W) that `apply_rules` lets it change.

    Arguments as for `apply_rules`. A part of which nothing is left has a mask that is nowhere true.
    """
    canvas = _Canvas.of(photo)
    for part in parts:
        if part.rule is None:
            continue
        mask = region_of(part, part.rule, parts, canvas.before).mask & canvas.is_free
        yield part, mask
        if mask.any():
            box = box_of(mask, _MARGIN)
            canvas.is_free[box] &= ~core_of(mask[box])


@dataclass
class _Canvas:
    """A photo while it is painted.

    `before` and `levels` are sRGB levels (H, W, 3) of the photo and of what became of it; `is_free`
    is where rules may still paint.
    """

    before: Levels
    levels: Levels
    alpha: NDArray[np.uint8] | None
    is_free: Mask = field(init=False)

    @classmethod
    def of(cls, photo: Image.Image) -> "_Canvas":
        pixels = np.asarray(photo)
        alpha = pixels[..., 3].copy() if photo.mode == "RGBA" else None
        before = np.ascontiguousarray(pixels[..., :3])
        return cls(before, before.copy(), alpha)

    def __post_init__(self) -> None:
        size = self.levels.shape[:2]
        self.is_free = np.ones(size, np.bool_) if self.alpha is None else self.alpha > 0

    @cached_property
    def planes(self) -> PhotoPlanes:
        """The planes of the photo, looked for when the first rule needs them."""
        return PhotoPlanes(self.before)

    def image(self) -> Image.Image:
        if self.alpha is None:
            return Image.fromarray(self.levels)
        return Image.fromarray(np.dstack([self.levels, self.alpha]))


@dataclass(frozen=True)
class _Sources:
    """What rules refer to by name, and how colour maps are computed."""

    swatches: Mapping[str, Swatch]
    references: Mapping[int, Statistics]
    is_exact: bool

    def swatch(self, name: str) -> Swatch:
        if name not in self.swatches:
            raise InvalidRule("value", f"there is no swatch {name!r}")
        return self.swatches[name]

    def reference(self, index: int) -> Statistics:
        if index not in self.references:
            raise InvalidRule("value", f"there is no reference photo {index}")
        return self.references[index]

    def level_map(self, colour_map: ColourMap) -> Callable[[Levels], Levels]:
        """A colour map as a map of sRGB levels (H, W, 3)."""
        if self.is_exact:
            return partial(map_exactly, colour_map=colour_map)
        return partial(apply_table, table=bake(colour_map))


def _apply(rule: Rule, region: Region, canvas: _Canvas, sources: _Sources) -> None:
    box = box_of(region.mask, _MARGIN)
    mask, lit, levels = region.mask[box], region.lit[box], canvas.levels[box]
    core = core_of(mask)
    edge = unmix(levels, mask, core)
    canvas.is_free[box] &= ~core
    if isinstance(rule, RemoveBackground):
        _remove(canvas, box, core, edge)
        return
    body = mask & ~lit  # a highlight says nothing of the colour under it
    old = measure(canvas.before[box], body if body.any() else mask)
    colour_map = _colour_map(rule, old, sources)
    if colour_map is None:
        height, width = canvas.levels.shape[:2]
        placement = Placement(box[1].start, box[0].start, width, height)
        faces = _faces(rule, region.mask, canvas)
        painter = _picture_painter(rule, levels, mask, old, placement, sources, faces)
    else:
        painter = _map_painter(colour_map)
    if lit.any():
        painter = _lit_painter(painter, Reflection.of(old), lit)
    edge_levels = paint_edge(levels, edge, painter)
    if colour_map is None:
        _paint(levels, core, painter)
    else:
        _paint(levels, core & lit, painter)
        _map(levels, core & ~lit, sources.level_map(colour_map))
    levels[edge.rows, edge.columns] = edge_levels


def _colour_map(rule: Rule, old: Statistics, sources: _Sources) -> ColourMap | None:
    """The map of a rule that looks at nothing but colours, else None."""
    match rule:
        case Recolor():
            return recolor_map(rule, old, by_table=not sources.is_exact)
        case Tone():
            return tone_map(rule, old)
        case Match():
            return match_map(rule, old, sources.reference(rule.reference))
        case _:
            return None


def _faces(rule: Rule, region: Mask, canvas: _Canvas) -> Sequence[Face]:
    """The faces that a rule's swatch is laid on where the rule says nothing of a plane."""
    if not isinstance(rule, Texture) or rule.plane is not None or rule.share is not None:
        return ()
    return canvas.planes.sure_faces(region)


def _picture_painter(
    rule: Rule,
    levels: Levels,
    mask: Mask,
    old: Statistics,
    placement: Placement,
    sources: _Sources,
    faces: Sequence[Face],
) -> Painter:
    """The painter of a rule that lays a picture: a swatch, or a canvas."""
    if isinstance(rule, Restyle):
        return restyle_painter(rule, mask, placement)
    if isinstance(rule, Texture):
        return texture_painter(rule, sources.swatch(rule.swatch), levels, mask, placement, faces)
    if not isinstance(rule, Background):
        raise TypeError(f"no painter for {rule}")
    is_colour = rule.value.startswith("#")
    swatch = plain(parse_colour(rule.value)) if is_colour else sources.swatch(rule.value)
    return background_painter(rule, swatch, mask, old, placement)


def _map_painter(colour_map: ColourMap) -> Painter:
    return lambda inside, _rows, _columns: colour_map(inside)


def _lit_painter(painter: Painter, reflection: Reflection, lit: Mask) -> Painter:
    """The same painter, but under highlights only the body is painted."""

    def painted(inside: Light, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Light:
        highlight = reflection.highlight(inside) * lit[rows, columns][:, None]
        return painter(inside - highlight, rows, columns) + highlight

    return painted


def _paint(levels: Levels, mask: Mask, painter: Painter) -> None:
    """Paint masked pixels in place, some at a time: floats of a whole photo would be gigabytes."""
    rows, columns = indices_of(mask)
    for start in range(0, len(rows), _PIXELS_AT_ONCE):
        at = rows[start : start + _PIXELS_AT_ONCE], columns[start : start + _PIXELS_AT_ONCE]
        levels[at] = to_levels(painter(to_linear(levels[at]), *at))


def _map(levels: Levels, mask: Mask, level_map: Callable[[Levels], Levels]) -> None:
    """Map the levels of masked pixels in place, some rows at a time: those stay in the cache."""
    pixels = levels.view(_PIXEL)[..., 0]
    height = max(1, _PIXELS_AT_ONCE // mask.shape[1])
    for top in range(0, len(mask), height):
        strip, is_mapped = pixels[top : top + height], mask[top : top + height]
        before = strip[is_mapped]
        if before.size:
            after = level_map(before.view(np.uint8).reshape(1, -1, 3))
            strip[is_mapped] = after.reshape(-1).view(_PIXEL)


def _remove(canvas: _Canvas, box: Box, core: Mask, edge: Edge) -> None:
    """Make a region transparent; its edge keeps the colour and the share of what is outside."""
    if canvas.alpha is None:
        canvas.alpha = np.full(canvas.levels.shape[:2], 255, np.uint8)
    levels, alpha = canvas.levels[box], canvas.alpha[box]
    levels[core], alpha[core] = _REMOVED, 0
    at = edge.rows, edge.columns
    left = np.rint(alpha[at] * (1 - edge.share)).astype(np.uint8)
    alpha[at] = left
    levels[at] = np.where((left == 0)[:, None], _REMOVED, to_levels(edge.outside))
