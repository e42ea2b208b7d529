"""The held-out loss: artworks excluded from training, always with the same noise and timesteps."""

from dataclasses import dataclass

import torch

from gpu.base_models.lora import RowAdapter
from gpu.base_models.model import BaseModel
from gpu.randomness import named_generator
from gpu.training.dataset import Dataset
from gpu.training.diffusion import NoisyBatch, Objective, weighted_losses

_TIMES_PER_ARTWORK = 8


@dataclass(frozen=True)
class HeldOut:
    """The held-out artworks with fixed noise, one batch per artwork."""

    batches: tuple[NoisyBatch, ...]

    @classmethod
    def of(
        cls, dataset: Dataset, objective: Objective, seed: int, device: torch.device
    ) -> "HeldOut":
        """Noise each held-out artwork at evenly spaced timesteps."""
        last = len(objective.alphas_cumprod) - 1
        times = torch.linspace(0.05 * last, last, _TIMES_PER_ARTWORK).long()
        batches = []
        for index, artwork in enumerate(dataset.held_out):
            shape = (_TIMES_PER_ARTWORK, *artwork.latents[0].shape)
            noise = torch.randn(shape, generator=named_generator(seed, "held-out noise", index))
            latents = artwork.latents[0].to(device).expand(shape)
            text = dataset.captions.encoded[[artwork.caption_rows[0]] * _TIMES_PER_ARTWORK]
            batches.append(objective.noise(latents, text, times, noise.to(device)))
        return cls(tuple(batches))

    @torch.no_grad()
    def measure(self, base: BaseModel, adapter: RowAdapter, rows: int) -> float:
        """Mean loss over all artworks and timesteps, in micro-batches of `rows`."""
        parts = [
            batch.part(start, rows)
            for batch in self.batches
            for start in range(0, len(batch), rows)
        ]
        losses = [weighted_losses(base, part, [adapter] * len(part)) for part in parts]
        return float(torch.cat(losses).mean())
