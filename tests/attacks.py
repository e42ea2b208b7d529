"""Attacks on watermarks: functions of an RGB picture and a random generator."""

import functools
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Random = np.random.Generator
Attack = Callable[[Image.Image, Random], Image.Image]
Pixels = np.ndarray


def in_turn(*attacks: Attack) -> Attack:
    """Apply attacks in sequence."""
    return lambda picture, random: functools.reduce(
        lambda changed, attack: attack(changed, random), attacks, picture
    )


def reencoded(picture: Image.Image, kind: str, quality: int) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, kind, quality=quality)
    return Image.open(stream).convert("RGB")


def jpeg(quality: int) -> Attack:
    return lambda picture, _: reencoded(picture, "JPEG", quality)


def webp(quality: int) -> Attack:
    return lambda picture, _: reencoded(picture, "WEBP", quality)


def scale(across: float, down: float | None = None) -> Attack:
    def scaled(picture: Image.Image, _: Random) -> Image.Image:
        size = round(picture.width * across), round(picture.height * (down or across))
        return picture.resize(size, Image.Resampling.BICUBIC)

    return scaled


def crop(share: float) -> Attack:
    """Crop to a share of each side, at a random position."""

    def cropped(picture: Image.Image, random: Random) -> Image.Image:
        width, height = round(picture.width * share), round(picture.height * share)
        left = int(random.integers(picture.width - width + 1))
        top = int(random.integers(picture.height - height + 1))
        return picture.crop((left, top, left + width, top + height))

    return cropped


def rotate(degrees: float) -> Attack:
    return lambda picture, _: picture.rotate(degrees, Image.Resampling.BICUBIC)


def border(picture: Image.Image, _: Random) -> Image.Image:
    return ImageOps.expand(picture, 4, "white")


def page(picture: Image.Image, _: Random) -> Image.Image:
    """Screenshot of a phone: the picture as wide as the page, lines of text above and below."""
    shown = ImageOps.contain(picture, (1080, 4000), Image.Resampling.BILINEAR)
    screen = Image.new("RGB", (1080, shown.height + 700), (250, 250, 250))
    screen.paste(shown, (0, 300))
    pen = ImageDraw.Draw(screen)
    for top in (*range(40, 260, 45), *range(shown.height + 340, shown.height + 560, 45)):
        pen.text((40, top), "a line of text beside a picture", fill=(20, 20, 20), font_size=34)
    return reencoded(screen, "JPEG", 80)


def perspective(picture: Image.Image, _: Random) -> Image.Image:
    """Perspective: the right edge is 4 % shorter than the left one."""
    width, height = picture.size
    corners = (0, 0, 0, height, width, height * 1.02, width, -height * 0.02)
    return picture.transform(
        picture.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor="grey"
    )


def caption(picture: Image.Image, _: Random) -> Image.Image:
    captioned = picture.copy()
    top, bottom = picture.height * 0.8, picture.height * 0.95
    ImageDraw.Draw(captioned).rectangle((0, top, picture.width, bottom), fill="black")
    return captioned


def on_levels(change: Callable[[Pixels, Random], Pixels]) -> Attack:
    """Change the levels, 0-255 in float64."""

    def changed(picture: Image.Image, random: Random) -> Image.Image:
        levels = np.rint(change(np.asarray(picture, np.float64), random))
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))

    return changed


def noise(deviation: float) -> Attack:
    return on_levels(lambda levels, random: levels + random.normal(0, deviation, levels.shape))


def filtered(with_filter: ImageFilter.Filter) -> Attack:
    return lambda picture, _: picture.filter(with_filter)


SCREENSHOT = in_turn(scale(0.83), border, jpeg(70))
# With the share of pictures in which the mark must be detected.
GOALS: dict[str, tuple[Attack, float]] = {
    "JPEG q50": (jpeg(50), 0.99),
    "scale 50 %": (scale(0.5), 0.99),
    "crop 25 % off each side": (crop(0.75), 0.99),
    "screenshot": (SCREENSHOT, 0.99),
    "crop 25 %, JPEG q50": (in_turn(crop(0.75), jpeg(50)), 0.97),
}
MORE: dict[str, Attack] = {
    "JPEG q30": jpeg(30),
    "JPEG q15": jpeg(15),
    "WebP q50": webp(50),
    "scale 150 %": scale(1.5),
    "scale 25 %": scale(0.25),
    "stretched 10 %": scale(1.1, 1.0),
    "crop 50 % off each side": crop(0.5),
    "crop 50 %, JPEG q50": in_turn(crop(0.5), jpeg(50)),
    "crop 25 %, scale 73 %, JPEG q75": in_turn(crop(0.75), scale(0.73), jpeg(75)),
    "q85, scale 60 %, WebP 75, q75": in_turn(jpeg(85), scale(0.6), webp(75), jpeg(75)),
    "page of a phone": page,
    "mirrored, crop 25 %, q75": in_turn(
        lambda picture, _: ImageOps.mirror(picture), crop(0.75), jpeg(75)
    ),
    "rotated 90°": lambda picture, _: picture.transpose(Image.Transpose.ROTATE_90),
    "rotated 3°": rotate(3),
    "rotated 2°, crop 10 %, q80": in_turn(rotate(2), crop(0.9), jpeg(80)),
    "perspective 4 %": perspective,
    "caption over it": caption,
    "brighter 20 %": on_levels(lambda levels, _: levels * 1.2),
    "contrast 70 %": on_levels(lambda levels, _: (levels - 128) * 0.7 + 128),
    "grey": lambda picture, _: ImageEnhance.Color(picture).enhance(0),
    "blur 1": filtered(ImageFilter.GaussianBlur(1)),
    "blur 2": filtered(ImageFilter.GaussianBlur(2)),
    "median 3": filtered(ImageFilter.MedianFilter(3)),
    "sharpened": filtered(ImageFilter.UnsharpMask(2, 100, 2)),
    "noise 5": noise(5),
    "noise 12": noise(12),
}
