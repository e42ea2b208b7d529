"""ShortcutUNet: diffusers' conditional UNet with a skip connection from its input to its output.

A narrow network cannot pass all channels of its latents through: without the skip connection its
prediction is 10 grey levels off even at almost no noise. The gain of the connection is learned per
channel and timestep; preconditioning (Karras et al., 2022, arXiv 2206.00364) computes it instead.
"""

import inspect
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import nn
from torch.nn import functional

from gpu.base_models.detail_head import DetailHead


class ShortcutUNet(UNet2DConditionModel):
    """Returns `skip · noisy + (1 + gain) · network(noisy)`; at first `skip` and `gain` are zero.

    Both are [B, C], linear in the time embedding. With a `detail_depth` this is corrected by a
    `DetailHead` of that many blocks, `detail_width` wide.
    """

    def __init__(
        self, *arguments: Any, detail_width: int = 256, detail_depth: int = 0, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.register_to_config(detail_width=detail_width, detail_depth=detail_depth)
        width = self.time_embedding.linear_2.out_features
        self.shortcut = nn.Linear(width, 2 * self.config.out_channels)
        nn.init.zeros_(self.shortcut.weight)
        nn.init.zeros_(self.shortcut.bias)
        self.detail = (
            DetailHead(self.config.out_channels, detail_width, detail_depth, width)
            if detail_depth
            else None
        )

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
        if self.detail is not None:
            times = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
            text = self.get_aug_embed(
                time, encoder_hidden_states, options.get("added_cond_kwargs") or {}
            )
            clean = self.detail(sample, clean, times, time if text is None else time + text)
        return UNet2DConditionOutput(sample=clean) if return_dict else (clean,)


def _signature() -> inspect.Signature:
    """The parameters of a UNet and of the head: diffusers takes the names of a config from it."""
    own = inspect.signature(ShortcutUNet.__init__).parameters
    head = [each for each in own.values() if each.kind is inspect.Parameter.KEYWORD_ONLY]
    whole = inspect.signature(UNet2DConditionModel.__init__)
    return whole.replace(parameters=[*whole.parameters.values(), *head])


ShortcutUNet.__init__.__signature__ = _signature()  # type: ignore[attr-defined]
