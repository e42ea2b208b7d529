"""How it is usually done, to be compared with: diffusers' LoRA example, and a worker with PEFT.

`ExampleTraining` follows the published recipe of diffusers' text-to-image LoRA example: every step
decodes its photos, encodes them with the autoencoder and their captions with the text encoder;
adapters on the attention projections, AdamW at a constant rate, no caches. `UsualWorker` swaps
adapters with PEFT, one request after the other.
"""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from PIL import Image, ImageOps

from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.rendering.pixels import to_tensor
from gpu.rendering.requests import RenderRequest
from gpu.training.diffusion import NoisyBatch

ATTENTION = ["to_k", "to_q", "to_v", "to_out.0"]
LEARNING_RATE = 1e-4


class ExampleTraining:
    """The example's loop over photo files and captions; same model, batch and precision as ours."""

    def __init__(
        self, base: BaseModel, photos: Sequence[tuple[Path, str]], *, batch_size: int, rank: int
    ) -> None:
        self._base = base
        self._photos = list(photos)
        self._batch_size = batch_size
        self._unet = copy.deepcopy(base.unet)
        self._unet.add_adapter(
            LoraConfig(
                r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=ATTENTION
            )
        )
        self._parameters = [value for value in self._unet.parameters() if value.requires_grad]
        self._optimizer = torch.optim.AdamW(self._parameters, lr=LEARNING_RATE, weight_decay=1e-2)
        self._alphas = base.alphas_cumprod()
        self._chance = np.random.default_rng(0)

    def step(self) -> float:
        """One optimizer step; returns its loss."""
        base = self._base
        picks = self._chance.integers(0, len(self._photos), self._batch_size)
        pixels = torch.cat([self._decode(self._photos[pick][0]) for pick in picks])
        latents = base.encode_images(pixels).float()
        text = base.encode_prompts([self._photos[pick][1] for pick in picks])
        noise = torch.randn_like(latents)
        times = torch.randint(0, len(self._alphas), (len(latents),))
        share = self._alphas[times].view(-1, 1, 1, 1)
        noisy = share.sqrt() * latents + (1 - share).sqrt() * noise
        target = {
            "epsilon": noise,
            "v_prediction": share.sqrt() * noise - (1 - share).sqrt() * latents,
            "sample": latents,  # the example has no such case: its line for this base model
        }[base.prediction_type]
        predicted = self._unet(noisy, times, encoder_hidden_states=text.hidden).sample
        loss = torch.nn.functional.mse_loss(predicted.float(), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss.detach())  # the example gathers and logs its loss at every step

    @torch.no_grad()
    def losses(self, batch: NoisyBatch) -> torch.Tensor:
        """The loss of each row of a fixed noisy batch, [B]."""
        text = batch.text.hidden
        predicted = self._unet(batch.noisy, batch.times, encoder_hidden_states=text).sample
        return (predicted - batch.target).square().mean(dim=(1, 2, 3)) * batch.weights

    def _decode(self, path: Path) -> torch.Tensor:
        side = self._base.native_side
        with Image.open(path) as photo:
            fitted = ImageOps.fit(photo.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        return to_tensor([fitted])


class UsualWorker:
    """One request at a time through diffusers' pipeline: adapters switched, or loaded each time."""

    def __init__(self, base: BaseModel) -> None:
        self._base = base
        (tower,) = base.text.towers
        self._pipeline = StableDiffusionPipeline(
            vae=base.vae,
            text_encoder=tower.encoder,
            tokenizer=tower.tokenizer,
            unet=copy.deepcopy(base.unet),
            scheduler=base.make_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        self._pipeline.set_progress_bar_config(disable=True)

    def load(self, request: RenderRequest) -> None:
        """Read a style's file and keep it beside the others."""
        path = request.adapter_path
        self._pipeline.load_lora_weights(
            path.parent, weight_name=path.name, adapter_name=_name(request)
        )

    def unload(self) -> None:
        """Take every adapter off."""
        self._pipeline.unload_lora_weights()

    def render(self, request: RenderRequest) -> Image.Image:
        """Switch to the request's adapter and draw."""
        spec = self._base.spec
        strength = request.style_strength * spec.worn_strength
        self._pipeline.set_adapters([_name(request)], [strength])
        picture: Image.Image = self._pipeline(
            compose_prompt(request.trigger, request.prompt_tags),
            width=request.width,
            height=request.height,
            num_inference_steps=request.steps or spec.default_steps,
            guidance_scale=spec.guidance_scale,
            guidance_rescale=spec.guidance_rescale,
            generator=torch.Generator("cpu").manual_seed(request.seed),
        ).images[0]
        return picture


def _name(request: RenderRequest) -> str:
    return f"style_{request.adapter_sha256[:16]}"
