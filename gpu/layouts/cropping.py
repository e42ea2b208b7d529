"""Crop a photo without cutting the product."""

from PIL import Image, ImageChops

from gpu.layouts.page import fit

_ANALYSIS_SIDE = 256  # pixels: size of the copy in which the product is detected
_MIN_DIFFERENCE = 40  # of 255, from the backdrop
_MARGIN = 0.03  # of the crop's shorter side, around the product

Size = tuple[int, int]


def around_product(picture: Image.Image, size: Size) -> Image.Image:
    """Crop an RGB picture around the product and scale it to a size (width, height).

    If the crop would cut the product, the whole picture is fitted on its backdrop colour instead.
    """
    scale = min(picture.width / size[0], picture.height / size[1])
    width, height = size[0] * scale, size[1] * scale
    backdrop, (left, top, right, bottom) = _product(picture)
    margin = 2 * _MARGIN * min(width, height)
    is_cut = (right - left + margin > width and width < picture.width) or (
        bottom - top + margin > height and height < picture.height
    )
    if is_cut:
        scaled = fit(picture, size)
        canvas = Image.new("RGB", size, backdrop)
        canvas.paste(scaled, ((size[0] - scaled.width) // 2, (size[1] - scaled.height) // 2))
        return canvas
    x = min(max((left + right - width) / 2, 0), picture.width - width)
    y = min(max((top + bottom - height) / 2, 0), picture.height - height)
    box = (x, y, x + width, y + height)
    return picture.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3)


def _product(
    picture: Image.Image,
) -> tuple[tuple[int, int, int], tuple[float, float, float, float]]:
    """The backdrop's colour, and the bounding box of other colours (the whole photo if none)."""
    small = picture.copy()
    small.thumbnail((_ANALYSIS_SIDE, _ANALYSIS_SIDE), Image.Resampling.BOX)
    red, green, blue = _border_colour(small)
    bands = ImageChops.difference(small, Image.new("RGB", small.size, (red, green, blue))).split()
    difference = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    bounding_box = difference.point(
        [0] * _MIN_DIFFERENCE + [255] * (256 - _MIN_DIFFERENCE)
    ).getbbox()
    left, top, right, bottom = bounding_box or (0, 0, *small.size)
    scale_x, scale_y = picture.width / small.width, picture.height / small.height
    return (red, green, blue), (left * scale_x, top * scale_y, right * scale_x, bottom * scale_y)


def _border_colour(picture: Image.Image) -> tuple[int, int, int]:
    """The median of each channel along the border."""
    width, height = picture.size
    strips = [
        picture.crop(box).tobytes()
        for box in (
            (0, 0, width, 1),
            (0, height - 1, width, height),
            (0, 0, 1, height),
            (width - 1, 0, width, height),
        )
    ]
    levels = b"".join(strips)
    red, green, blue = (sorted(levels[channel::3])[len(levels) // 6] for channel in range(3))
    return red, green, blue
