"""A base model in memory: its components, its identity, and the three things they translate."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from transformers import AutoTokenizer, CLIPTextModel

from gpu.base_models.spec import BaseModelSpec
from gpu.errors import ModelMissing

_COMPONENTS = ("unet", "text_encoder", "vae")
_CODEC_CLASSES = {"AutoencoderKL", "AutoencoderTiny"}
_HASH_BLOCK = 1 << 20
_DECODE_CHUNK = 2  # decoded pictures are the largest tensors of a render; keep few at once


@dataclass(frozen=True)
class BaseModel:
    """Frozen components on one device; read-only, except that adapters are put on and taken off."""

    spec: BaseModelSpec
    sha256: str
    device: torch.device
    dtype: torch.dtype
    tokenizer: Any
    text_encoder: Any
    unet: Any
    vae: Any
    scheduler_config: dict[str, Any] = field(repr=False)

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

    @torch.no_grad()
    def encode_prompts(self, prompts: Sequence[str]) -> torch.Tensor:
        """Text as embeddings [B, T, D]; longer prompts are cut at the tokenizer's length."""
        tokens = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.text_encoder.config.max_position_embeddings,
            return_tensors="pt",
        )
        return self.text_encoder(tokens.input_ids.to(self.device))[0]

    @torch.no_grad()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Pictures [B, 3, H, W] in [-1, 1] as scaled latents [B, C, h, w], without sampling."""
        encoded = self.vae.encode(images.to(self.device, self.dtype))
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return latents * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """Scaled latents [B, C, h, w] as pictures [B, 3, H, W], fp32, clamped to [-1, 1]."""
        unscaled = latents.to(self.device, self.dtype) / self.vae.config.scaling_factor
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
        unet = diffusers.UNet2DConditionModel.from_pretrained(
            folder, subfolder="unet", torch_dtype=dtype, **options
        )
        text_encoder = CLIPTextModel.from_pretrained(
            folder, subfolder="text_encoder", dtype=dtype, **options
        )
        vae = _codec_class(folder).from_pretrained(
            folder, subfolder="vae", torch_dtype=dtype, **options
        )
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissing(f"base model {spec.name} cannot be read: {error}") from error
    for component in (unet, text_encoder, vae):
        component.to(device).eval().requires_grad_(False)
    if device.type == "cuda":
        unet.to(memory_format=torch.channels_last)
    return BaseModel(
        spec=spec,
        sha256=_hash_weights(folder),
        device=device,
        dtype=dtype,
        tokenizer=tokenizer,
        text_encoder=text_encoder,
        unet=unet,
        vae=vae,
        scheduler_config=json.loads((folder / "scheduler" / "scheduler_config.json").read_text()),
    )


def _check_layout(folder: Path) -> None:
    if (folder / "text_encoder_2").exists():
        raise ModelMissing(f"{folder.name} needs two text encoders, which is not supported")
    for component in _COMPONENTS:
        if not (folder / component / "config.json").is_file():
            raise ModelMissing(f"{folder.name} has no {component}/config.json")
        if not any((folder / component).glob("*.safetensors")):
            raise ModelMissing(
                f"{folder.name}/{component} has no safetensors weights; pickle is refused"
            )
    for needed in ("scheduler/scheduler_config.json", "tokenizer"):
        if not (folder / needed).exists():
            raise ModelMissing(f"{folder.name} has no {needed}")


def _codec_class(folder: Path) -> Any:
    name = json.loads((folder / "vae" / "config.json").read_text()).get("_class_name")
    if name == "PatchCodec":
        from gpu.base_models.patch_codec import PatchCodec

        return PatchCodec
    if name not in _CODEC_CLASSES:
        raise ModelMissing(f"{folder.name}: unknown autoencoder {name}")
    return getattr(diffusers, name)


def _hash_weights(folder: Path) -> str:
    """One hash for all weights, so that an adapter knows exactly what it was trained on."""
    whole = hashlib.sha256()
    for component in _COMPONENTS:
        for path in sorted((folder / component).glob("*.safetensors")):
            part = hashlib.sha256()
            with path.open("rb") as stream:
                while block := stream.read(_HASH_BLOCK):
                    part.update(block)
            whole.update(f"{component}/{path.name}:{part.hexdigest()}\n".encode())
    return whole.hexdigest()
