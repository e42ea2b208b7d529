"""ShortcutUNet: diffusers' conditional UNet with a short way from its input to its output.

A narrow network cannot carry all channels of its latents from end to end: without the shortcut its
clean picture is 10 grey levels off even where nearly no noise has to be taken away. How much of the
input goes straight through is learned, per channel and diffusion time: what preconditioning
(Karras et al., 2022, arXiv 2206.00364) sets by formula, for networks that predict clean latents.
"""

import functools
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import nn
from torch.nn import functional


class ShortcutUNet(UNet2DConditionModel):
    """Answers `keep · noisy + (1 + gain) · network(noisy)`; fresh, `keep` and `gain` are zero.

    `keep` and `gain` are [B, C], linear in the embedding of the diffusion time.
    """

    # diffusers reads the names of the config off this signature
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
        """Predict clean latents [B, C, h, w] from noisy ones at times, one or [B]."""
        (predicted,) = super().forward(
            sample, timestep, encoder_hidden_states, return_dict=False, **options
        )
        time = self.time_embedding(self.get_time_embed(sample=sample, timestep=timestep))
        # scaled as attention is: else the optimizer's steps, one size for all, shake the picture
        mix = self.shortcut(functional.silu(time)) / self.shortcut.in_features**0.5
        keep, gain = mix[:, :, None, None].chunk(2, dim=1)
        clean = keep * sample + (1 + gain) * predicted
        return UNet2DConditionOutput(sample=clean) if return_dict else (clean,)
