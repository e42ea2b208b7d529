"""Writing style files: LoRA weights in diffusers' layout, with metadata on their origin."""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from safetensors.torch import save

from gpu.base_models.lora_config import FILE_PREFIX, lora_config, write_lora_config
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
    """The metadata of a style file; `extra` cannot overwrite the engine's own keys."""
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


def check_finite(weights: Mapping[str, torch.nn.Parameter]) -> None:
    """Raise `TrainingDiverged` naming the first weight that is not finite."""
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
    """Write the adapter for our renderer and diffusers' `load_lora_weights`; returns its sha256.

    Weights are fp32; with `significant_bits` they are rounded, so that the file compresses better.
    Raises `TrainingDiverged` before writing if a weight is not finite.
    """
    check_finite(weights)
    layers = {name.removeprefix(FILE_PREFIX).split(".lora_")[0] for name in weights}
    config = lora_config(layers, rank=int(metadata["rank"]), alpha=float(metadata["alpha"]))
    header = {**metadata, **write_lora_config(config)}
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
    """Round to a mantissa of this many bits; 5 bits change a value by at most 3 %."""
    mantissa, exponent = torch.frexp(values)
    steps = 2.0**significant_bits
    return torch.ldexp((mantissa * steps).round() / steps, exponent)


def _with_sorted_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put metadata into a safetensors header in a fixed order.

    The library writes it in the order of a randomised hash map, so equal styles would get
    different hashes. The header is padded to eight bytes, as in the library.
    """
    (length,) = struct.unpack("<Q", content[:_LENGTH_BYTES])
    tensors = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    header = json.dumps({"__metadata__": dict(sorted(metadata.items())), **tensors}).encode()
    header += b" " * (-len(header) % _LENGTH_BYTES)
    return struct.pack("<Q", len(header)) + header + content[_LENGTH_BYTES + length :]
