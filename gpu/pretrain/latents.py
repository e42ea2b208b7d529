"""Scenes drawn and encoded once: training then reads latents and tags, never pixels."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.fit_codec import to_tensor
from gpu.pretrain.scenes import DATA_VERSION, draw_scene


@dataclass(frozen=True)
class LatentSet:
    """Scaled latents [N, C, h, w] (fp16, on disk) and the true tags of each scene."""

    latents: np.ndarray
    tags: list[list[str]]

    def rows(self, picks: np.ndarray) -> torch.Tensor:
        """The picked latents as fp32 [B, C, h, w]."""
        return torch.from_numpy(self.latents[picks].astype(np.float32))


@torch.no_grad()
def cache_latents(
    folder: Path, codec: PatchCodec, *, size: tuple[int, int], count: int, seed: int
) -> LatentSet:
    """Open the cache of `count` scenes of (width, height), drawn first where it is missing."""
    name = f"{DATA_VERSION}-{size[0]}x{size[1]}-{count}-{seed}"
    values, words = folder / f"{name}.npy", folder / f"{name}.json"
    if not words.exists():
        folder.mkdir(parents=True, exist_ok=True)
        factor = codec.config.patch
        shape = (count, codec.config.latent_channels, size[1] // factor, size[0] // factor)
        store = np.lib.format.open_memmap(values, mode="w+", dtype=np.float16, shape=shape)
        tags = []
        for index in range(count):
            # each size has scenes of its own, so that no seed is seen twice
            scene = draw_scene(seed + index + size[0] * 100_000 + size[1] * 70_000, size)
            latents = codec.encode(to_tensor(scene.image)).latents[0]
            store[index] = (latents * codec.config.scaling_factor).numpy()
            tags.append(list(scene.tags))
        store.flush()
        words.write_text(json.dumps(tags))
    return LatentSet(np.load(values, mmap_mode="r"), json.loads(words.read_text()))
