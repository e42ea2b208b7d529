"""Slow attacks of the watermark's bench: denoisers, a codec's round trip, stronger perspective."""

from functools import cache

import numpy as np
from PIL import Image
from scipy import ndimage

from tests.attacks import Attack, Random

BILATERAL_REACH, BILATERAL_SIGMA, BILATERAL_LEVELS = 3, 2.0, 20.0
PATCH, SEARCH_REACH, FILTERING_LEVELS = 5, 5, 10.0


def _weighted_by(picture, reach, weigh):
    """Mean over all shifts within `reach`, weighted by `weigh(levels, shifted levels, shift)`."""
    levels = np.asarray(picture, np.float32)
    padded = np.pad(levels, ((reach, reach), (reach, reach), (0, 0)), "reflect")
    total, weights = np.zeros_like(levels), np.zeros(levels.shape[:2], np.float32)
    for down, across in np.ndindex(2 * reach + 1, 2 * reach + 1):
        rows, columns = levels.shape[:2]
        shifted = padded[down : down + rows, across : across + columns]
        weight = weigh(levels, shifted, (down - reach, across - reach))
        total += weight[..., None] * shifted
        weights += weight
    return Image.fromarray(np.rint(total / weights[..., None]).astype(np.uint8))


def bilateral(picture: Image.Image, _: Random) -> Image.Image:
    """Bilateral filter: 7 × 7, 2 pixels, 20 grey levels."""

    def weigh(levels, shifted, shift):
        near = np.exp(-(shift[0] ** 2 + shift[1] ** 2) / (2 * BILATERAL_SIGMA**2))
        distance = ((levels - shifted) ** 2).mean(2)
        return (near * np.exp(-distance / (2 * BILATERAL_LEVELS**2))).astype(np.float32)

    return _weighted_by(picture, BILATERAL_REACH, weigh)


def non_local_means(picture: Image.Image, _: Random) -> Image.Image:
    """Non-local means: patches of 5 × 5, 11 × 11 places, filtering parameter 10."""

    def weigh(levels, shifted, _shift):
        distance = ndimage.uniform_filter(((levels - shifted) ** 2).mean(2), PATCH)
        return np.exp(-distance / FILTERING_LEVELS**2)

    return _weighted_by(picture, SEARCH_REACH, weigh)


@cache
def _codec():
    from gpu.base_models.registry import load_base_model

    return load_base_model("built-in")


def codec_round_trip(picture: Image.Image, _: Random) -> Image.Image:
    """Encode and decode by the autoencoder of the built-in base model."""
    from gpu.rendering.pixels import to_pictures, to_tensor

    width, height = (side // 16 * 16 for side in picture.size)
    codec = _codec()
    latents = codec.encode_images(to_tensor([picture.crop((0, 0, width, height))]))
    return to_pictures(codec.decode_latents(latents))[0]


def strong_perspective(picture: Image.Image, _: Random) -> Image.Image:
    """Perspective: the right edge is 12 % shorter than the left one."""
    width, height = picture.size
    corners = (0, 0, 0, height, width, height * 1.06, width, -height * 0.06)
    return picture.transform(
        picture.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor="grey"
    )


SLOW: dict[str, Attack] = {
    "perspective 12 %": strong_perspective,
    "bilateral filter": bilateral,
    "non-local means": non_local_means,
    "round trip of the built-in codec": codec_round_trip,
}
