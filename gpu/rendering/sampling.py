"""The denoising loop, with guidance, seed and prompt of its own for every row.

The diffusers pipelines take one guidance for a whole batch; here a batch may hold the requests of
different people, so whatever differs between them is a tensor over rows.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from gpu.base_models.lora import RowAdapter, wearing
from gpu.base_models.model import BaseModel
from gpu.base_models.text import Conditioning


@dataclass(frozen=True)
class SamplingBatch:
    """Rows denoised together.

    `positive` and `negative` have one row each, `noise` fp32 [B, C, h, w],
    `guidance` fp32 [B] where 1 means none, `adapters` one per row, or `None` for the plain base.
    """

    positive: Conditioning
    negative: Conditioning
    noise: torch.Tensor
    guidance: torch.Tensor
    adapters: tuple[RowAdapter | None, ...]
    steps: int


def seed_noise(base: BaseModel, seed: int, *, width: int, height: int) -> torch.Tensor:
    """The starting noise [C, h, w] of one seed and size, from its own CPU generator.

    Made per row and on the CPU so that an image depends neither on batch mates nor on the device.
    """
    factor = base.vae_factor
    shape = (base.latent_channels, height // factor, width // factor)
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


@torch.no_grad()
def sample_latents(
    base: BaseModel, batch: SamplingBatch, *, on_step: Callable[[int], None] | None = None
) -> torch.Tensor:
    """Denoise a batch; returns scaled latents fp32 [B, C, h, w]. `on_step` gets 1…steps.

    Raises `AdapterMismatch` when a row could not be drawn in exactly its own style.
    """
    scheduler = base.make_scheduler()
    with warnings.catch_warnings():
        # diffusers hands tensors to numpy in a way that numpy 2 warns about
        warnings.simplefilter("ignore", DeprecationWarning)
        scheduler.set_timesteps(batch.steps, device=base.device)
    guided = bool((batch.guidance > 1.0).any())
    text = Conditioning.join([batch.negative, batch.positive]) if guided else batch.positive
    text = text.to(base.device, base.dtype)
    guidance = batch.guidance.to(base.device).view(-1, 1, 1, 1)
    latents = batch.noise.to(base.device) * scheduler.init_noise_sigma
    under_negative = [row and row.at(base.spec.negative_strength) for row in batch.adapters]
    adapters = [*under_negative, *batch.adapters] if guided else batch.adapters
    with wearing(base.unet, adapters):
        for index, time in enumerate(scheduler.timesteps):
            scaled = scheduler.scale_model_input(latents, time)
            rows = torch.cat([scaled, scaled]) if guided else scaled
            predicted = base.predict(rows.to(base.dtype), time.expand(len(rows)), text).float()
            if guided:
                without, with_prompt = predicted.chunk(2)
                predicted = without + guidance * (with_prompt - without)
                predicted = _keep_contrast(predicted, with_prompt, base.spec.guidance_rescale)
            latents = scheduler.step(predicted, time, latents).prev_sample
            if on_step is not None:
                on_step(index + 1)
    return latents


def _keep_contrast(guided: torch.Tensor, with_prompt: torch.Tensor, share: float) -> torch.Tensor:
    """Take back part of the contrast that guidance adds, row by row (arXiv 2305.08891, 3.4).

    Without it strong guidance burns out lights and darks, and so leaves an artist's palette.
    """
    if not share:
        return guided
    axes = (1, 2, 3)
    ratio = with_prompt.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
    return guided * (share * ratio + (1.0 - share))
