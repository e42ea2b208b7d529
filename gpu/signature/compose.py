"""Draw the artist's signature on an image, in a colour that contrasts with the background.

Blending is done in 8-bit sRGB. The image is not resampled: pixels outside the box do not change.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gpu.signature.placement import Box, Position, Size, placement

MIN_OPACITY = 0.3
MAX_OPACITY = 1.0
DEFAULT_OPACITY = 0.7
MIN_CONTRAST = 3.0  # WCAG 2.2, success criterion 1.4.11, for graphical objects
LEGIBLE_SHARE = 0.9  # of the background around the strokes that must have the contrast
MAX_GAIN = 4.0
SHADES = 16  # steps from the artist's tint to black or white
SAMPLES = 4096

Colour = tuple[int, int, int]
Pixels = NDArray[np.float64]
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Stamped:
    """A signed image.

    `colour` is the adapted colour of the ink, `halo` that of the outline, or None without one.
    """

    image: Image.Image
    box: Box
    colour: Colour
    halo: Colour | None


def compose(
    image: Image.Image,
    ink: Image.Image,
    *,
    position: Position = Position.BOTTOM_RIGHT,
    size: Size = Size.MEDIUM,
    opacity: float = DEFAULT_OPACITY,
) -> Stamped:
    """Sign `image` (RGB) with prepared `ink` (RGBA, see `prepare_ink`); returns a new image.

    Where the ink is opaque, each pixel is `ground + opacity * (colour - ground)`, rounded once.
    The colour is the artist's tint, mixed with as little black or white as gives a contrast of 3:1
    after blending. If no colour has that contrast (a background of mixed or medium lightness, a low
    opacity), black or white is used, with a thin halo of the opposite colour.

    Raises ValueError for another mode or an opacity outside 0.3-1.
    """
    if image.mode != "RGB" or ink.mode != "RGBA":
        raise ValueError(f"need an RGB image and RGBA ink, not {image.mode} and {ink.mode}")
    if not MIN_OPACITY <= opacity <= MAX_OPACITY:
        raise ValueError(f"opacity must lie in {MIN_OPACITY}-{MAX_OPACITY}, not {opacity}")
    box = placement(image.size, ink.size, position, size)
    strokes = _strokes(ink, (box.width, box.height))
    outline = _outline(strokes, image.size)
    ground = np.asarray(image.crop(box.edges())).astype(np.float64)
    around = np.asarray(outline) > 0
    colour, legible = _choose_colour(_sample(ground[around]), _tint(ink), opacity)
    halo = None if legible else _opposite(colour)
    full = np.asarray(strokes).astype(np.float64)[..., None] * (opacity / 255)
    signed = ground + full * (np.array(colour) - ground)
    if halo is not None:
        rim = np.asarray(outline).astype(np.float64)[..., None] * (opacity / 255) - full
        signed += np.clip(rim, 0, None) * (np.array(halo) - ground)
    stamped = image.copy()
    stamped.paste(Image.fromarray(np.rint(signed).astype(np.uint8)), (box.left, box.top))
    return Stamped(stamped, box, colour, halo)


def contrast(first: Pixels, second: Pixels) -> Pixels:
    """WCAG contrast ratio, 1-21, between sRGB colours of shape (..., 3) in 0-255."""
    a, b = _luminance(first), _luminance(second)
    return (np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05)


def _luminance(colours: Pixels) -> Pixels:
    level = colours / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB
    weighted: Pixels = linear @ np.array([0.2126, 0.7152, 0.0722])
    return weighted


def _strokes(ink: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Ink mask (L) at box size, amplified so that thin strokes are opaque too."""
    mask = np.asarray(ink.getchannel("A").resize(size, Image.Resampling.HAMMING))
    opaque = mask[mask > 0]
    # Downscaling makes thin strokes transparent.
    strongest = float(np.percentile(opaque, 90)) if opaque.size else 255.0
    gain = min(MAX_GAIN, 255 / strongest)
    return Image.fromarray(np.minimum(255, np.rint(mask * gain)).astype(np.uint8))


def _outline(strokes: Image.Image, image_size: tuple[int, int]) -> Image.Image:
    """Strokes dilated by about 0.2 % of the shorter side, at least one pixel, with hard edges."""
    radius = max(1, round(min(image_size) / 512))
    dilated = strokes.filter(ImageFilter.MaxFilter(2 * radius + 1))
    # Dilated from soft edges, a rim of one pixel would be too transparent for the contrast.
    return dilated.point(lambda level: min(255, 2 * level))


def _tint(ink: Image.Image) -> Colour:
    pixels = np.asarray(ink)
    opaque = pixels[pixels[..., 3] == pixels[..., 3].max()]
    red, green, blue = (int(level) for level in np.median(opaque[:, :3], axis=0))
    return red, green, blue


def _sample(ground: Pixels) -> Pixels:
    return ground[:: max(1, len(ground) // SAMPLES)]


def _choose_colour(ground: Pixels, tint: Colour, opacity: float) -> tuple[Colour, bool]:
    """Colour nearest to the tint with enough contrast on `ground` (n, 3), and whether it has it."""
    preferred, other = (BLACK, WHITE) if _opposite(tint) == WHITE else (WHITE, BLACK)
    for extreme in (preferred, other):
        for step in range(SHADES + 1):
            shade = _mix(tint, extreme, step / SHADES)
            if _contrast_on(ground, shade, opacity) >= MIN_CONTRAST:
                return shade, True
    # Black or white: a medium tone has little contrast with both the background and its halo.
    return max(
        (preferred, other), key=lambda extreme: _contrast_on(ground, extreme, opacity)
    ), False


def _contrast_on(ground: Pixels, colour: Colour, opacity: float) -> float:
    """The contrast of the blended ink that nine tenths of the background have at least."""
    blended = ground + opacity * (np.array(colour) - ground)
    return float(np.percentile(contrast(blended, ground), 100 * (1 - LEGIBLE_SHARE)))


def _mix(colour: Colour, extreme: Colour, share: float) -> Colour:
    red, green, blue = (
        round(level + share * (end - level)) for level, end in zip(colour, extreme, strict=True)
    )
    return red, green, blue


def _opposite(colour: Colour) -> Colour:
    ink = np.array(colour, float)
    darker, lighter = (contrast(ink, np.array(end, float)) for end in (BLACK, WHITE))
    return BLACK if darker > lighter else WHITE
