"""A base model in memory: its components, its identity, and the three things they translate."""

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
from gpu.base_models.open_words import OpenWords
from gpu.base_models.patch_codec import PatchCodec
from gpu.base_models.prompts import compose_prompt
from gpu.base_models.shortcut_unet import ShortcutUNet
from gpu.base_models.spec import BaseModelSpec
from gpu.base_models.text import Conditioning, PromptEncoder, TextTower
from gpu.errors import ModelMissing

_CLASSES: dict[str, tuple[Any, ...]] = {
    "unet": (diffusers.UNet2DConditionModel, ShortcutUNet),
    "vae": (diffusers.AutoencoderKL, diffusers.AutoencoderTiny, PatchCodec),
}
_DECODE_CHUNK = 2  # decoded pictures are the largest tensors of a render; keep few at once


@dataclass(frozen=True)
class BaseModel:
    """Frozen components on one device; read-only, except that adapters are put on and taken off."""

    spec: BaseModelSpec
    sha256: str
    device: torch.device
    dtype: torch.dtype
    text: PromptEncoder
    unet: Any
    vae: Any
    scheduler_config: dict[str, Any] = field(repr=False)
    open_words: OpenWords = field(default_factory=OpenWords, repr=False)

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
        """The size to draw a frame at first that is larger than this model's own, else `None`.

        Drawn directly, such a frame shows things twice or not at all: the network's view is as
        wide as the frames it was trained on.
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
        """A fresh sampling scheduler: they carry state, so each sampling needs its own."""
        return getattr(diffusers, self.spec.scheduler).from_config(self.scheduler_config)

    def alphas_cumprod(self) -> torch.Tensor:
        """Signal share of each training time, fp32 [T] on the CPU."""
        return diffusers.DDPMScheduler.from_config(self.scheduler_config).alphas_cumprod.float()

    def complete(self, prompt: str, seed: int) -> str:
        """The prompt with what the seed chooses for what it leaves open, if the base has that."""
        if not self.open_words.choices:
            return prompt
        tokenizer = self.text.towers[0].tokenizer
        return compose_prompt(
            "", [prompt, *self.open_words.choose(tokenizer.tokenize(prompt), seed)]
        )

    def count_parts(self, *prompts: str) -> int:
        """How many times the text encoder must be asked for the longest of these prompts."""
        return self.text.count_parts(prompts)

    def encode_prompts(self, prompts: Sequence[str], *, parts: int = 1) -> Conditioning:
        """Prompts as conditioning, one row each, all of at least `parts` parts.

        What the network draws from a row depends on the number of its parts: rows of different
        pictures belong into one batch only when they need equally many.
        """
        return self.text.encode(prompts, parts=parts)

    def predict(self, noisy: torch.Tensor, times: torch.Tensor, text: Conditioning) -> torch.Tensor:
        """What the network predicts, [B, C, h, w], for noisy latents at times [B]."""
        more: dict[str, Any] = {}
        if text.pooled is not None:
            height, width = (side * self.vae_factor for side in noisy.shape[-2:])
            # as if the picture had this size from the first, and nothing had been cropped away
            size = noisy.new_tensor([[height, width, 0, 0, height, width]])
            times_and_size = {"text_embeds": text.pooled, "time_ids": size.expand(len(noisy), -1)}
            more["added_cond_kwargs"] = times_and_size
        predicted: torch.Tensor = self.unet(
            noisy, times, encoder_hidden_states=text.hidden, **more
        ).sample
        return predicted

    def for_another_thread(self) -> "BaseModel":
        """The same weights in components of their own: what one wears, another does not."""
        components = (self.unet, self.vae, *(tower.encoder for tower in self.text.towers))
        shared = {
            id(tensor): tensor
            for component in components
            for tensor in (*component.parameters(), *component.buffers())
        }
        return copy.deepcopy(self, shared)

    @torch.no_grad()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Pictures [B, 3, H, W] in [-1, 1] as scaled latents [B, C, h, w], without sampling."""
        encoded = self.vae.encode(images.to(self.device, self.vae.dtype))
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return latents.to(self.dtype) * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """Scaled latents [B, C, h, w] as pictures [B, 3, H, W], fp32, clamped to [-1, 1]."""
        unscaled = latents.to(self.device, self.vae.dtype) / self.vae.config.scaling_factor
        chunks = [self.vae.decode(chunk).sample.float() for chunk in unscaled.split(_DECODE_CHUNK)]
        return torch.cat(chunks).clamp(-1.0, 1.0)


def read_base_model(
    spec: BaseModelSpec, folder: Path, *, device: torch.device, dtype: torch.dtype
) -> BaseModel:
    """Read all components of a diffusers folder; raises `ModelMissing` naming what is wrong."""
    _check_layout(folder)
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()  # a worker's log is no terminal
    options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}
    try:
        unet, vae = (
            _class_of(folder, component).from_pretrained(
                folder, subfolder=component, torch_dtype=dtype, **options
            )
            for component in ("unet", "vae")
        )
        text = _read_text(folder, dtype)
        open_words = OpenWords.read(folder)
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissing(f"base model {spec.name} cannot be read: {error}") from error
    if dtype == torch.float16 and vae.config.get("force_upcast"):
        vae.to(torch.float32)  # SDXL's overflows in half precision
    for component in (unet, vae, *(tower.encoder for tower in text.towers)):
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
        open_words=open_words,
    )


def _read_text(folder: Path, dtype: torch.dtype) -> PromptEncoder:
    """The one text tower of SD 1.5, or the two of SDXL."""
    classes = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
    towers = []
    for name in text_encoders(folder):
        tokenizer = AutoTokenizer.from_pretrained(
            folder / _tokenizer_of(name), local_files_only=True
        )
        encoder = classes[name].from_pretrained(
            folder, subfolder=name, dtype=dtype, use_safetensors=True, local_files_only=True
        )
        towers.append(TextTower(tokenizer, encoder))
    index = json.loads((folder / "model_index.json").read_text())
    return PromptEncoder(tuple(towers), bool(index.get("force_zeros_for_empty_prompt")))


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
    """The class a component was saved from, one of those we know how to use."""
    name = json.loads((folder / component / "config.json").read_text()).get("_class_name")
    known = {one.__name__: one for one in _CLASSES[component]}
    if name not in known:
        raise ModelMissing(f"{folder.name}: unknown {component} {name}")
    return known[name]
