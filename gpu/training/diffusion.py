"""The denoising objective: noise, targets and loss weights of a batch, and its loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gpu.base_models.lora import RowAdapter, apply_adapters
from gpu.base_models.model import BaseModel
from gpu.base_models.text import Conditioning
from gpu.randomness import named_generator

_TINY = 1e-8


@dataclass(frozen=True)
class NoisyBatch:
    """A noised training batch.

    `noisy` and `target` fp32 [B, C, h, w], `times` int64 [B], `weights` fp32 [B],
    `text` one row each.
    """

    noisy: torch.Tensor
    target: torch.Tensor
    times: torch.Tensor
    weights: torch.Tensor
    text: Conditioning

    @classmethod
    def join(cls, batches: "Sequence[NoisyBatch]") -> "NoisyBatch":
        """The rows of several batches of one shape, in order."""
        return cls(
            noisy=torch.cat([batch.noisy for batch in batches]),
            target=torch.cat([batch.target for batch in batches]),
            times=torch.cat([batch.times for batch in batches]),
            weights=torch.cat([batch.weights for batch in batches]),
            text=Conditioning.join([batch.text for batch in batches]),
        )

    @property
    def row_shapes(self) -> tuple[torch.Size, torch.Size]:
        """Shapes of one row's latents and text; only batches with equal shapes can be joined."""
        return self.noisy.shape[1:], self.text.hidden.shape[1:]

    def part(self, start: int, length: int) -> "NoisyBatch":
        """A micro-batch of `length` rows from row `start`."""
        rows = slice(start, start + length)
        return NoisyBatch(
            self.noisy[rows],
            self.target[rows],
            self.times[rows],
            self.weights[rows],
            self.text[rows],
        )

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Objective:
    """The forward process of a base model and its loss weights."""

    alphas_cumprod: torch.Tensor
    prediction_type: str
    min_snr_gamma: float | None
    noise_offset: float

    @classmethod
    def of(
        cls, base: BaseModel, *, min_snr_gamma: float | None, noise_offset: float
    ) -> "Objective":
        """The objective that this base model was trained with."""
        return cls(base.alphas_cumprod(), base.prediction_type, min_snr_gamma, noise_offset)

    def draw(
        self, latents: torch.Tensor, text: Conditioning, name: Sequence[str | int]
    ) -> NoisyBatch:
        """Add noise to latents fp32 [B, C, h, w]; the draw is named, so it is reproducible.

        Timesteps are stratified: one random draw from each of B equal intervals. The loss of a
        small batch then varies far less than with independent draws.
        """
        generator = named_generator(*name)
        count, channels = latents.shape[:2]
        positions = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        times = (positions * len(self.alphas_cumprod)).long()
        times = times[torch.randperm(count, generator=generator)]
        noise = torch.randn(latents.shape, generator=generator)
        if self.noise_offset:
            shift = torch.randn((count, channels, 1, 1), generator=generator)
            noise = noise + self.noise_offset * shift
        return self.noise(latents, text, times, noise.to(latents.device))

    def noise(
        self,
        latents: torch.Tensor,
        text: Conditioning,
        times: torch.Tensor,
        noise: torch.Tensor,
    ) -> NoisyBatch:
        """Mix latents and noise at `times`, which are on the CPU."""
        share = self.alphas_cumprod[times]
        signal = share.sqrt().view(-1, 1, 1, 1).to(latents.device)
        spread = (1.0 - share).sqrt().view(-1, 1, 1, 1).to(latents.device)
        target = {
            "epsilon": noise,
            "v_prediction": signal * noise - spread * latents,
            "sample": latents,
        }[self.prediction_type]
        return NoisyBatch(
            noisy=signal * latents + spread * noise,
            target=target,
            times=times.to(latents.device),
            weights=self._weights(share).to(latents.device),
            text=text,
        )

    def _weights(self, share: torch.Tensor) -> torch.Tensor:
        """Min-SNR weights (arXiv 2303.09556), except that they stay 1 towards pure noise.

        With zero terminal SNR the published weight of the last timestep is zero, so the palette
        and brightness, decided there, would never be trained. For velocity and for clean latents
        the weights give the same loss.
        """
        if self.min_snr_gamma is None:
            return torch.ones_like(share)
        ratio = share / (1.0 - share).clamp_min(_TINY)
        if self.prediction_type == "epsilon":
            return (self.min_snr_gamma / ratio.clamp_min(_TINY)).clamp_max(1.0)
        capped = (ratio + 1.0).clamp_max(self.min_snr_gamma)
        return capped if self.prediction_type == "sample" else capped / (ratio + 1.0)


def weighted_losses(
    base: BaseModel, batch: NoisyBatch, adapters: Sequence[RowAdapter | None]
) -> torch.Tensor:
    """The loss of each row with its adapter, fp32 [B].

    The network runs in the base model's precision, the difference is taken in fp32.
    """
    precision = torch.autocast(
        base.device.type, dtype=base.dtype, enabled=base.dtype != torch.float32
    )
    with apply_adapters(base.unet, adapters), precision:
        predicted = base.predict(batch.noisy, batch.times, batch.text)
    return (predicted.float() - batch.target).square().mean(dim=(1, 2, 3)) * batch.weights
