"""A base model in memory: its components, the hash of its weights, and their common calls."""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from transformers import AutoTokenizer, CLIPTextModel, CLIPTextModelWithProjection

from gpu.base_models.identity import components, text_encoders, weights_sha256
from gpu.base_models.patch_codec import PatchCodec
from gpu.base_models.prompt_defaults import PromptDefaults
from gpu.base_models.prompts import compose_prompt
from gpu.base_models.shortcut_unet import ShortcutUNet
from gpu.base_models.spec import BaseModelSpec
from gpu.base_models.text import Conditioning, PromptEncoder, TextEncoder
from gpu.errors import ModelMissing

_CLASSES: dict[str, tuple[Any, ...]] = {
    "unet": (diffusers.UNet2DConditionModel, ShortcutUNet),
    "vae": (diffusers.AutoencoderKL, diffusers.AutoencoderTiny, PatchCodec),
}
_DECODE_CHUNK = 2  # decoded images are the largest tensors of a rendering; decode few at a time


@dataclass(frozen=True)
class BaseModel:
    """Frozen components on one device. Only adapters change them, for the time they are applied."""

    spec: BaseModelSpec
    sha256: str
    device: torch.device
    dtype: torch.dtype
    text: PromptEncoder
    unet: Any
    vae: Any
    scheduler_config: dict[str, Any] = field(repr=False)
    prompt_defaults: PromptDefaults = field(default_factory=PromptDefaults, repr=False)

    @property
    def vae_factor(self) -> int:
        """Pixels per latent position, along one side."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def size_multiple(self) -> int:
        """Width and height in pixels must be multiples of this."""
        return int(self.vae_factor * 2 ** (len(self.unet.config.block_out_channels) - 1))

    @property
    def native_side(self) -> int:
        """Side in pixels of the square this model was trained on."""
        return self.spec.native_side or int(self.unet.config.sample_size) * self.vae_factor

    def draft_size(self, width: int, height: int) -> tuple[int, int] | None:
        """The smaller size at which a frame above the native size is sampled first, else `None`.

        Sampled directly, such a frame shows objects twice or not at all, because the network's
        receptive field is as wide as the images it was trained on.
        """
        scale = self.native_side / min(width, height)
        if scale >= 1:
            return None
        multiple = self.size_multiple

        def shorter(side: int) -> int:
            return max(1, round(side * scale / multiple)) * multiple

        return shorter(width), shorter(height)

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return int(self.unet.config.in_channels)

    @property
    def prediction_type(self) -> str:
        """What the network predicts: `epsilon`, `v_prediction` or `sample`."""
        return str(self.scheduler_config.get("prediction_type", "epsilon"))

    def make_scheduler(self) -> Any:
        """A new sampling scheduler. Schedulers carry state, so each sampling needs its own."""
        return getattr(diffusers, self.spec.scheduler).from_config(self.scheduler_config)

    def alphas_cumprod(self) -> torch.Tensor:
        """`alphas_cumprod` of each training timestep, fp32 [T] on the CPU."""
        return diffusers.DDPMScheduler.from_config(self.scheduler_config).alphas_cumprod.float()

    def complete_prompt(self, prompt: str, seed: int) -> str:
        """The prompt with the seed's defaults for what it does not specify, if there are any."""
        if not self.prompt_defaults.defaults:
            return prompt
        tokenizer = self.text.encoders[0].tokenizer
        return compose_prompt(
            "", [prompt, *self.prompt_defaults.choose(tokenizer.tokenize(prompt), seed)]
        )

    def count_parts(self, *prompts: str) -> int:
        """Parts that the text encoder needs for the longest of these prompts."""
        return self.text.count_parts(prompts)

    def encode_prompts(self, prompts: Sequence[str], *, parts: int = 1) -> Conditioning:
        """Prompts as conditioning, one row each, all of at least `parts` parts.

        The number of parts changes the image. Put rows of different images into one batch only
        when their prompts need equally many.
        """
        return self.text.encode(prompts, parts=parts)

    def predict(self, noisy: torch.Tensor, times: torch.Tensor, text: Conditioning) -> torch.Tensor:
        """The network's prediction [B, C, h, w] for noisy latents at timesteps [B]."""
        options: dict[str, Any] = {}
        if text.pooled is not None:
            height, width = (side * self.vae_factor for side in noisy.shape[-2:])
            # SDXL's micro-conditioning: original size, crop offset, target size
            size = noisy.new_tensor([[height, width, 0, 0, height, width]])
            options["added_cond_kwargs"] = {
                "text_embeds": text.pooled,
                "time_ids": size.expand(len(noisy), -1),
            }
        predicted: torch.Tensor = self.unet(
            noisy, times, encoder_hidden_states=text.hidden, **options
        ).sample
        return predicted

    def copy_for_thread(self) -> "BaseModel":
        """A copy with shared weights; adapters applied to it do not affect the original."""
        components = (self.unet, self.vae, *(encoder.model for encoder in self.text.encoders))
        shared = {
            id(tensor): tensor
            for component in components
            for tensor in (*component.parameters(), *component.buffers())
        }
        return copy.deepcopy(self, shared)

    @torch.no_grad()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Encode images [B, 3, H, W] in [-1, 1] to scaled latents [B, C, h, w], by the mode."""
        encoded = self.vae.encode(images.to(self.device, self.vae.dtype))
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return latents.to(self.dtype) * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode scaled latents [B, C, h, w] to images [B, 3, H, W], fp32, clamped to [-1, 1]."""
        unscaled = latents.to(self.device, self.vae.dtype) / self.vae.config.scaling_factor
        chunks = [self.vae.decode(chunk).sample.float() for chunk in unscaled.split(_DECODE_CHUNK)]
        return torch.cat(chunks).clamp(-1.0, 1.0)


def read_base_model(
    spec: BaseModelSpec, folder: Path, *, device: torch.device, dtype: torch.dtype
) -> BaseModel:
    """Read all components of a diffusers folder; raises `ModelMissing` with the reason."""
    _check_layout(folder)
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()  # no progress bars in logs
    options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}
    try:
        unet, vae = (
            _class_of(folder, component).from_pretrained(
                folder, subfolder=component, torch_dtype=dtype, **options
            )
            for component in ("unet", "vae")
        )
        text = _read_text(folder, dtype)
        prompt_defaults = PromptDefaults.read(folder)
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissing(f"base model {spec.name} cannot be read: {error}") from error
    if dtype == torch.float16 and vae.config.get("force_upcast"):
        vae.to(torch.float32)  # SDXL's VAE overflows in half precision
    for component in (unet, vae, *(encoder.model for encoder in text.encoders)):
        component.to(device).eval().requires_grad_(False)
    if device.type == "cuda":
        unet.to(memory_format=torch.channels_last)
    return BaseModel(
        spec=spec,
        sha256=weights_sha256(folder),
        device=device,
        dtype=dtype,
        text=text,
        unet=unet,
        vae=vae,
        scheduler_config=json.loads((folder / "scheduler" / "scheduler_config.json").read_text()),
        prompt_defaults=prompt_defaults,
    )


def _read_text(folder: Path, dtype: torch.dtype) -> PromptEncoder:
    """The text encoder of SD 1.5, or both of SDXL."""
    classes = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
    encoders = []
    for name in text_encoders(folder):
        tokenizer = AutoTokenizer.from_pretrained(
            folder / _tokenizer_of(name), local_files_only=True
        )
        encoder = classes[name].from_pretrained(
            folder, subfolder=name, dtype=dtype, use_safetensors=True, local_files_only=True
        )
        encoders.append(TextEncoder(tokenizer, encoder))
    index = json.loads((folder / "model_index.json").read_text())
    return PromptEncoder(tuple(encoders), bool(index.get("force_zeros_for_empty_prompt")))


def _tokenizer_of(text_encoder: str) -> str:
    return text_encoder.replace("text_encoder", "tokenizer")


def _check_layout(folder: Path) -> None:
    for component in components(folder):
        if not (folder / component / "config.json").is_file():
            raise ModelMissing(f"{folder.name} has no {component}/config.json")
        if not any((folder / component).glob("*.safetensors")):
            raise ModelMissing(
                f"{folder.name}/{component} has no safetensors weights; pickle is refused"
            )
    tokenizers = [_tokenizer_of(name) for name in text_encoders(folder)]
    for needed in ("model_index.json", "scheduler/scheduler_config.json", *tokenizers):
        if not (folder / needed).exists():
            raise ModelMissing(f"{folder.name} has no {needed}")


def _class_of(folder: Path, component: str) -> Any:
    """The class that a component was saved from; raises `ModelMissing` for an unsupported one."""
    name = json.loads((folder / component / "config.json").read_text()).get("_class_name")
    known = {one.__name__: one for one in _CLASSES[component]}
    if name not in known:
        raise ModelMissing(f"{folder.name}: unsupported {component} {name}")
    return known[name]
