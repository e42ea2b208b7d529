"""Writing a finished style: diffusers' key layout, and metadata that says where it came from."""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from safetensors.torch import save

from gpu.base_models.lora import FILE_PREFIX
from gpu.base_models.model import BaseModel
from gpu.errors import TrainingDiverged
from gpu.training.recipe import Recipe

_LENGTH_BYTES = 8
RESERVED = frozenset(
    {"format", "base_model", "base_model_sha256", "recipe", "data_sha256", "rank", "alpha"}
    | {"trigger", LORA_ADAPTER_METADATA_KEY}
)


def style_metadata(
    base: BaseModel, recipe: Recipe, *, trigger: str, data_sha256: str, extra: Mapping[str, str]
) -> dict[str, str]:
    """The header of a style file; `extra` cannot overwrite what the engine relies on."""
    return {
        **{key: str(value) for key, value in extra.items() if key not in RESERVED},
        "format": "pt",
        "base_model": base.spec.name,
        "base_model_sha256": base.sha256,
        "recipe": json.dumps(recipe.as_dict(), sort_keys=True),
        "data_sha256": data_sha256,
        "rank": str(recipe.rank),
        "alpha": str(recipe.alpha),
        "trigger": trigger,
    }


def refuse_non_finite(weights: Mapping[str, torch.nn.Parameter]) -> None:
    """Raise `TrainingDiverged` naming the first weight that holds no finite number."""
    for name, value in weights.items():
        if not bool(torch.isfinite(value).all()):
            raise TrainingDiverged(f"{name} holds values that are not finite numbers")


def write_style(
    path: Path,
    weights: Mapping[str, torch.nn.Parameter],
    metadata: Mapping[str, str],
    *,
    significant_bits: int | None = None,
) -> str:
    """Write the adapter so that `load_lora_weights` reads it too; returns the file's sha256.

    Weights are fp32; with `significant_bits` they are rounded, so that the file compresses better.
    Raises `TrainingDiverged` for weights that are not finite; then nothing is written.
    """
    refuse_non_finite(weights)
    layers = sorted({name.removeprefix(FILE_PREFIX).split(".lora_")[0] for name in weights})
    peft_config = {
        f"{FILE_PREFIX}r": int(metadata["rank"]),
        f"{FILE_PREFIX}lora_alpha": float(metadata["alpha"]),
        f"{FILE_PREFIX}target_modules": layers,
    }
    header = {**metadata, LORA_ADAPTER_METADATA_KEY: json.dumps(peft_config, sort_keys=True)}
    tensors = {name: value.detach().float().cpu().contiguous() for name, value in weights.items()}
    if significant_bits is not None:
        tensors = {name: _rounded(value, significant_bits) for name, value in tensors.items()}
    content = _with_sorted_metadata(save(tensors), header)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return hashlib.sha256(content).hexdigest()


def _rounded(values: torch.Tensor, significant_bits: int) -> torch.Tensor:
    """Return the nearest values whose mantissa has this many bits; of 5, at most 3 % away."""
    mantissa, exponent = torch.frexp(values)
    steps = 2.0**significant_bits
    return torch.ldexp((mantissa * steps).round() / steps, exponent)


def _with_sorted_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put metadata into a safetensors header in a fixed order.

    The library writes it in the order of a randomised hash map, so the same style would get
    another sha256 each time. Padded to eight bytes, as the library does for alignment.
    """
    (length,) = struct.unpack("<Q", content[:_LENGTH_BYTES])
    tensors = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    header = json.dumps({"__metadata__": dict(sorted(metadata.items())), **tensors}).encode()
    header += b" " * (-len(header) % _LENGTH_BYTES)
    return struct.pack("<Q", len(header)) + header + content[_LENGTH_BYTES + length :]
