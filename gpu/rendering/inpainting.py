"""Masked image-to-image: rows that repaint a part of a picture and preserve the rest.

Before a row's first step, and outside its mask at every step, its latents are those of its picture
with the noise of that step (blended latent diffusion, arXiv 2206.02779).
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

_MIN_COVERAGE = 1e-4  # of the mask in the neighbourhood of a pixel; below it there is no colour


@dataclass(frozen=True)
class InpaintingLatents:
    """The input pictures of a batch as latents.

    `latents` is fp32 [B, C, h, w]; `mask` bool [B, 1, h, w] marks the cells that are repainted;
    `first_step` [B, 1, 1, 1] is the first denoising step that changes the row. A row without a
    picture has first step -1 and a mask that is true everywhere, so nothing of it is replaced.
    """

    latents: torch.Tensor
    mask: torch.Tensor
    first_step: torch.Tensor

    def to(self, device: torch.device) -> "InpaintingLatents":
        """Move to another device."""
        return InpaintingLatents(
            self.latents.to(device), self.mask.to(device), self.first_step.to(device)
        )


class LatentBlending:
    """Blends the input pictures into the latents of each denoising step; `None` changes nothing.

    Latents and predictions are selected with `torch.where`, never mixed, so the other rows stay
    equal to the bit.
    """

    def __init__(
        self, inpainting: InpaintingLatents | None, scheduler: Any, noise: torch.Tensor
    ) -> None:
        self._inpainting = inpainting and inpainting.to(noise.device)
        self._scheduler, self._noise = scheduler, noise

    def blend(self, latents: torch.Tensor, step: int) -> torch.Tensor:
        """Latents [B, C, h, w] before this step, with the picture where it must not change yet."""
        inpainting = self._inpainting
        if inpainting is None:
            return latents
        is_repainted = inpainting.mask & (step > inpainting.first_step)
        return torch.where(is_repainted, latents, self._noisy_picture(inpainting, step))

    def _noisy_picture(self, inpainting: InpaintingLatents, step: int) -> torch.Tensor:
        """The latents of the pictures with the noise that the latents have before this step."""
        times = self._scheduler.timesteps
        if step == len(times):
            return inpainting.latents
        time = times[step : step + 1].expand(len(inpainting.latents))
        noisy: torch.Tensor = self._scheduler.add_noise(inpainting.latents, self._noise, time)
        return noisy

    def _alpha_cumprod(self, step: int) -> torch.Tensor:
        time = int(self._scheduler.timesteps[step])
        alpha_cumprod: torch.Tensor = self._scheduler.alphas_cumprod[time]
        return alpha_cumprod

    def predict(self, step: int, predict: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The network's prediction, but the exact one for rows before their first step.

        A multistep solver uses earlier predictions, so a row's history must not depend on the
        other rows of its batch. The network is not called while all rows are before their first
        step.
        """
        inpainting = self._inpainting
        if inpainting is None:
            return predict()
        has_begun = step >= inpainting.first_step
        if has_begun.all():
            return predict()
        exact = self._exact_prediction(inpainting, step)
        return torch.where(has_begun, predict(), exact) if has_begun.any() else exact

    def _exact_prediction(self, inpainting: InpaintingLatents, step: int) -> torch.Tensor:
        prediction_type = self._scheduler.config.prediction_type
        if prediction_type == "sample":
            return inpainting.latents
        if prediction_type == "epsilon":
            return self._noise
        alpha_cumprod = self._alpha_cumprod(step)
        velocity: torch.Tensor = (
            alpha_cumprod.sqrt() * self._noise - (1 - alpha_cumprod).sqrt() * inpainting.latents
        )
        return velocity


def encode_inpainting(
    base: BaseModel, requests: Sequence[RenderRequest], size: tuple[int, int], steps: int
) -> InpaintingLatents | None:
    """Encode the pictures of a batch at `size` (width, height); `None` where no row has one.

    A latent cell that the mask touches is repainted as a whole: blending cells by their share of
    the mask would leave a pale rim with a coarse codec. Such a cell starts from the colours under
    the mask; the colours beside it would be visible as a rim. Pictures are encoded one by one, so
    none depends on the others.
    """
    if all(request.picture is None for request in requests):
        return None
    width, height = size
    cells = height // base.vae_factor, width // base.vae_factor
    latents = torch.zeros(len(requests), base.latent_channels, *cells)
    masks = torch.ones(len(requests), 1, *cells, dtype=torch.bool)
    first_step = torch.full((len(requests), 1, 1, 1), -1)
    for row, request in enumerate(requests):
        strength = request.repaint_strength
        if request.picture is None or request.mask is None or strength is None:
            continue
        mask = torch.from_numpy(np.asarray(request.mask, np.float32))
        masks[row] = adaptive_max_pool2d(mask[None], cells) > 0
        picture = request.picture.resize(size, Image.Resampling.BICUBIC)
        extended = _extend_masked_colours(picture, request.mask, base.vae_factor)
        outside, inside = (
            base.encode_images(to_tensor([each]))[0].float().cpu() for each in (picture, extended)
        )
        latents[row] = torch.where(masks[row], inside, outside)
        first_step[row] = steps - max(1, round(strength * steps))
    return InpaintingLatents(latents, masks, first_step)


def _extend_masked_colours(picture: Image.Image, mask: Image.Image, pixels: int) -> Image.Image:
    """The picture with the colours under its mask extended some pixels beyond the mask."""
    resized = mask.convert("L").resize(picture.size, Image.Resampling.BOX)
    share = np.asarray(resized, np.float32)[..., None] / 255
    levels = np.asarray(picture, np.float32)
    sigma = (pixels / 2, pixels / 2, 0)
    total, coverage = (ndimage.gaussian_filter(each, sigma) for each in (levels * share, share))
    blurred = np.where(
        coverage > _MIN_COVERAGE, total / np.maximum(coverage, _MIN_COVERAGE), levels
    )
    return Image.fromarray(np.rint(share * levels + (1 - share) * blurred).astype(np.uint8))
