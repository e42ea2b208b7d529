"""Scenes drawn and encoded once: training then reads latents, masks and tags, never pixels."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageChops

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.fit_codec import to_tensor
from gpu.pretrain.scenes import DATA_VERSION, Scene, draw_scene
from gpu.pretrain.styles import PRETRAINING, restyle
from gpu.pretrain.vocabulary import SPARE_SLOTS

STYLE_WORDS = dict(zip(PRETRAINING, SPARE_SLOTS, strict=False))


@dataclass(frozen=True)
class LatentSet:
    """Scaled latents [N, C, h, w] (fp16, on disk), where things are, and each scene's true tags.

    `coverage` is [N, h, w] in 8 bits: how much of a cell things fill.
    """

    latents: np.ndarray
    coverage: np.ndarray
    tags: list[list[str]]

    def rows(self, picks: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """The picked latents as fp32 [B, C, h, w] and coverage in 0-1 as fp32 [B, 1, h, w]."""
        latents = torch.from_numpy(self.latents[picks].astype(np.float32))
        coverage = torch.from_numpy(self.coverage[picks].astype(np.float32) / 255)
        return latents, coverage[:, None]


@torch.no_grad()
def cache_latents(
    folder: Path,
    codec: PatchCodec,
    *,
    size: tuple[int, int],
    count: int,
    seed: int,
    restyled_share: float,
) -> LatentSet:
    """Open the cache of `count` scenes of (width, height), drawn first where it is missing.

    A share of them is redrawn in a pretraining style, whose word then stands among the tags: a base
    that has seen one palette only takes colours for part of what things are.
    """
    name = f"{DATA_VERSION}-{size[0]}x{size[1]}-{count}-{seed}-{restyled_share:g}"
    values, words = folder / f"{name}.npy", folder / f"{name}.json"
    places = folder / f"{name}-coverage.npy"
    if not words.exists():
        folder.mkdir(parents=True, exist_ok=True)
        factor = codec.config.patch
        cells = (size[1] // factor, size[0] // factor)
        shape = (count, codec.config.latent_channels, *cells)
        store = np.lib.format.open_memmap(values, mode="w+", dtype=np.float16, shape=shape)
        coverage = np.zeros((count, *cells), np.uint8)
        tags = []
        for index in range(count):
            # each size has scenes of its own, so that no seed is seen twice
            scene_seed = seed + index + size[0] * 100_000 + size[1] * 70_000
            scene = draw_scene(scene_seed, size, with_masks=True)
            image, style_words = _maybe_restyle(scene.image, scene_seed, restyled_share)
            latents = codec.encode(to_tensor(image)).latents[0]
            store[index] = (latents * codec.config.scaling_factor).numpy()
            coverage[index] = _coverage(scene, factor)
            tags.append([*scene.tags, *style_words])
        store.flush()
        np.save(places, coverage)
        words.write_text(json.dumps(tags))
    return LatentSet(np.load(values, mmap_mode="r"), np.load(places), json.loads(words.read_text()))


def _maybe_restyle(image: Image.Image, seed: int, share: float) -> tuple[Image.Image, list[str]]:
    random = np.random.default_rng([seed, 41_017])
    if random.random() >= share:
        return image, []
    style = tuple(PRETRAINING)[random.integers(len(PRETRAINING))]
    return restyle(image, style, seed), [STYLE_WORDS[style]]


def _coverage(scene: Scene, factor: int) -> np.ndarray:
    """How much of each cell things fill, [h, w] in 0-255."""
    together = Image.new("L", scene.image.size)
    for _, mask in scene.masks:
        together = ImageChops.lighter(together, mask)
    return np.asarray(together.reduce(factor))
