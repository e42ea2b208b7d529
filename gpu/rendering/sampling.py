"""The denoising loop, with its own prompt, seed, guidance and adapter for every row.

The diffusers pipelines take one guidance scale for a whole batch. Here a batch holds requests of
different users, so these parameters are tensors over rows.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.nn.functional import interpolate

from gpu.base_models.lora import RowAdapter, apply_adapters
from gpu.base_models.model import BaseModel
from gpu.base_models.text import Conditioning
from gpu.randomness import named_generator
from gpu.rendering.inpainting import InpaintingLatents, LatentBlending


@dataclass(frozen=True)
class SamplingBatch:
    """Rows denoised in one batch.

    `positive` and `negative` have one row each, `noise` is fp32 [B, C, h, w], `seeds` name the
    noise that a stochastic scheduler adds at each step, `guidance` is fp32 [B] where 1 means none,
    `adapters` has one per row, `None` for the base model alone.
    `draft_noise` is fp32 [B, C, h', w'] of a smaller frame, which is denoised first, enlarged and
    redrawn (the "high-resolution fix"), so a seed shows the same scene at every size.
    `inpainting` and, of the smaller frame, `draft_inpainting` are the input of masked
    image-to-image rows.
    """

    positive: Conditioning
    negative: Conditioning
    noise: torch.Tensor
    seeds: tuple[int, ...]
    guidance: torch.Tensor
    adapters: tuple[RowAdapter | None, ...]
    steps: int
    draft_noise: torch.Tensor | None = None
    inpainting: InpaintingLatents | None = None
    draft_inpainting: InpaintingLatents | None = None

    @property
    def is_guided(self) -> bool:
        """Whether any row uses guidance; then all rows are predicted with both prompts."""
        return bool((self.guidance > 1.0).any())

    @property
    def text(self) -> Conditioning:
        """Prompt embeddings of all rows: with guidance, negative and positive alternate."""
        if not self.is_guided:
            return self.positive
        count = len(self.positive)
        pairs = [row for index in range(count) for row in (index, count + index)]
        return Conditioning.join([self.negative, self.positive])[pairs]


def seed_noise(base: BaseModel, seed: int, *, width: int, height: int) -> torch.Tensor:
    """The initial noise [C, h, w] of one seed and size, from its own CPU generator.

    Drawn per row and on the CPU, so an image depends neither on its batch nor on the device.
    """
    factor = base.vae_factor
    shape = (base.latent_channels, height // factor, width // factor)
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def count_passes(base: BaseModel, steps: int, *, width: int, height: int) -> int:
    """Denoising steps of a frame, including those of the redraw."""
    is_redrawn = base.draft_size(width, height) is not None
    return steps + is_redrawn * _redraw_steps(base, steps)


def _redraw_steps(base: BaseModel, steps: int) -> int:
    return max(1, round(steps * base.spec.redraw_share))


@torch.no_grad()
def sample_latents(
    base: BaseModel, batch: SamplingBatch, *, on_step: Callable[[int], None] | None = None
) -> torch.Tensor:
    """Denoise a batch; returns scaled latents fp32 [B, C, h, w]. `on_step` gets the step from 1.

    Raises `AdapterMismatch` when a row cannot be denoised with exactly its own adapter.
    """
    # the two rows of a picture are adjacent, so they form one group of `apply_adapters`
    adapters = [adapter for adapter in batch.adapters for _ in range(1 + batch.is_guided)]
    passes = itertools.count(1)

    def after_step() -> None:
        if on_step is not None:
            on_step(next(passes))

    with apply_adapters(base.unet, adapters):
        if batch.draft_noise is None:
            return _denoise(base, batch, batch.noise, batch.inpainting, after_step)
        draft = _denoise(base, batch, batch.draft_noise, batch.draft_inpainting, after_step)
        height, width = (side * base.vae_factor for side in batch.noise.shape[-2:])
        pixels = interpolate(base.decode_latents(draft), (height, width), mode="bicubic")
        enlarged = base.encode_images(pixels.clamp(-1.0, 1.0)).float()
        return _denoise(base, batch, batch.noise, batch.inpainting, after_step, draft=enlarged)


def _denoise(
    base: BaseModel,
    batch: SamplingBatch,
    noise: torch.Tensor,
    inpainting: InpaintingLatents | None,
    after_step: Callable[[], None],
    *,
    draft: torch.Tensor | None = None,
) -> torch.Tensor:
    """Denoise from pure noise, or from the enlarged latents of a `draft`."""
    scheduler = base.make_scheduler()
    scheduler.set_timesteps(batch.steps, device=base.device)
    text = batch.text.to(base.device, base.dtype)
    guidance = batch.guidance.to(base.device).view(-1, 1, 1, 1)
    times, first, noise = scheduler.timesteps, 0, noise.to(base.device)
    blending = LatentBlending(inpainting, scheduler, noise)
    if draft is None:
        latents = noise * scheduler.init_noise_sigma
    else:
        first = len(times) - _redraw_steps(base, batch.steps)
        scheduler.set_begin_index(first)
        latents = scheduler.add_noise(draft, noise, times[first : first + 1].expand(len(draft)))
    latents = blending.blend(latents, first)
    for step in range(first, len(times)):
        time = times[step]
        scaled = scheduler.scale_model_input(latents, time)
        predict = partial(_predict, base, scaled, time, batch, text, guidance)
        predicted = blending.predict(step, predict)
        fresh = _fresh_noise(scheduler, batch.seeds, step, latents)
        latents = scheduler.step(predicted, time, latents, **fresh).prev_sample
        latents = blending.blend(latents, step + 1)
        after_step()
    return latents


def _fresh_noise(
    scheduler: Any, seeds: Sequence[int], step: int, latents: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The noise [B, C, h, w] of one step for a stochastic scheduler; no argument for others.

    As the initial noise it is drawn per row and on the CPU, from its own generator.
    """
    if not str(scheduler.config.get("algorithm_type")).startswith("sde"):
        return {}
    height, width = latents.shape[-2:]
    rows = [
        torch.randn(latents.shape[1:], generator=named_generator(seed, "step", step, height, width))
        for seed in seeds
    ]
    return {"variance_noise": torch.stack(rows).to(latents.device)}


def _predict(
    base: BaseModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    batch: SamplingBatch,
    text: Conditioning,
    guidance: torch.Tensor,
) -> torch.Tensor:
    """The prediction fp32 [B, C, h, w] with classifier-free guidance [B, 1, 1, 1]."""
    rows = latents.repeat_interleave(2, dim=0) if batch.is_guided else latents
    predicted = base.predict(rows.to(base.dtype), time.expand(len(rows)), text).float()
    if not batch.is_guided:
        return predicted
    negative, positive = predicted[::2], predicted[1::2]
    guided = negative + guidance * (positive - negative)
    return _rescale_guidance(guided, positive, base.spec.guidance_rescale)


def _rescale_guidance(guided: torch.Tensor, positive: torch.Tensor, share: float) -> torch.Tensor:
    """Rescale guided predictions per row (arXiv 2305.08891, section 3.4).

    Otherwise strong guidance overexposes lights and darks and so leaves the artist's palette.
    """
    if not share:
        return guided
    axes = (1, 2, 3)
    ratio = positive.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
    return guided * (share * ratio + (1.0 - share))
