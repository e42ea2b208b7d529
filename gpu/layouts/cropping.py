"""Crops that never cut the product."""

from PIL import Image, ImageChops

from gpu.layouts.page import contained

_MEASURED = 256  # pixels: the product is looked for in a small copy
_DIFFERENT = 40  # of 255, from the backdrop
_MARGIN = 0.03  # of the crop's shorter side, around the product

Size = tuple[int, int]


def around_product(picture: Image.Image, size: Size) -> Image.Image:
    """Crop an RGB picture to the shape of a size (width, height) around the product, and scale it.

    A product that such a crop would cut is shown whole, on the colour of its backdrop.
    """
    scale = min(picture.width / size[0], picture.height / size[1])
    width, height = size[0] * scale, size[1] * scale
    backdrop, (left, top, right, bottom) = _product(picture)
    margin = 2 * _MARGIN * min(width, height)
    is_cut = (right - left + margin > width and width < picture.width) or (
        bottom - top + margin > height and height < picture.height
    )
    if is_cut:
        whole = contained(picture, size)
        ground = Image.new("RGB", size, backdrop)
        ground.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
        return ground
    x = min(max((left + right - width) / 2, 0), picture.width - width)
    y = min(max((top + bottom - height) / 2, 0), picture.height - height)
    box = (x, y, x + width, y + height)
    return picture.resize(size, Image.Resampling.LANCZOS, box, reducing_gap=3)


def _product(
    picture: Image.Image,
) -> tuple[tuple[int, int, int], tuple[float, float, float, float]]:
    """The backdrop's colour, and the box of what differs from it (the whole photo if nothing)."""
    small = picture.copy()
    small.thumbnail((_MEASURED, _MEASURED), Image.Resampling.BOX)
    red, green, blue = _border_colour(small)
    bands = ImageChops.difference(small, Image.new("RGB", small.size, (red, green, blue))).split()
    most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    found = most.point([0] * _DIFFERENT + [255] * (256 - _DIFFERENT)).getbbox()
    left, top, right, bottom = found or (0, 0, *small.size)
    across, down = picture.width / small.width, picture.height / small.height
    return (red, green, blue), (left * across, top * down, right * across, bottom * down)


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
