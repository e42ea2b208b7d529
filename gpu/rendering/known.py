"""Masked image-to-image: pictures of which a part is repainted, and how the rest is kept.

Until a row begins, and outside its mask at every step, its latents are those of its picture under
the noise of that step (blended latent diffusion, arXiv 2206.02779).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage  # type: ignore[import-untyped]
from torch.nn.functional import adaptive_max_pool2d

from gpu.base_models.model import BaseModel
from gpu.rendering.pixels import to_tensor
from gpu.rendering.requests import RenderRequest

_NEAR = 1e-4  # of a mask's share nearby: less is no colour to spread


@dataclass(frozen=True)
class Known:
    """What is known of the rows of a batch before they are denoised.

    `latents` fp32 [B, C, h, w] of the pictures; `free` bool [B, 1, h, w] are the cells that may be
    painted; `begin` [B, 1, 1, 1] is the first step that paints. A row without a picture begins
    before the first step and is free everywhere, so nothing of it is ever replaced.
    """

    latents: torch.Tensor
    free: torch.Tensor
    begin: torch.Tensor

    def to(self, device: torch.device) -> "Known":
        """The same on another device."""
        return Known(self.latents.to(device), self.free.to(device), self.begin.to(device))


def keep_noise(
    latents: torch.Tensor, clean: torch.Tensor, signal: torch.Tensor, share: float
) -> torch.Tensor:
    """Noisy latents with a share of their noise; `signal` is what alphas_cumprod has for them."""
    still = clean * signal.sqrt()
    return still + (latents - still) * share


class Blending:
    """What is known, put back at every step of one denoising; nothing to do where it is `None`.

    Latents and predictions are chosen, never computed: what the network painted stays to the bit.
    """

    def __init__(
        self, known: Known | None, scheduler: Any, noise: torch.Tensor, noise_kept: float
    ) -> None:
        self._known = known and known.to(noise.device)
        self._scheduler, self._noise, self._noise_kept = scheduler, noise, noise_kept

    def keep_noise_over(self, latents: torch.Tensor, over: torch.Tensor, step: int) -> torch.Tensor:
        """Noisy latents of drafts (`over`), of rows with a picture as noisy as what is known.

        Fully noised they would be redrawn with dots, which a picture around them does not have.
        """
        known = self._known
        if known is None or self._noise_kept == 1:
            return latents
        kept = keep_noise(latents, over, self._signal(step), self._noise_kept)
        return torch.where(known.begin >= 0, kept, latents)

    def restore(self, latents: torch.Tensor, step: int) -> torch.Tensor:
        """Latents [B, C, h, w] as this step gets them: what may not have changed yet is known."""
        known = self._known
        if known is None:
            return latents
        return torch.where(known.free & (step > known.begin), latents, self._hidden(known, step))

    def _hidden(self, known: Known, step: int) -> torch.Tensor:
        """The known latents under the noise that this step finds in those it denoises."""
        times = self._scheduler.timesteps
        if step == len(times):
            return known.latents
        time = times[step : step + 1].expand(len(known.latents))
        hidden: torch.Tensor = self._scheduler.add_noise(known.latents, self._noise, time)
        if step == 0 or self._noise_kept == 1:
            return hidden
        return keep_noise(hidden, known.latents, self._signal(step), self._noise_kept)

    def _signal(self, step: int) -> torch.Tensor:
        time = int(self._scheduler.timesteps[step])
        signal: torch.Tensor = self._scheduler.alphas_cumprod[time]
        return signal

    def predict(self, step: int, ask: Callable[[], torch.Tensor]) -> torch.Tensor:
        """What the network answers, but the exact prediction for rows that have not begun.

        A solver of several steps looks back on it: so a row's history is its picture, whatever the
        network was asked for its batch mates. While no row has begun it is not asked.
        """
        known = self._known
        if known is None:
            return ask()
        has_begun = step >= known.begin
        if has_begun.all():
            return ask()
        exact = self._exact(known, step)
        return torch.where(has_begun, ask(), exact) if has_begun.any() else exact

    def _exact(self, known: Known, step: int) -> torch.Tensor:
        kind = self._scheduler.config.prediction_type
        if kind == "sample":
            return known.latents
        if kind == "epsilon":
            return self._noise
        signal = self._signal(step)
        exact: torch.Tensor = signal.sqrt() * self._noise - (1 - signal).sqrt() * known.latents
        return exact


def known_of(
    base: BaseModel, requests: Sequence[RenderRequest], size: tuple[int, int], steps: int
) -> Known | None:
    """What is known of a batch drawn at `size` (width, height); `None` where no row has a picture.

    A cell that the mask touches is free as a whole: freed by its share of the mask, a cell of a
    coarse codec would leave a pale rim. What such a cell shows beside the mask is no part of what
    is repainted: it begins as the mask's own colours, else it would be a rim of its own. Pictures
    are encoded one by one, so that none depends on its batch mates.
    """
    if all(request.picture is None for request in requests):
        return None
    width, height = size
    cells = height // base.vae_factor, width // base.vae_factor
    latents = torch.zeros(len(requests), base.latent_channels, *cells)
    free = torch.ones(len(requests), 1, *cells, dtype=torch.bool)
    begin = torch.full((len(requests), 1, 1, 1), -1)
    for row, request in enumerate(requests):
        if request.picture is None or request.mask is None or request.change is None:
            continue
        painted = torch.from_numpy(np.asarray(request.mask, np.float32))
        free[row] = adaptive_max_pool2d(painted[None], cells) > 0
        picture = request.picture.resize(size, Image.Resampling.BICUBIC)
        alone = _spread(picture, request.mask, base.vae_factor)
        kept, changed = (
            base.encode_images(to_tensor([each]))[0].float().cpu() for each in (picture, alone)
        )
        latents[row] = torch.where(free[row], changed, kept)
        begin[row] = steps - max(1, round(request.change * steps))
    return Known(latents, free, begin)


def _spread(picture: Image.Image, mask: Image.Image, pixels: int) -> Image.Image:
    """The picture with the colours under its mask spread over what is some pixels beside it."""
    covered = mask.convert("L").resize(picture.size, Image.Resampling.BOX)
    share = np.asarray(covered, np.float32)[..., None] / 255
    levels = np.asarray(picture, np.float32)
    blur = (pixels / 2, pixels / 2, 0)
    total, near = (ndimage.gaussian_filter(each, blur) for each in (levels * share, share))
    spread = np.where(near > _NEAR, total / np.maximum(near, _NEAR), levels)
    return Image.fromarray(np.rint(share * levels + (1 - share) * spread).astype(np.uint8))
