"""PatchCodec: a fixed linear autoencoder of image patches, the built-in model's `vae`.

Space-to-depth by 32, then principal components of style-diverse patches: no training, exactly
reproducible, and able to carry palettes and textures that a small learned autoencoder cannot
express. Encoding is one strided convolution and decoding its transpose, after an optional small
refiner that takes off the noise a sampler leaves in latents.
"""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import BaseOutput
from torch import nn

PATCH = 32


@dataclass
class PatchCodecOutput(BaseOutput):
    """Latents [B, C, H / patch, W / patch], to be multiplied by `config.scaling_factor`."""

    latents: torch.Tensor


def make_refiner(channels: int, width: int) -> nn.Sequential:
    """Four small convolutions that answer a correction of scaled latents; at first, none."""
    last = nn.Conv2d(width, channels, 3, padding=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias if last.bias is not None else last.weight)
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.SiLU(),
        last,
    )


class PatchCodec(ModelMixin, ConfigMixin):
    """Images [B, 3, H, W] in [-1, 1] to latents and back; H and W are multiples of `patch`.

    `block_out_channels` carries no layers: diffusers reads the factor off its length.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 48,
        scaling_factor: float = 1.0,  # noqa: ARG002 - kept in config
        patch: int = PATCH,
        block_out_channels: tuple[int, ...] | None = None,
        refiner_width: int = 0,
    ) -> None:
        super().__init__()
        if block_out_channels is None:
            levels = tuple(3 * 4**level for level in range(patch.bit_length()))
            self.register_to_config(block_out_channels=levels)
        self.encoder = nn.Conv2d(3, latent_channels, patch, stride=patch)
        self.decoder = nn.ConvTranspose2d(latent_channels, 3, patch, stride=patch)
        self.refiner: nn.Sequential | None = None
        if refiner_width:
            self.refiner = make_refiner(latent_channels, refiner_width)

    def encode(
        self,
        x: torch.Tensor,
        return_dict: bool = True,  # noqa: FBT001, FBT002 - diffusers' signature
    ) -> Any:
        """Project every patch on the components."""
        latents = self.encoder(x)
        return PatchCodecOutput(latents=latents) if return_dict else (latents,)

    def decode(
        self,
        z: torch.Tensor,
        return_dict: bool = True,  # noqa: FBT001, FBT002 - diffusers' signature
        **_: Any,
    ) -> Any:
        """Sum every patch from its components; values may slightly leave [-1, 1]."""
        if self.refiner is not None:
            factor = self.config.scaling_factor
            z = z + self.refiner(z * factor) / factor
        sample = self.decoder(z)
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    def forward(self, sample: torch.Tensor) -> Any:
        """Encode and decode, [B, 3, H, W]."""
        return self.decode(self.encode(sample).latents)

    @torch.no_grad()
    def set_components(self, basis: torch.Tensor, mean: torch.Tensor, scales: torch.Tensor) -> None:
        """Install fitted components.

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
