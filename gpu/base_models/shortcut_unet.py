"""ShortcutUNet: diffusers' conditional UNet with a skip connection from its input to its output.

A narrow network cannot pass all channels of its latents through: without the skip connection its
prediction is 10 grey levels off even at almost no noise. The gain of the connection is learned per
channel and timestep; preconditioning (Karras et al., 2022, arXiv 2206.00364) computes it instead.
"""

import functools
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import nn
from torch.nn import functional


class ShortcutUNet(UNet2DConditionModel):
    """Returns `skip · noisy + (1 + gain) · network(noisy)`; at first `skip` and `gain` are zero.

    Both are [B, C], linear in the time embedding.
    """

    # diffusers takes the names of the config from this signature
    @functools.wraps(UNet2DConditionModel.__init__)  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        width = self.time_embedding.linear_2.out_features
        self.shortcut = nn.Linear(width, 2 * self.config.out_channels)
        nn.init.zeros_(self.shortcut.weight)
        nn.init.zeros_(self.shortcut.bias)

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor | float,
        encoder_hidden_states: torch.Tensor,
        return_dict: bool = True,  # noqa: FBT001, FBT002 - diffusers' signature
        **options: Any,
    ) -> Any:
        """Predict clean latents [B, C, h, w] from noisy ones at one timestep or [B]."""
        (predicted,) = super().forward(
            sample, timestep, encoder_hidden_states, return_dict=False, **options
        )
        time = self.time_embedding(self.get_time_embed(sample=sample, timestep=timestep))
        # scaled as in attention; unscaled, the optimizer's step size is too large for it
        mix = self.shortcut(functional.silu(time)) / self.shortcut.in_features**0.5
        skip, gain = mix[:, :, None, None].chunk(2, dim=1)
        clean = skip * sample + (1 + gain) * predicted
        return UNet2DConditionOutput(sample=clean) if return_dict else (clean,)
