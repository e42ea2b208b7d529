"""The `peft.LoraConfig` of an adapter, and its form in the metadata of a style file.

diffusers reads a LoRA's config from the safetensors metadata, as JSON whose keys have the prefix of
the component (`unet.r`, `unet.lora_alpha`, …).
"""

import json
import math
from collections.abc import Iterable, Mapping

from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from peft import LoraConfig

from gpu.errors import AdapterMismatch

FILE_PREFIX = "unet."
_MAX_RANK = 256
_SUPPORTED = frozenset({"r", "lora_alpha", "target_modules"})


def lora_config(target_modules: Iterable[str], *, rank: int, alpha: float) -> LoraConfig:
    """The config of a plain LoRA on these layers, scaled by `alpha / rank`."""
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules=sorted(target_modules))


def write_lora_config(config: LoraConfig) -> dict[str, str]:
    """The metadata entry of a config; only the fields that a plain LoRA needs.

    The other fields differ between versions of PEFT, and older ones refuse unknown fields.
    """
    fields = {
        "r": config.r,
        "lora_alpha": config.lora_alpha,
        "target_modules": sorted(config.target_modules or ()),
    }
    packed = {f"{FILE_PREFIX}{name}": value for name, value in fields.items()}
    return {LORA_ADAPTER_METADATA_KEY: json.dumps(packed, sort_keys=True)}


def read_lora_config(metadata: Mapping[str, str]) -> LoraConfig:
    """The config of a style file.

    Raises `AdapterMismatch` when it is missing, malformed, out of range, or has fields of LoRA
    variants that the renderer does not support.
    """
    try:
        packed = json.loads(metadata[LORA_ADAPTER_METADATA_KEY])
        fields = {name.removeprefix(FILE_PREFIX): value for name, value in packed.items()}
        rank, alpha = int(fields["r"]), float(fields["lora_alpha"])
        target_modules = [str(name) for name in fields["target_modules"]]
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise AdapterMismatch(f"style file has no readable LoRA config: {error}") from error
    if unsupported := fields.keys() - _SUPPORTED:
        raise AdapterMismatch(f"LoRA config: {', '.join(sorted(unsupported))} is not supported")
    if not 1 <= rank <= _MAX_RANK:
        raise AdapterMismatch(f"rank {rank} is out of range")
    if not math.isfinite(alpha):
        raise AdapterMismatch(f"alpha is {alpha}")
    return lora_config(target_modules, rank=rank, alpha=alpha)
