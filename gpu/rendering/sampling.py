"""The denoising loop, with guidance, seed and prompt of its own for every row.

The diffusers pipelines take one guidance for a whole batch; here a batch may hold the requests of
different people, so whatever differs between them is a tensor over rows.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn.functional import interpolate

from gpu.base_models.lora import RowAdapter, wearing
from gpu.base_models.model import BaseModel
from gpu.base_models.text import Conditioning
from gpu.rendering.known import Blending, Known, keep_noise


@dataclass(frozen=True)
class SamplingBatch:
    """Rows denoised together.

    `positive` and `negative` have one row each, `noise` fp32 [B, C, h, w],
    `guidance` fp32 [B] where 1 means none, `adapters` one per row, or `None` for the plain base.
    With `draft_noise`, fp32 [B, C, h', w'] of a smaller frame, that is denoised first, enlarged and
    redrawn (the "high-resolution fix"); so a seed shows the same scene at every size.
    `known`, and `draft_known` of the smaller frame, hold the pictures of rows that repaint one.
    """

    positive: Conditioning
    negative: Conditioning
    noise: torch.Tensor
    guidance: torch.Tensor
    adapters: tuple[RowAdapter | None, ...]
    steps: int
    draft_noise: torch.Tensor | None = None
    known: Known | None = None
    draft_known: Known | None = None

    @property
    def is_guided(self) -> bool:
        """Whether any row is drawn with guidance; then all are also drawn without the prompt."""
        return bool((self.guidance > 1.0).any())

    @property
    def text(self) -> Conditioning:
        """What the network is told: of every picture the negative, if guided, then the prompt."""
        if not self.is_guided:
            return self.positive
        count = len(self.positive)
        pairs = [row for picture in range(count) for row in (picture, count + picture)]
        return Conditioning.join([self.negative, self.positive])[pairs]


def seed_noise(base: BaseModel, seed: int, *, width: int, height: int) -> torch.Tensor:
    """The starting noise [C, h, w] of one seed and size, from its own CPU generator.

    Made per row and on the CPU so that an image depends neither on batch mates nor on the device.
    """
    factor = base.vae_factor
    shape = (base.latent_channels, height // factor, width // factor)
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def count_passes(base: BaseModel, steps: int, *, width: int, height: int) -> int:
    """How often the network is asked for a frame: the steps, and those of a redrawing."""
    redrawn = base.draft_size(width, height) is not None
    return steps + redrawn * _redrawing_steps(base, steps)


def _redrawing_steps(base: BaseModel, steps: int) -> int:
    return max(1, round(steps * base.spec.redraw_share))


@torch.no_grad()
def sample_latents(
    base: BaseModel, batch: SamplingBatch, *, on_step: Callable[[int], None] | None = None
) -> torch.Tensor:
    """Denoise a batch; returns scaled latents fp32 [B, C, h, w]. `on_step` gets 1…passes.

    Raises `AdapterMismatch` when a row could not be drawn in exactly its own style.
    """
    # both rows of a picture are neighbours, so they share their style's part of the work
    adapters = [adapter for adapter in batch.adapters for _ in range(1 + batch.is_guided)]
    passes = itertools.count(1)

    def after_step() -> None:
        if on_step is not None:
            on_step(next(passes))

    with wearing(base.unet, adapters):
        if batch.draft_noise is None:
            return _denoise(base, batch, batch.noise, batch.known, after_step)
        draft = _denoise(base, batch, batch.draft_noise, batch.draft_known, after_step)
        height, width = (side * base.vae_factor for side in batch.noise.shape[-2:])
        pixels = interpolate(base.decode_latents(draft), (height, width), mode="bicubic")
        enlarged = base.encode_images(pixels.clamp(-1.0, 1.0)).float()
        return _denoise(base, batch, batch.noise, batch.known, after_step, over=enlarged)


def _denoise(
    base: BaseModel,
    batch: SamplingBatch,
    noise: torch.Tensor,
    known: Known | None,
    after_step: Callable[[], None],
    *,
    over: torch.Tensor | None = None,
) -> torch.Tensor:
    """Latents from noise alone, or from latents of a picture (`over`) that noise half hides."""
    scheduler = base.make_scheduler()
    scheduler.set_timesteps(batch.steps, device=base.device)
    text = batch.text.to(base.device, base.dtype)
    guidance = batch.guidance.to(base.device).view(-1, 1, 1, 1)
    times, first, noise = scheduler.timesteps, 0, noise.to(base.device)
    blending = Blending(known, scheduler, noise, base.spec.noise_kept)
    if over is None:
        latents = noise * scheduler.init_noise_sigma
    else:
        first = len(times) - _redrawing_steps(base, batch.steps)
        scheduler.set_begin_index(first)
        latents = scheduler.add_noise(over, noise, times[first : first + 1].expand(len(over)))
        latents = blending.keep_noise_over(latents, over, first)
    latents = blending.restore(latents, first)
    for step in range(first, len(times)):
        time = times[step]
        scaled = scheduler.scale_model_input(latents, time)
        ask = partial(_predict, base, scaled, time, batch, text, guidance)
        predicted = blending.predict(step, ask)
        latents = scheduler.step(predicted, time, latents).prev_sample
        if step + 1 < len(times) and base.spec.noise_kept < 1:
            signal = scheduler.alphas_cumprod[int(times[step + 1])]
            latents = keep_noise(latents, predicted, signal, base.spec.noise_kept)
        latents = blending.restore(latents, step + 1)
        after_step()
    return latents


def _predict(
    base: BaseModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    batch: SamplingBatch,
    text: Conditioning,
    guidance: torch.Tensor,
) -> torch.Tensor:
    """What the network predicts, fp32 [B, C, h, w], with guidance [B, 1, 1, 1]."""
    rows = latents.repeat_interleave(2, dim=0) if batch.is_guided else latents
    predicted = base.predict(rows.to(base.dtype), time.expand(len(rows)), text).float()
    if not batch.is_guided:
        return predicted
    without, with_prompt = predicted[::2], predicted[1::2]
    guided = without + guidance * (with_prompt - without)
    return _keep_contrast(guided, with_prompt, base.spec.guidance_rescale)


def _keep_contrast(guided: torch.Tensor, with_prompt: torch.Tensor, share: float) -> torch.Tensor:
    """Take back part of the contrast that guidance adds, row by row (arXiv 2305.08891, 3.4).

    Without it strong guidance burns out lights and darks, and so leaves an artist's palette.
    """
    if not share:
        return guided
    axes = (1, 2, 3)
    ratio = with_prompt.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
    return guided * (share * ratio + (1.0 - share))
