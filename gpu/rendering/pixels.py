"""Conversion between tensors and pictures, and detection of blank pictures."""

import numpy as np
import torch
from PIL import Image

_BLANK_DEVIATION = 2.0  # of 255: below it a picture looks like one flat colour


def to_pictures(decoded: torch.Tensor) -> list[Image.Image]:
    """Tensors [B, 3, H, W] in [-1, 1] as 8-bit RGB pictures."""
    levels = ((decoded + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return [Image.fromarray(rows) for rows in levels.permute(0, 2, 3, 1).cpu().numpy()]


def to_tensor(pictures: list[Image.Image]) -> torch.Tensor:
    """RGB pictures of one size as fp32 [B, 3, H, W] in [-1, 1]."""
    arrays = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def is_blank(picture: Image.Image, mask: Image.Image | None = None) -> bool:
    """Whether every channel is nearly constant, with a 1-bit mask only under the mask."""
    levels = np.asarray(picture, dtype=np.float32)
    visible = levels.reshape(-1, levels.shape[-1]) if mask is None else levels[np.asarray(mask)]
    return bool(visible.std(axis=0).max() < _BLANK_DEVIATION)
