"""How it is usually done, to be compared with: diffusers' LoRA example, and a worker with PEFT.

`ExampleTraining` follows the published recipe of diffusers' text-to-image LoRA example: every step
decodes its photos, encodes them with the autoencoder and their captions with the text encoder;
adapters on the attention projections, fp32 under autocast, AdamW at a constant rate, no caches.
`UsualWorker` swaps adapters with PEFT, one request after the other; `MixedWorker` draws requests of
different styles as one batch, as PEFT does it when told an adapter for each row (`adapter_names`).
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from PIL import Image, ImageOps

from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.rendering.pixels import to_tensor
from gpu.rendering.requests import RenderRequest
from gpu.rendering.sampling import seed_noise
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
        for parameter in self._parameters:
            parameter.data = parameter.data.float()
        self._optimizer = torch.optim.AdamW(self._parameters, lr=LEARNING_RATE, weight_decay=1e-2)
        self._scaler = torch.amp.GradScaler(base.device.type, enabled=base.dtype == torch.float16)
        self._alphas = base.alphas_cumprod().to(base.device)
        self._chance = np.random.default_rng(0)

    def step(self) -> float:
        """One optimizer step; returns its loss."""
        picks = self._chance.integers(0, len(self._photos), self._batch_size)
        loss = self.loss([self._photos[pick] for pick in picks])
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self._optimizer)
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad()
        return float(loss.detach())  # the example gathers and logs its loss at every step

    def loss(self, photos: Sequence[tuple[Path, str]]) -> torch.Tensor:
        """The loss of a batch of photos with captions, at times and noise of chance."""
        base = self._base
        pixels = torch.cat([self._decode(path) for path, _ in photos])
        latents = base.encode_images(pixels).float()
        text = base.encode_prompts([caption for _, caption in photos])
        noise = torch.randn_like(latents)
        times = torch.randint(0, len(self._alphas), (len(latents),), device=base.device)
        share = self._alphas[times].view(-1, 1, 1, 1)
        noisy = share.sqrt() * latents + (1 - share).sqrt() * noise
        target = {
            "epsilon": noise,
            "v_prediction": share.sqrt() * noise - (1 - share).sqrt() * latents,
            "sample": latents,  # the example has no such case: its line for this base model
        }[base.prediction_type]
        return torch.nn.functional.mse_loss(self._predict(noisy, times, text.hidden), target)

    @torch.no_grad()
    def losses(self, batch: NoisyBatch) -> torch.Tensor:
        """The loss of each row of a fixed noisy batch, [B]."""
        predicted = self._predict(batch.noisy, batch.times, batch.text.hidden)
        return (predicted - batch.target).square().mean(dim=(1, 2, 3)) * batch.weights

    def _predict(
        self, noisy: torch.Tensor, times: torch.Tensor, text: torch.Tensor
    ) -> torch.Tensor:
        """What the network says, fp32, computed in the base model's precision."""
        device, dtype = self._base.device, self._base.dtype
        precision = nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)
        with precision:
            predicted = self._unet(
                noisy.to(dtype), times, encoder_hidden_states=text.to(device, dtype)
            ).sample
        return predicted.float()

    def _decode(self, path: Path) -> torch.Tensor:
        side = self._base.native_side
        with Image.open(path) as photo:
            fitted = ImageOps.fit(photo.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        return to_tensor([fitted])


class UsualWorker:
    """One request at a time through diffusers' pipeline: adapters switched, or loaded each time."""

    def __init__(self, base: BaseModel) -> None:
        self._base = base
        (encoder,) = base.text.encoders
        self._pipeline = StableDiffusionPipeline(
            vae=base.vae,
            text_encoder=encoder.model,
            tokenizer=encoder.tokenizer,
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
        self._pipeline.set_adapters([_name(request)], [self._strength(request)])
        return self._draw([request])[0]

    def _strength(self, request: RenderRequest) -> float:
        return request.style_strength * self._base.spec.lora_scale

    def _draw(self, requests: Sequence[RenderRequest]) -> list[Image.Image]:
        """Draw requests of one size as one batch, with what is active."""
        spec, first = self._base.spec, requests[0]
        pictures: list[Image.Image] = self._pipeline(
            [compose_prompt(each.trigger, each.prompt_tags) for each in requests],
            width=first.width,
            height=first.height,
            num_inference_steps=first.steps or spec.default_steps,
            guidance_scale=spec.guidance_scale,
            guidance_rescale=spec.guidance_rescale,
            # in fp32 and on the CPU, as ours: drawn in half precision it would be another noise
            latents=torch.stack(
                [
                    seed_noise(self._base, each.seed, width=each.width, height=each.height)
                    for each in requests
                ]
            ).to(self._base.device, self._base.dtype),
        ).images
        return pictures


class MixedWorker(UsualWorker):
    """Requests of different styles as one batch: PEFT picks an adapter for each row."""

    def render_together(self, requests: Sequence[RenderRequest]) -> list[Image.Image]:
        """Draw requests of one size, whose adapters are loaded."""
        names = [_name(request) for request in requests]
        strengths = {
            name: self._strength(request) for name, request in zip(names, requests, strict=True)
        }
        self._pipeline.set_adapters(list(strengths), list(strengths.values()))
        # the pipeline's rows: all without their prompts, then all with them
        with _adapter_for_each_row(self._pipeline.unet, names * 2):
            return self._draw(requests)


@contextmanager
def _adapter_for_each_row(unet: torch.nn.Module, names: list[str]) -> Iterator[None]:
    """What a PEFT model does with `adapter_names`, for a network of diffusers, which takes none."""

    def name_adapters(_: object, arguments: Any, keywords: dict[str, Any]) -> Any:
        return arguments, {**keywords, "adapter_names": names}

    with ExitStack() as stack:
        for layer in unet.modules():
            if isinstance(layer, LoraLayer):
                hook = layer.register_forward_pre_hook(name_adapters, with_kwargs=True)
                stack.callback(hook.remove)
        yield


def _name(request: RenderRequest) -> str:
    return f"style_{request.adapter_sha256[:16]}"
