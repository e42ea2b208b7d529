"""PatchCodec: a linear autoencoder of image patches with an optional refiner of its output.

Space-to-depth by 32, then principal components of patches of many styles. It is exactly
reproducible and represents palettes and textures that a small trained autoencoder cannot. Encoding
is one strided convolution, decoding its transpose. The refiner is a small convolutional network on
pixels, which removes the borders of the patches and sharpens edges.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import BaseOutput
from torch import nn
from torch.nn import functional

PATCH = 32


@dataclass
class PatchCodecOutput(BaseOutput):
    """Latents [B, C, H / patch, W / patch], to be multiplied by `config.scaling_factor`."""

    latents: torch.Tensor


class Residual(nn.Module):
    """A residual block of two convolutions, [B, width, h, w]; initially close to the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Add the output of the convolutions to the features."""
        residual: torch.Tensor = self.second(functional.silu(self.first(functional.silu(features))))
        return features + residual


class PixelRefiner(nn.Module):
    """Refines decoded pictures [B, 3, H, W]: removes grain, halos and patch borders.

    A small U-Net on pixels folded by `FOLD`; each level halves the side. Its receptive field
    crosses the borders of patches, so an edge is treated the same at every position in a patch.
    Initially it is the identity.
    """

    FOLD = 4

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        folded = 3 * self.FOLD**2
        self.first = nn.Conv2d(folded, widths[0], 3, padding=1)
        self.down = nn.ModuleList(Residual(width) for width in widths)
        self.shrink = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in itertools.pairwise(widths)
        )
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2)
            for fine, coarse in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(Residual(width) for width in widths)
        self.last = nn.Conv2d(widths[0], folded, 3, padding=1)
        self.kept = nn.Parameter(torch.ones(folded, 1, 1))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias if self.last.bias is not None else self.last.weight)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Refine pictures [B, 3, H, W]; H and W are multiples of `FOLD · 2^(levels - 1)`."""
        folded = functional.pixel_unshuffle(pixels, self.FOLD)
        levels = [self.down[0](self.first(folded))]
        for shrink, residual in zip(self.shrink, self.down[1:], strict=True):
            levels.append(residual(shrink(levels[-1])))
        features = self.up[-1](levels[-1])
        for level in reversed(range(len(self.grow))):
            features = self.up[level](levels[level] + self.grow[level](features))
        return functional.pixel_shuffle(folded * self.kept + self.last(features), self.FOLD)


class PatchCodec(ModelMixin, ConfigMixin):
    """Images [B, 3, H, W] in [-1, 1] to latents and back; H and W are multiples of `patch`.

    `block_out_channels` has no layers: diffusers takes the factor from its length.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 192,
        scaling_factor: float = 1.0,  # noqa: ARG002 - kept in config
        patch: int = PATCH,
        block_out_channels: tuple[int, ...] | None = None,
        refiner_widths: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        if block_out_channels is None:
            levels = tuple(3 * 4**level for level in range(patch.bit_length()))
            self.register_to_config(block_out_channels=levels)
        self.encoder = nn.Conv2d(3, latent_channels, patch, stride=patch)
        self.decoder = nn.ConvTranspose2d(latent_channels, 3, patch, stride=patch)
        self.refiner: PixelRefiner | None = None
        if refiner_widths:
            self.refiner = PixelRefiner(refiner_widths)

    def encode(
        self,
        x: torch.Tensor,
        return_dict: bool = True,  # noqa: FBT001, FBT002 - diffusers' signature
    ) -> Any:
        """Project every patch onto the components."""
        latents = self.encoder(x)
        return PatchCodecOutput(latents=latents) if return_dict else (latents,)

    def decode(
        self,
        z: torch.Tensor,
        return_dict: bool = True,  # noqa: FBT001, FBT002 - diffusers' signature
        **_: Any,
    ) -> Any:
        """Reconstruct every patch and refine; values may slightly exceed [-1, 1]."""
        sample = self.decoder(z)
        if self.refiner is not None:
            sample = self.refiner(sample)
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    def forward(self, sample: torch.Tensor) -> Any:
        """Encode and decode, [B, 3, H, W]."""
        return self.decode(self.encode(sample).latents)

    @torch.no_grad()
    def set_components(self, basis: torch.Tensor, mean: torch.Tensor, scales: torch.Tensor) -> None:
        """Set fitted components.

        `basis` [C, 3 * patch²] has orthonormal rows over patches flattened as (3, patch, patch),
        `mean` is [3, 1, 1] per colour, `scales` [C] are what projections are divided by.
        """
        patch = self.config.patch
        kernels = basis.reshape(-1, 3, patch, patch)
        self.encoder.weight.copy_(kernels / scales[:, None, None, None])
        centre = mean.expand(3, patch, patch)
        offsets = -(self.encoder.weight * centre).sum(dim=(1, 2, 3))
        self.decoder.weight.copy_(kernels * scales[:, None, None, None])
        self.encoder.bias = nn.Parameter(offsets)
        self.decoder.bias = nn.Parameter(mean.flatten())
