"""Convert an artist's upload to ink: a cropped alpha mask with one colour.

Uploads are drawings on a transparent background (the signature pad) or pictures of a signature on
paper. The result is an RGBA image of uniform colour whose alpha is the amount of ink, so resizing
cannot mix paper into the strokes.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

MAX_SIDE = 2048  # the widest signature on the largest image is far below this
MIN_ALPHA = 32  # lower alpha is noise of scanner, eraser or compression
MIN_INK_PIXELS = 12
MIN_PAPER_CONTRAST = 40  # luminance levels between paper and ink; with less there is no drawing
BRIGHT = 160  # minimum luminance of paper in low light
PAPER_SHARE = 0.5  # a larger opaque area may be paper rather than ink

Mask = NDArray[np.uint8]


class BlankSignature(ValueError):
    """The picture has no ink: it is empty, of one colour, or has isolated dots only."""


def prepare_ink(image: Image.Image) -> Image.Image:
    """Crop a signature to its ink; returns RGBA of one colour with the ink as alpha.

    `image` may have any mode of Pillow. A transparent background is used as it is; an opaque one is
    treated as paper (dark on light or light on dark) and removed, shadows included. The longest
    side of the result is at most 2048 pixels. Preparing prepared ink changes nothing visible.

    Raises BlankSignature if there is no ink.
    """
    drawing = image.convert("RGBA")
    drawing.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    mask = _mask_of_alpha(drawing) if _has_transparent_ground(drawing) else _mask_of_scan(drawing)
    mask = _without_dots(np.where(mask < MIN_ALPHA, 0, mask).astype(np.uint8))
    if np.count_nonzero(mask) < MIN_INK_PIXELS:
        raise BlankSignature("the signature holds no ink")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    ink = Image.new("RGBA", drawing.size, _tint(drawing, mask))
    ink.putalpha(Image.fromarray(mask))
    return ink.crop(box)


def _has_transparent_ground(drawing: Image.Image) -> bool:
    alpha = np.asarray(drawing.getchannel("A"))
    if not (alpha < MIN_ALPHA).any():
        return False
    opaque = alpha >= 255 - MIN_ALPHA
    if opaque.mean() <= PAPER_SHARE:
        return True
    # Mostly opaque: a cut-out scan is bright with dark strokes, a logo is not.
    luminance = np.asarray(drawing.convert("L"))[opaque]
    darkest, median = np.percentile(luminance, (0.1, 50))
    return bool(median < BRIGHT or median - darkest < MIN_PAPER_CONTRAST)


def _mask_of_alpha(drawing: Image.Image) -> Mask:
    alpha = np.asarray(drawing.getchannel("A"))
    strongest = max(int(alpha.max()), 1)
    # Normalise: a pad may draw at half opacity, but the artist sets the opacity separately.
    return np.minimum(255, np.rint(alpha.astype(np.float64) * (255 / strongest))).astype(np.uint8)


def _mask_of_scan(drawing: Image.Image) -> Mask:
    paper = Image.new("RGBA", drawing.size, "white")
    paper.alpha_composite(drawing)
    luminance = np.asarray(paper.convert("L")).astype(np.float64)
    if np.median(luminance) < 128:  # noqa: PLR2004 - light ink on a dark ground
        luminance = 255 - luminance
    depth = np.clip(_ground(luminance) - luminance, 0, None)
    max_depth = float(depth.max())
    if max_depth < MIN_PAPER_CONTRAST:
        raise BlankSignature("the signature does not stand out from its ground")
    full = float(np.percentile(depth[depth >= max_depth / 4], 75))
    noise = full * 0.15
    return np.rint(np.clip((depth - noise) / (full - noise), 0, 1) * 255).astype(np.uint8)


def _ground(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brightness of the paper at every pixel, estimated from the maximum around it."""
    height, width = luminance.shape
    page = Image.fromarray(np.rint(luminance).astype(np.uint8))
    coarse = page.resize((max(1, width // 8), max(1, height // 8)), Image.Resampling.BOX)
    radius = min(31, max(3, min(coarse.size) // 4 * 2 + 1))
    coarse = coarse.filter(ImageFilter.MaxFilter(radius)).filter(ImageFilter.BoxBlur(radius // 2))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR)).astype(np.float64)


def _without_dots(mask: Mask) -> Mask:
    """Erase dots of one or two pixels, which would enlarge the bounding box."""
    has_ink = np.pad((mask > 0).astype(np.uint8), 2)
    windows = np.lib.stride_tricks.sliding_window_view(has_ink, (5, 5))
    neighbours = windows.sum(axis=(2, 3), dtype=np.uint8)
    return np.where(neighbours < 3, 0, mask).astype(np.uint8)  # noqa: PLR2004 - itself and two


def _tint(drawing: Image.Image, mask: Mask) -> tuple[int, int, int]:
    colours = np.asarray(drawing.convert("RGB"))[mask >= 0.75 * mask.max()]
    red, green, blue = (int(level) for level in np.median(colours, axis=0))
    return red, green, blue
