"""From an artist's upload to ink: trimmed once, kept as an alpha mask and one tint.

Two kinds of file come in: drawings on a transparent ground (the signature pad) and pictures of a
signature on paper. Both leave as an RGBA image whose alpha says how much ink lies where and whose
colour is one and the same everywhere, so that resizing can never smear paper into the strokes.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

MAX_SIDE = 2048  # the widest signature on the largest image is far below this
FAINTEST_INK = 32  # alpha below this is noise of scanner, eraser or compression
MIN_INK_PIXELS = 12
MIN_PAPER_CONTRAST = 40  # luminance levels between paper and ink; below it there is no drawing
BRIGHT = 160  # luminance that paper has even in poor light
PAPER_SHARE = 0.5  # an opaque ground larger than this may be paper rather than ink

Mask = NDArray[np.uint8]


class BlankSignature(ValueError):
    """The picture holds no ink: it is empty, of one colour, or only specks."""


def prepare_ink(image: Image.Image) -> Image.Image:
    """Trim a signature to its ink and give it back as RGBA: alpha mask plus one tint.

    `image` may have any mode Pillow knows. A transparent ground is taken as such; otherwise the
    ground is taken for paper, dark on light or light on dark, and removed even where it is shaded.
    The longest side is at most 2048 pixels. Preparing prepared ink again changes nothing visible.

    Raises BlankSignature when nothing is drawn.
    """
    drawing = image.convert("RGBA")
    drawing.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    mask = _mask_of_drawing(drawing) if _has_transparent_ground(drawing) else _mask_of_scan(drawing)
    mask = _without_specks(np.where(mask < FAINTEST_INK, 0, mask).astype(np.uint8))
    if np.count_nonzero(mask) < MIN_INK_PIXELS:
        raise BlankSignature("the signature holds no ink")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    ink = Image.new("RGBA", drawing.size, _tint(drawing, mask))
    ink.putalpha(Image.fromarray(mask))
    return ink.crop(box)


def _has_transparent_ground(drawing: Image.Image) -> bool:
    alpha = np.asarray(drawing.getchannel("A"))
    if not (alpha < FAINTEST_INK).any():
        return False
    opaque = alpha >= 255 - FAINTEST_INK
    if opaque.mean() <= PAPER_SHARE:
        return True
    # Mostly opaque with holes: a cut-out scan is bright with something dark on it, a logo is not.
    luminance = np.asarray(drawing.convert("L"))[opaque]
    darkest, middle = np.percentile(luminance, (0.1, 50))
    return bool(middle < BRIGHT or middle - darkest < MIN_PAPER_CONTRAST)


def _mask_of_drawing(drawing: Image.Image) -> Mask:
    alpha = np.asarray(drawing.getchannel("A"))
    strongest = max(int(alpha.max()), 1)
    # A pad may draw at half opacity; the opacity of a signature is the artist's setting, not this.
    return np.minimum(255, np.rint(alpha.astype(np.float64) * (255 / strongest))).astype(np.uint8)


def _mask_of_scan(drawing: Image.Image) -> Mask:
    paper = Image.new("RGBA", drawing.size, "white")
    paper.alpha_composite(drawing)
    luminance = np.asarray(paper.convert("L")).astype(np.float64)
    if np.median(luminance) < 128:  # noqa: PLR2004 - light ink on a dark ground
        luminance = 255 - luminance
    depth = np.clip(_ground(luminance) - luminance, 0, None)
    deepest = float(depth.max())
    if deepest < MIN_PAPER_CONTRAST:
        raise BlankSignature("the signature does not stand out from its ground")
    full = float(np.percentile(depth[depth >= deepest / 4], 75))
    noise = full * 0.15
    return np.rint(np.clip((depth - noise) / (full - noise), 0, 1) * 255).astype(np.uint8)


def _ground(luminance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brightness of the paper at every pixel, read between the strokes, so that shade is paper."""
    height, width = luminance.shape
    page = Image.fromarray(np.rint(luminance).astype(np.uint8))
    coarse = page.resize((max(1, width // 8), max(1, height // 8)), Image.Resampling.BOX)
    reach = min(31, max(3, min(coarse.size) // 4 * 2 + 1))
    coarse = coarse.filter(ImageFilter.MaxFilter(reach)).filter(ImageFilter.BoxBlur(reach // 2))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR)).astype(np.float64)


def _without_specks(mask: Mask) -> Mask:
    """Erase dots of one or two pixels: they would widen the box without being part of the name."""
    drawn = np.pad((mask > 0).astype(np.uint8), 2)
    windows = np.lib.stride_tricks.sliding_window_view(drawn, (5, 5))
    neighbours = windows.sum(axis=(2, 3), dtype=np.uint8)
    return np.where(neighbours < 3, 0, mask).astype(np.uint8)  # noqa: PLR2004 - itself and two


def _tint(drawing: Image.Image, mask: Mask) -> tuple[int, int, int]:
    colours = np.asarray(drawing.convert("RGB"))[mask >= 0.75 * mask.max()]
    red, green, blue = (int(level) for level in np.median(colours, axis=0))
    return red, green, blue
