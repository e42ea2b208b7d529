"""Checks of style files (safetensors) without torch: their base model, and only finite numbers."""

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 8 << 20
NUMBERS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
BF16_EXPONENT = 0x7F80


class DamagedStyleFile(Exception):
    """A file that is not a style: truncated, or with another layout."""


class NonFiniteStyleFile(DamagedStyleFile):
    """A style file with values that are not finite numbers."""


@dataclass(frozen=True)
class StyleFacts:
    """Metadata of a style file; `base_model_sha256` is of the weights it was trained on."""

    base_model_sha256: str | None


def inspect(content: bytes) -> StyleFacts:
    """Check a whole safetensors file of adapters and return its metadata.

    Raises DamagedStyleFile, NonFiniteStyleFile. Layers and shapes are checked by the renderer,
    which has the base model.
    """
    header, start = _header(content)
    metadata = header.pop("__metadata__", None) or {}
    try:
        for name, tensor in header.items():
            begin, end = tensor["data_offsets"]
            if not 0 <= begin <= end <= len(content) - start:
                raise DamagedStyleFile(f"{name} lies outside the file")
            _check_numbers(name, tensor["dtype"], content[start + begin : start + end])
        base = metadata.get("base_model_sha256")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedStyleFile("the header is not that of a style file") from error
    return StyleFacts(base if isinstance(base, str) else None)


# The header is JSON of an uploaded file: of any shape, until `inspect` has read each field.
def _header(content: bytes) -> tuple[dict[str, Any], int]:
    """Return the header and the offset of the tensors; the length is checked before parsing."""
    if len(content) < LENGTH_BYTES:
        raise DamagedStyleFile("the file is too short")
    (length,) = struct.unpack_from("<Q", content)
    start = LENGTH_BYTES + length
    if length > MAX_HEADER_BYTES or start > len(content):
        raise DamagedStyleFile("the header is longer than it may be")
    try:
        header = json.loads(content[LENGTH_BYTES:start])
    except (ValueError, RecursionError) as error:
        raise DamagedStyleFile("the header cannot be read") from error
    if not isinstance(header, dict):
        raise DamagedStyleFile("the header is not that of a style file")
    return header, start


def _check_numbers(name: str, dtype: str, data: bytes) -> None:
    levels = np.frombuffer(data, NUMBERS[dtype])
    if dtype == "BF16":
        is_finite = bool(((levels & BF16_EXPONENT) != BF16_EXPONENT).all())
    else:
        is_finite = bool(np.isfinite(levels).all())
    if not is_finite:
        raise NonFiniteStyleFile(f"{name} holds values that are not finite numbers")
