"""Reading style files: verified by hash, validated, and cached."""

import hashlib
import json
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from gpu.base_models.lora import adapter_shapes
from gpu.base_models.lora_config import read_lora_config
from gpu.base_models.model import BaseModel
from gpu.errors import AdapterMismatch, StyleOutdated

_HEADER_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 8 << 20  # about ten times what a large base model's adapter needs
_DEFAULT_CACHE_BYTES = 512 << 20


@dataclass(frozen=True)
class Adapter:
    """A verified adapter: its tensors by their name in the file, on the base model's device."""

    sha256: str
    tensors: Mapping[str, torch.Tensor]
    config: LoraConfig
    metadata: Mapping[str, str]

    @property
    def scaling(self) -> float:
        """`alpha / rank`, as in PEFT."""
        return float(self.config.lora_alpha / self.config.r)

    @property
    def byte_size(self) -> int:
        """Bytes of the tensors."""
        return sum(tensor.nbytes for tensor in self.tensors.values())


def read_adapter(path: Path, sha256: str, base: BaseModel) -> Adapter:
    """Read a style file, verify its hash and check that it fits this base model.

    The file is read once, so the bytes that were hashed are loaded. Raises `AdapterMismatch` for
    a missing file, another hash, a malformed header or LoRA config, wrong layers or shapes, and
    values that are not finite in the base model's precision; `StyleOutdated` for a style of
    another base model.
    """
    try:
        if path.stat().st_size > base.spec.max_adapter_bytes:
            raise AdapterMismatch(f"style file is larger than {base.spec.max_adapter_bytes} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise AdapterMismatch(f"style file cannot be read: {error}") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise AdapterMismatch(f"style file has hash {actual}, expected {sha256}")
    metadata = _read_metadata(content)
    if "base_model_sha256" not in metadata:
        raise AdapterMismatch("style file names no base model")
    if metadata["base_model_sha256"] != base.sha256:
        raise StyleOutdated("the style was trained on another base model")
    try:
        tensors = load_safetensors(content)
    except (SafetensorError, ValueError) as error:
        raise AdapterMismatch(f"style file is damaged: {error}") from error
    config = read_lora_config(metadata)
    _check_tensors(tensors, config.r, base)
    ready = {name: tensor.to(base.device, base.dtype) for name, tensor in tensors.items()}
    for name, tensor in ready.items():
        if not bool(torch.isfinite(tensor).all()):  # large values overflow in fp16
            raise AdapterMismatch(f"{name} holds values that are not finite numbers")
    return Adapter(sha256=sha256, tensors=ready, config=config, metadata=metadata)


def _read_metadata(content: bytes) -> dict[str, str]:
    """The header's metadata; its length is checked before parsing."""
    if len(content) < _HEADER_LENGTH_BYTES:
        raise AdapterMismatch("style file is too short")
    (length,) = struct.unpack("<Q", content[:_HEADER_LENGTH_BYTES])
    if length > min(_MAX_HEADER_BYTES, len(content) - _HEADER_LENGTH_BYTES):
        raise AdapterMismatch("style file has an impossible header")
    try:
        header = json.loads(content[_HEADER_LENGTH_BYTES : _HEADER_LENGTH_BYTES + length])
        return dict(header.get("__metadata__") or {})
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise AdapterMismatch("style file has no readable header") from error


def _check_tensors(tensors: Mapping[str, torch.Tensor], rank: int, base: BaseModel) -> None:
    expected = adapter_shapes(base.unet, rank)
    if tensors.keys() != expected.keys():
        raise AdapterMismatch("the style's layers are not those of the base model")
    for name, tensor in tensors.items():
        if tuple(tensor.shape) != expected[name]:
            raise AdapterMismatch(f"{name} has shape {tuple(tensor.shape)}")
        if not tensor.is_floating_point():
            raise AdapterMismatch(f"{name} holds no floating-point numbers")


class AdapterCache:
    """A least-recently-used cache of adapters by content hash, limited in bytes."""

    def __init__(self, *, max_bytes: int = _DEFAULT_CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._adapters: OrderedDict[str, Adapter] = OrderedDict()

    def get(self, path: Path, sha256: str, base: BaseModel) -> Adapter:
        """The adapter with this hash, cached or read; raises what `read_adapter` raises."""
        if sha256 in self._adapters:
            self._adapters.move_to_end(sha256)
            return self._adapters[sha256]
        adapter = read_adapter(path, sha256, base)
        self._adapters[sha256] = adapter
        while len(self._adapters) > 1 and self.byte_size > self._max_bytes:
            self._adapters.popitem(last=False)
        return adapter

    @property
    def byte_size(self) -> int:
        """Bytes of all cached tensors."""
        return sum(adapter.byte_size for adapter in self._adapters.values())

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._adapters
