"""Style distance between sets of pictures, without a downloaded network.

Features of a picture are its colour statistics and the Gram matrices of a two-layer convolution
network with fixed random weights (random features describe texture nearly as well as trained ones:
Ustyuzhaninov et al., arXiv 1606.00021). Every picture first passes through the base model's codec,
so that detail which the codec cannot encode does not count as style.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch.nn import functional

from gpu.base_models.model import BaseModel
from gpu.randomness import named_generator
from gpu.rendering.pixels import to_pictures, to_tensor

COLOUR_FEATURES = 9  # the first ones; all others are of texture
_CHANNELS = (24, 32)
_KERNEL = 5
_SIDE = 512  # shorter side at which pictures are compared
_MIN_SPREAD = 1e-6


@dataclass(frozen=True)
class StyleGap:
    """Distances from works of a style: of the base's pictures, the trained ones and other works.

    `codec_floor` is the distance of the other works.
    """

    base: float
    trained: float
    codec_floor: float

    @property
    def closed(self) -> float:
        """`(base - trained) / (base - codec_floor)`: 0 as the base model, 1 as other works."""
        return (self.base - self.trained) / (self.base - self.codec_floor)


def style_features(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Features fp32 [N, F] of RGB pictures of any size, colour features first."""
    return torch.stack([_features_of(picture) for picture in pictures])


@torch.no_grad()
def _features_of(picture: Image.Image) -> torch.Tensor:
    resized = picture.convert("RGB")
    if min(resized.size) != _SIDE:
        scale = _SIDE / min(resized.size)
        size = (round(resized.width * scale), round(resized.height * scale))
        resized = resized.resize(size, Image.Resampling.LANCZOS)
    pixels = to_tensor([resized])
    features = [_colour_statistics(pixels)]
    maps = pixels
    for weights in _random_network():
        maps = functional.leaky_relu(functional.conv2d(maps, weights, stride=2), 0.1)
        features.append(_gram(maps))
    return torch.cat(features)


def _random_network() -> list[torch.Tensor]:
    generator = named_generator("style meter", 1)
    layers, inputs = [], 3
    for outputs in _CHANNELS:
        weights = torch.randn((outputs, inputs, _KERNEL, _KERNEL), generator=generator)
        layers.append(weights / (inputs * _KERNEL * _KERNEL) ** 0.5)
        inputs = outputs
    return layers


def _colour_statistics(pixels: torch.Tensor) -> torch.Tensor:
    """Mean, deviation and covariance of the channels: [3 + 3 + 3]."""
    flat = pixels.flatten(2)[0]
    covariance = torch.cov(flat)
    upper = torch.triu_indices(3, 3, offset=1)
    return torch.cat([flat.mean(dim=1), flat.std(dim=1), covariance[upper[0], upper[1]]])


def _gram(maps: torch.Tensor) -> torch.Tensor:
    """Upper triangle of the Gram matrix; signed square roots, so that no pair dominates."""
    flat = maps.flatten(2)[0]
    gram = flat @ flat.T / flat.shape[1]
    upper = torch.triu_indices(*gram.shape)
    values = gram[upper[0], upper[1]]
    return values.sign() * values.abs().sqrt()


@dataclass(frozen=True)
class StyleMeter:
    """Distances to one style; features are standardised over its works and the base's pictures."""

    centre: torch.Tensor
    spread: torch.Tensor
    target: torch.Tensor

    @classmethod
    def of(cls, works: torch.Tensor, plain: torch.Tensor) -> "StyleMeter":
        """A meter for the style of `works`; `plain` are the base model's; features [N, F] each."""
        both = torch.cat([works, plain])
        centre, spread = both.mean(dim=0), both.std(dim=0).clamp_min(_MIN_SPREAD)
        return cls(centre, spread, ((works - centre) / spread).mean(dim=0))

    def distance(self, features: torch.Tensor) -> float:
        """Root mean square difference between the means of a set and of the style."""
        mean = ((features - self.centre) / self.spread).mean(dim=0)
        return float((mean - self.target).square().mean().sqrt())


def through_codec(base: BaseModel, pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Encode and decode pictures with the base model's codec."""
    decoded = [
        base.decode_latents(base.encode_images(to_tensor([picture]))) for picture in pictures
    ]
    return [to_pictures(tensor)[0] for tensor in decoded]


def measure_style_gap(
    base: BaseModel,
    *,
    works: Sequence[Image.Image],
    other_works: Sequence[Image.Image],
    plain: Sequence[Image.Image],
    trained: Sequence[Image.Image],
) -> StyleGap:
    """The distances of pictures from a style before and after training.

    `works` are works of the style, `other_works` different ones, whose distance is the floor;
    `plain` and `trained` are the base model's and the trained style's pictures of the same prompts
    and seeds. Sides must be multiples of the base model's `size_multiple`.
    """
    works_features = style_features(through_codec(base, works))
    other_features = style_features(through_codec(base, other_works))
    plain_features = style_features(through_codec(base, plain))
    trained_features = style_features(through_codec(base, trained))
    meter = StyleMeter.of(works_features, plain_features)
    return StyleGap(
        base=meter.distance(plain_features),
        trained=meter.distance(trained_features),
        codec_floor=meter.distance(other_features),
    )
