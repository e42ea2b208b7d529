"""A head that corrects a UNet's clean latents: wide residual blocks at full latent resolution.

The finest level of a small UNet is narrower than its latents have channels. It learns what is where
in a picture, but at low noise it removes hardly more noise than a linear filter. The head is wider
than a latent and has no lower resolution, so it learns this in minutes. Its input is the UNet's
prediction and the noise that remains if this prediction is right; both have a variance of about 1.
"""

import functools

import torch
from diffusers import DDPMScheduler
from torch import nn
from torch.nn import functional

# Linear betas: the layout of these large, smooth latents remains visible up to high noise.
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "rescale_betas_zero_snr": True,
}
_EXPANSION = 3  # of a block's hidden layer
_GROUP = 16  # channels whose energy is measured together
_FLOOR = 0.01  # of an energy; that of pure noise is 1


class DetailHead(nn.Module):
    """Returns `predicted + spread · (gain · noise + correction)`, at first `predicted`.

    Gain and correction are learned per position and channel, so that all noise can be removed
    where a picture is flat: for that the head also sees the energy of the noise in groups of
    channels. `spread` is the standard deviation per channel of the best linear estimate, so the
    head learns values of about the same size at all times. `latent_mean` and `latent_std` [C] are
    those of the training data.
    """

    latent_mean: torch.Tensor
    latent_std: torch.Tensor

    def __init__(self, channels: int, width: int, depth: int, condition_width: int) -> None:
        super().__init__()
        self.register_buffer("latent_mean", torch.zeros(channels))
        self.register_buffer("latent_std", torch.ones(channels))
        self.conv_in = nn.Conv2d(2 * channels + _groups(channels), width, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(width, condition_width) for _ in range(depth))
        self.norm = nn.GroupNorm(1, width)
        self.conv_out = nn.Conv2d(width, 2 * channels, 3, padding=1)
        _make_zero(self.conv_out)

    def forward(
        self,
        noisy: torch.Tensor,
        predicted: torch.Tensor,
        times: torch.Tensor,
        condition: torch.Tensor,
    ) -> torch.Tensor:
        """Correct predicted clean latents [B, C, h, w] at diffusion times [B].

        `condition` [B, T] is the embedding of the times and, if the UNet has one, of the caption.
        """
        share = alphas_cumprod().to(noisy.device)[times.long()].view(-1, 1, 1, 1)
        mean, std = (each.view(1, -1, 1, 1) for each in (self.latent_mean, self.latent_std))
        noise = (noisy - share.sqrt() * predicted) / (1 - share).sqrt()
        inputs = torch.cat([(predicted - mean) / std, noise, _log_energy(noise)], dim=1)
        hidden = self.conv_in(inputs.to(self.conv_in.weight.dtype))
        for block in self.blocks:
            hidden = block(hidden, condition)
        gain, correction = self.conv_out(functional.silu(self.norm(hidden))).chunk(2, dim=1)
        spread = ((1 - share) / (share * std.square() + 1 - share)).sqrt() * std
        return predicted + (spread * (gain * noise + correction)).to(predicted.dtype)


class _Block(nn.Module):
    """A convolution and a wide hidden layer per position; the condition scales and shifts it."""

    def __init__(self, width: int, condition_width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.LayerNorm(width)
        self.condition = nn.Linear(condition_width, 2 * width)
        self.up = nn.Linear(width, _EXPANSION * width)
        self.down = nn.Linear(_EXPANSION * width, width)
        _make_zero(self.condition)
        _make_zero(self.down)

    def forward(self, hidden: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        scale, shift = self.condition(functional.silu(condition))[:, None, None].chunk(2, dim=-1)
        per_position = self.conv(hidden).permute(0, 2, 3, 1)  # a view in channels_last format
        changed = self.norm(per_position) * (1 + scale) + shift
        changed = self.down(functional.gelu(self.up(changed)))
        return hidden + changed.permute(0, 3, 1, 2)


def _groups(channels: int) -> int:
    """Into how many groups channels are divided to measure energy: of 16, or one."""
    return channels // _GROUP if channels % _GROUP == 0 else 1


def _log_energy(noise: torch.Tensor) -> torch.Tensor:
    """The logarithm of the mean square of each group of channels, [B, G, h, w]."""
    grouped = noise.unflatten(1, (_groups(noise.shape[1]), -1))
    return (grouped.float().square().mean(dim=2) + _FLOOR).log()


def _make_zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


@functools.cache
def alphas_cumprod() -> torch.Tensor:
    """`alphas_cumprod` of the schedule that the head is trained with, fp32 [1000] on the CPU.

    It does not belong to the weights: in half precision, low noise would be zero.
    """
    return DDPMScheduler(**SCHEDULE).alphas_cumprod
