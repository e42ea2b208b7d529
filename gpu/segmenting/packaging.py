"""Segment the parts of a product: body, label with text and logo, other parts, and gloss.

The body has the most frequent colour outside the label, with shading; gloss is white light added
to it (see `gpu.rules.reflection`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]

from gpu.rules.colour import Light, Mask, Statistics, to_linear, to_oklab
from gpu.rules.reflection import Reflection
from gpu.segmenting.lettering import Lettering, lettering
from gpu.segmenting.masks import bounding_box
from gpu.segmenting.pieces import opened, pieces_of

_MAX_PIXELS = 1_500_000  # of the product's picture
_MARGIN = 4  # pixels around the product
_BINS = 40  # of hue, along each axis, among which the body's is the commonest
_MAX_PAPER_DIFFERENCE = 5.0  # OKLab times 100: of the paper's hue
_DARK = 0.6  # of the paper's lightness: darker pixels are not paper
_MIN_LABEL_WIDTH = 0.3  # of the text's width: a narrower region is not a label
_MIN_PART_WIDTH = 0.04  # of the product's width: a narrower region is not a part
_MAX_LABEL = 0.6  # of the product: a larger label is the body, printed on
_GLOSS = 0.12  # linear light
_MATT = 1.5  # times the body's light: maximum of a grey body without gloss
_MIN_SHADE, _MAX_RESIDUAL = 0.22, 0.06  # of the body's light; linear light
_MIN_PART, _MIN_LOGO, _MIN_GLOSS = 0.01, 0.003, 0.002  # of the product
_EDGE = 3  # pixels along an outline whose colours are mixed
_MIN_INK_DIFFERENCE = 8.0  # OKLab times 100


@dataclass(frozen=True)
class Packaging:
    """Parts of a product, in the photo's size; the mask of a missing part is empty.

    `lettering` is the evidence that `text` is text.
    """

    body: Mask
    text: Mask
    logos: tuple[Mask, ...]
    parts: tuple[Mask, ...]
    gloss: Mask
    lettering: Lettering


def packaging(photo: Image.Image, product: Mask) -> Packaging:
    """Segment the parts of a product, a mask (H, W) of an RGB photo with at least one pixel."""
    left, top, width, height = bounding_box(product)
    box = (
        max(0, left - _MARGIN),
        max(0, top - _MARGIN),
        min(photo.width, left + width + _MARGIN),
        min(photo.height, top + height + _MARGIN),
    )
    rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
    crop, inside = photo.crop(box), product[rows, columns]
    scale = min(1.0, (_MAX_PIXELS / inside.size) ** 0.5)
    size = (max(1, round(crop.width * scale)), max(1, round(crop.height * scale)))
    picture = crop.resize(size, Image.Resampling.BOX)
    small = np.asarray(Image.fromarray(inside).resize(size, Image.Resampling.NEAREST))
    if not small.any():
        small = np.ones_like(small)
    view = _View.of(picture, small)

    def placed(mask: Mask) -> Mask:
        full = np.zeros_like(product)
        large = Image.fromarray(mask).resize(crop.size, Image.Resampling.NEAREST)
        full[rows, columns] = np.asarray(large) & inside
        return full

    gloss = view.gloss()
    parts = view.parts(gloss)
    return Packaging(
        placed(small & ~view.label & ~np.logical_or.reduce([np.zeros_like(small), *parts])),
        placed(ndimage.binary_dilation(view.text.strokes) & ~gloss),
        tuple(placed(logo & ~gloss) for logo in view.logos()),
        tuple(placed(part & ~gloss) for part in parts),
        placed(gloss),
        view.text,
    )


@dataclass(frozen=True)
class _View:
    """A picture (H, W) of a product: its light, OKLab times 100, text, and reflection of its body.

    `paper` is the mean OKLab around the text, and None without text.
    """

    product: Mask
    lab: NDArray[np.float32]
    text: Lettering
    label: Mask
    paper: NDArray[np.float32] | None
    shading: NDArray[np.float32]
    highlight: NDArray[np.float32]
    residual: NDArray[np.float32]

    @classmethod
    def of(cls, picture: Image.Image, product: Mask) -> "_View":
        light = to_linear(np.asarray(picture))
        lab = to_oklab(light) * np.float32(100)
        text = lettering(np.asarray(picture.convert("L"), np.float32), product)
        paper = _paper(lab, text, product)
        label = np.zeros_like(product) if paper is None else _label(lab, paper, text, product)
        shading, highlight, residual = _body(light, lab, product & ~label).split(light)
        return cls(
            product, lab, text, label, paper, shading, highlight, np.linalg.norm(residual, axis=-1)
        )

    def gloss(self) -> Mask:
        """Highlights, continued through the label between their parts above and below it."""
        gloss = self.product & ~self.label & (self.highlight > _GLOSS)
        gloss &= ndimage.binary_erosion(self.product, iterations=_EDGE)
        gloss = _without_small(opened(gloss, 2 * _EDGE + 1), _MIN_GLOSS * self.product.sum())
        reach = (2 * (int(self.label.any(axis=1).sum()) // 2) + 7, 1)
        joined = ndimage.minimum_filter(ndimage.maximum_filter(gloss.view(np.uint8), reach), reach)
        through: Mask = joined.view(np.bool_) & self.label
        return gloss | through

    def parts(self, gloss: Mask) -> tuple[Mask, ...]:
        """Regions that are neither body nor label nor gloss, the largest first."""
        other = (self.shading < _MIN_SHADE) | (self.residual > _MAX_RESIDUAL)
        other &= self.product & ~self.label
        size = max(3, round(_MIN_PART_WIDTH * self.product.any(axis=0).sum())) | 1
        solid = opened(other | (gloss & ~self.label & opened(other, size)), size)
        return pieces_of(solid, _MIN_PART * self.product.sum())

    def logos(self) -> tuple[Mask, ...]:
        """Prints on the label other than text, the largest first."""
        if self.paper is None:
            return ()
        share, hue = _along(self.lab, self.paper)
        printed = self.label & ((hue > _MIN_INK_DIFFERENCE) | (share < _DARK))
        printed &= ~ndimage.binary_dilation(self.text.strokes, iterations=3)
        padded = np.pad(printed, _EDGE)
        closed = ndimage.binary_closing(padded, np.ones((3, 3)), iterations=_EDGE)
        filled = ndimage.binary_fill_holes(closed)[_EDGE:-_EDGE, _EDGE:-_EDGE]
        return pieces_of(opened(filled, 2 * _EDGE + 1), _MIN_LOGO * self.product.sum())


def _along(
    lab: NDArray[np.float32], colour: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Projections of colours (H, W, 3) on a colour, as shares of it, and distances from it."""
    share = (lab @ colour) / float(colour @ colour)
    return share, np.linalg.norm(lab - share[..., None] * colour, axis=-1)


def _paper(lab: NDArray[np.float32], text: Lettering, product: Mask) -> NDArray[np.float32] | None:
    if not text.pieces:
        return None
    around = ndimage.binary_dilation(text.strokes, iterations=6)
    is_near = around & ~ndimage.binary_dilation(text.strokes, iterations=2) & product
    return np.median(lab[is_near], axis=0).astype(np.float32) if is_near.any() else None


def _label(
    lab: NDArray[np.float32], paper: NDArray[np.float32], text: Lettering, product: Mask
) -> Mask:
    """The connected paper around the text; empty if it is most of the product."""
    share, hue = _along(lab, paper)
    strokes = ndimage.binary_dilation(text.strokes, iterations=2)
    inner = ndimage.binary_erosion(product, iterations=_EDGE)
    like = inner & (((hue < _MAX_PAPER_DIFFERENCE) & (share > _DARK)) | strokes)
    size = max(3, round(_MIN_LABEL_WIDTH * int(strokes.any(axis=0).sum()))) | 1
    sheet = ndimage.binary_fill_holes(opened(ndimage.binary_fill_holes(like), size))
    pieces, _ = ndimage.label(sheet)
    labels = np.setdiff1d(np.unique(pieces[text.strokes]), [0])
    label: Mask = np.isin(pieces, labels)
    return label if label.sum() <= _MAX_LABEL * product.sum() else np.zeros_like(product)


def _body(light: Light, lab: NDArray[np.float32], product: Mask) -> Reflection:
    """The reflection model of the most frequent hue of a product."""
    hue = lab[product][:, 1:] / np.maximum(lab[product][:, :1], 5)
    edges = np.linspace(-0.5, 0.5, _BINS + 1)
    counts, _, _ = np.histogram2d(hue[:, 0], hue[:, 1], bins=(edges, edges))
    peak = np.unravel_index(int(ndimage.gaussian_filter(counts, 0.7).argmax()), counts.shape)
    width = edges[1] - edges[0]
    centre = edges[list(peak)] + width / 2
    is_near = np.linalg.norm(hue - centre, axis=1) < width
    sample = light[product][is_near]
    reflection = Reflection.of(Statistics(sample if len(sample) else light[product]))
    return replace(reflection, top=_MATT)


def _without_small(mask: Mask, least: float) -> Mask:
    return np.logical_or.reduce([np.zeros_like(mask), *pieces_of(mask, least)])
