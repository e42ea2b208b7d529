"""The known base models: sources and default settings."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch

from gpu.base_models.identity import BUILT_IN_FOLDER
from gpu.base_models.model import BaseModel, read_base_model
from gpu.base_models.spec import BaseModelSpec
from gpu.device import limit_threads, pick_device, pick_dtype
from gpu.errors import ModelMissing

__all__ = ["REGISTRY", "BaseModel", "BaseModelSpec", "load_base_model", "resolve_spec"]

_SD15 = BaseModelSpec(
    name="sd15",
    source="stable-diffusion-v1-5/stable-diffusion-v1-5",
    native_side=512,
    sizes=((512, 512), (1024, 1024), (512, 1024)),
    default_steps=20,
    guidance_scale=7.0,
    lora_rank=16,
    lora_alpha=16.0,
    lora_learning_rate=2e-4,
    training_steps=600,
    training_steps_per_artwork=30,
    max_training_steps=3000,
    min_snr_gamma=5.0,
)

REGISTRY: dict[str, BaseModelSpec] = {
    "built-in": BaseModelSpec(
        name="built-in",
        source=str(BUILT_IN_FOLDER),
        native_side=512,
        sizes=((512, 512), (1024, 1024), (512, 1024)),
        default_steps=12,
        guidance_scale=2.0,
        scheduler="DPMSolverMultistepScheduler",
        redraw_share=0.25,  # its draft is sharper than the redrawn frame
        lora_scale=0.8,  # above it, a strong style hides the subject
        lora_rank=8,  # as good as 16 (docs/engine.md), in half of the bytes
        lora_alpha=8.0,
        # a lower rate learns no lines in these steps; a higher one draws dots around objects
        lora_learning_rate=2e-3,
        training_steps=120,
        training_steps_per_artwork=5,
        max_training_steps=700,
        min_snr_gamma=5.0,
        cpu_threads=1,  # its layers are small: waking a second thread costs more than it saves
    ),
    "sd15": _SD15,
    "sdxl": dataclasses.replace(
        _SD15,
        name="sdxl",
        source="stabilityai/stable-diffusion-xl-base-1.0",
        native_side=1024,
        default_steps=25,
        guidance_scale=6.0,
        lora_learning_rate=1e-4,
    ),
}


@dataclass(frozen=True)
class _CacheKey:
    name: str
    device: str
    dtype: torch.dtype


_loaded: dict[_CacheKey, BaseModel] = {}


def resolve_spec(name: str) -> BaseModelSpec:
    """The entry of that name; else one for a diffusers folder or hub id set by the operator."""
    if name in REGISTRY:
        return REGISTRY[name]
    return dataclasses.replace(_SD15, name=name, source=name, native_side=0)


def load_base_model(
    name: str,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    allow_download: bool = False,
) -> BaseModel:
    """The base model, read once per process; on a CPU its `cpu_threads` are applied.

    `name` is a registry entry, a folder in diffusers layout, or a hub id. Downloads
    happen only with `allow_download`; otherwise the hub's local cache is read. Raises
    `ModelMissing` when weights are absent or exist only as pickle.
    """
    device = device or pick_device()
    dtype = dtype or pick_dtype(device)
    key = _CacheKey(name, str(device), dtype)
    if key not in _loaded:
        spec = resolve_spec(name)
        folder = _find_folder(spec.source, allow_download=allow_download)
        if device.type == "cpu" and spec.cpu_threads:
            limit_threads(spec.cpu_threads)
        _loaded[key] = read_base_model(spec, folder, device=device, dtype=dtype)
    return _loaded[key]


def _find_folder(source: str, *, allow_download: bool) -> Path:
    folder = Path(source)
    if folder.is_absolute() or source.startswith("."):
        if not folder.is_dir():
            raise ModelMissing(f"no base model folder at {source}")
        return folder
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                source,
                local_files_only=not allow_download,
                allow_patterns=["*.safetensors", "*.json", "*.txt"],
            )
        )
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelMissing(f"base model {source} is not on this machine: {error}") from error
