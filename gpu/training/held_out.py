"""The loss on works that training never sees, always with the same noise at the same times."""

from dataclasses import dataclass

import torch

from gpu.base_models.lora import RowAdapter
from gpu.base_models.model import BaseModel
from gpu.randomness import named_generator
from gpu.training.dataset import Dataset
from gpu.training.diffusion import NoisyBatch, Objective, weighted_losses

_TIMES_PER_WORK = 8


@dataclass(frozen=True)
class HeldOut:
    """Fixed noisy versions of the held-out works, one batch per work."""

    batches: tuple[NoisyBatch, ...]

    @classmethod
    def of(
        cls, dataset: Dataset, objective: Objective, seed: int, device: torch.device
    ) -> "HeldOut":
        """Noise each held-out work at evenly spread times."""
        last = len(objective.alphas_cumprod) - 1
        times = torch.linspace(0.05 * last, last, _TIMES_PER_WORK).long()
        batches = []
        for index, work in enumerate(dataset.held_out):
            shape = (_TIMES_PER_WORK, *work.latents[0].shape)
            noise = torch.randn(shape, generator=named_generator(seed, "held-out noise", index))
            latents = work.latents[0].to(device).expand(shape)
            text = dataset.captions.encoded[[work.caption_rows[0]] * _TIMES_PER_WORK]
            batches.append(objective.noise(latents, text, times, noise.to(device)))
        return cls(tuple(batches))

    @torch.no_grad()
    def measure(self, base: BaseModel, adapter: RowAdapter, rows: int) -> float:
        """Mean loss over all works and times, `rows` of them computed at a time."""
        parts = [
            batch.part(start, rows)
            for batch in self.batches
            for start in range(0, len(batch), rows)
        ]
        losses = [weighted_losses(base, part, [adapter] * len(part)) for part in parts]
        return float(torch.cat(losses).mean())
