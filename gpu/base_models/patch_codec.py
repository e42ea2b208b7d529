"""PatchCodec: a fixed linear autoencoder of image patches, the built-in model's `vae`.

Space-to-depth by 16, then the principal components of style-diverse patches: no training, exactly
reproducible, and able to carry palettes and textures that a small learned autoencoder cannot
express. Encoding is one strided convolution and decoding its transpose.
"""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import BaseOutput
from torch import nn

PATCH = 16


@dataclass
class PatchCodecOutput(BaseOutput):
    """Latents [B, C, H / 16, W / 16], to be multiplied by `config.scaling_factor`."""

    latents: torch.Tensor


class PatchCodec(ModelMixin, ConfigMixin):
    """Images [B, 3, H, W] in [-1, 1] to latents and back; H and W are multiples of 16.

    `block_out_channels` carries no layers: its length tells diffusers that the factor is 16.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 48,
        scaling_factor: float = 1.0,  # noqa: ARG002 - kept in config
        block_out_channels: tuple[int, ...] = (3, 12, 48, 192, 768),  # noqa: ARG002 - kept in config
    ) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, latent_channels, PATCH, stride=PATCH)
        self.decoder = nn.ConvTranspose2d(latent_channels, 3, PATCH, stride=PATCH)

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
        sample = self.decoder(z)
        return DecoderOutput(sample=sample) if return_dict else (sample,)

    def forward(self, sample: torch.Tensor) -> Any:
        """Encode and decode, [B, 3, H, W]."""
        return self.decode(self.encode(sample).latents)

    @torch.no_grad()
    def set_components(self, basis: torch.Tensor, mean: torch.Tensor, scales: torch.Tensor) -> None:
        """Install fitted components.

        `basis` [C, 768] has orthonormal rows over patches flattened as (3, 16, 16), `mean` is
        [3, 1, 1] per colour, `scales` [C] are what projections are divided by.
        """
        kernels = basis.reshape(-1, 3, PATCH, PATCH)
        self.encoder.weight.copy_(kernels / scales[:, None, None, None])
        centre = mean.expand(3, PATCH, PATCH)
        offsets = -(self.encoder.weight * centre).sum(dim=(1, 2, 3))
        self.decoder.weight.copy_(kernels * scales[:, None, None, None])
        self.encoder.bias = nn.Parameter(offsets)
        self.decoder.bias = nn.Parameter(mean.flatten())
