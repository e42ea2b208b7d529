"""Stores of scenes that are drawn and encoded in advance: training reads latents, never pixels.

A store holds the scenes of one frame size in memory-mapped files. Any number of processes draws its
chunks in any order. A chunk depends on its number only, so a store can be drawn again anywhere.
Training can start with the first chunks while the others are drawn.
"""

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageChops

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.captions import caption
from gpu.pretrain.fit_codec import to_tensor
from gpu.pretrain.scenes import VERSIONS, Scene, draw_scene
from gpu.pretrain.styles import PRETRAINING, restyle
from gpu.pretrain.vocabulary import END, MAX_TOKENS, PAD, SPARE_SLOTS, START, TOKENS

STYLE_WORDS = dict(zip(PRETRAINING, SPARE_SLOTS, strict=False))
CHUNK = 16  # scenes
CAPTIONS = 4  # of each scene; training picks one at random
_POLL_SECONDS = 0.2
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class SceneSet:
    """A data set: `count` scenes of (width, height) with consecutive seeds, of one version.

    A share of them is redrawn in a pretraining style and has its word among the tags. Without
    this, the base model would tie colours to things.
    """

    size: tuple[int, int]
    count: int
    seed: int
    restyled_share: float
    version: str = "scenes-3"

    @property
    def name(self) -> str:
        """Its folder's name."""
        width, height = self.size
        return f"{self.version}-{width}x{height}-{self.count}-{self.seed}-{self.restyled_share:g}"

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return -(-self.count // CHUNK)

    def scene_seed(self, index: int) -> int:
        """The seed of a scene; frame sizes use different seeds, so that no scene occurs twice."""
        return self.seed + index + self.size[0] * 100_000 + self.size[1] * 70_000


class LatentStore:
    """Latents [N, C, h, w] fp16, coverage by things [N, h, w] uint8, token ids [N, 4, T] int16.

    For a device other than the CPU, all scenes that are ready are copied to its memory: reading a
    large batch from files would take longer than the training step.
    """

    def __init__(
        self, folder: Path, scene_set: SceneSet, codec: PatchCodec, device: torch.device = _CPU
    ) -> None:
        self.scene_set, self.codec, self.device = scene_set, codec, device
        self._folder = folder / scene_set.name
        factor = codec.config.patch
        cells = (scene_set.size[1] // factor, scene_set.size[0] // factor)
        self._shapes: dict[str, tuple[type, tuple[int, ...]]] = {
            "latents": (np.float16, (scene_set.count, codec.config.latent_channels, *cells)),
            "coverage": (np.uint8, (scene_set.count, *cells)),
            "tokens": (np.int16, (scene_set.count, CAPTIONS, MAX_TOKENS)),
        }
        self._arrays = self._open()
        self._done = 0
        self._resident: dict[str, torch.Tensor] = {}

    def _open(self) -> dict[str, np.ndarray[Any, Any]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        for name, (kind, shape) in self._shapes.items():
            path = self._folder / f"{name}.raw"
            with path.open("ab") as file:  # sparse; the first process creates it
                size = int(np.prod(shape)) * np.dtype(kind).itemsize
                if file.tell() < size:
                    file.truncate(size)
            arrays[name] = np.memmap(path, dtype=kind, mode="r+", shape=shape)
        return arrays

    def draw(self, chunk: int) -> None:
        """Draw and encode one chunk, unless it is complete."""
        done = self._folder / f"{chunk}.done"
        if done.exists():
            return
        first = chunk * CHUNK
        last = min(first + CHUNK, self.scene_set.count)
        for index in range(first, last):
            latents, coverage, tokens = self._scene(index)
            self._arrays["latents"][index] = latents
            self._arrays["coverage"][index] = coverage
            self._arrays["tokens"][index] = tokens
        done.touch()

    def draw_all(self) -> None:
        """Draw the whole store in this process."""
        for chunk in range(self.scene_set.chunks):
            self.draw(chunk)

    @torch.inference_mode()
    def _scene(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        seed = self.scene_set.scene_seed(index)
        variation = VERSIONS[self.scene_set.version]
        scene = draw_scene(seed, self.scene_set.size, with_masks=True, variation=variation)
        image, words = _maybe_restyle(scene.image, seed, self.scene_set.restyled_share)
        latents = self.codec.encode(to_tensor(image)).latents[0]
        random = np.random.default_rng([seed, 61_001])
        captions = [caption([*scene.tags, *words], random) for _ in range(CAPTIONS)]
        tokens = np.array([_token_ids(each) for each in captions], np.int16)
        scaled = (latents * self.codec.config.scaling_factor).half()
        return scaled.numpy(), _coverage(scene, self.codec.config.patch), tokens

    def ready(self) -> int:
        """The number of readable scenes: those before the first chunk that is not complete."""
        before = self._done
        while self._done < self.scene_set.chunks and (self._folder / f"{self._done}.done").exists():
            self._done += 1
        last = min(self._done * CHUNK, self.scene_set.count)
        if self.device != _CPU and self._done > before:
            self._make_resident(before * CHUNK, last)
        return last

    def _make_resident(self, first: int, last: int) -> None:
        for name, array in self._arrays.items():
            if name not in self._resident:
                kind = torch.from_numpy(array[:0]).dtype
                self._resident[name] = torch.empty(array.shape, dtype=kind, device=self.device)
            self._resident[name][first:last] = torch.from_numpy(array[first:last]).to(self.device)

    def rows(
        self, indices: np.ndarray, captions: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Latents fp32 [B, C, h, w], coverage in 0–1 fp32 [B, 1, h, w] and token ids [B, T]."""
        if self._resident:
            rows, columns = (torch.from_numpy(each).to(self.device) for each in (indices, captions))
            latents, coverage, tokens = (
                self._resident["latents"][rows],
                self._resident["coverage"][rows],
                self._resident["tokens"][rows, columns],
            )
        else:
            latents, coverage, tokens = (
                torch.from_numpy(self._arrays["latents"][indices]),
                torch.from_numpy(self._arrays["coverage"][indices]),
                torch.from_numpy(self._arrays["tokens"][indices, captions]),
            )
        return latents.float(), coverage[:, None].float() / 255, tokens.long()


def draw_in_processes(
    folder: Path, codec: Path, scene_sets: Sequence[SceneSet], *, processes: int
) -> Sequence[BaseProcess]:
    """Start daemon processes that draw all stores at the same pace, then exit.

    `codec` is its folder. They run at low priority (nice 5), so that they do not slow training.
    """
    context = multiprocessing.get_context("spawn")
    started = []
    for number in range(processes):
        arguments = (folder, codec, list(scene_sets), number, processes)
        process = context.Process(target=_draw_share, args=arguments, daemon=True)
        process.start()
        started.append(process)
    return started


def _draw_share(
    folder: Path, codec_folder: Path, scene_sets: list[SceneSet], number: int, processes: int
) -> None:
    os.nice(5)
    torch.set_num_threads(1)
    codec = PatchCodec.from_pretrained(codec_folder).float().eval()
    stores = [LatentStore(folder, scene_set, codec) for scene_set in scene_sets]
    # interleave the chunks, so that stores of different lengths are filled at the same pace
    order = sorted(
        ((chunk + 1) / store.scene_set.chunks, chunk, index)
        for index, store in enumerate(stores)
        for chunk in range(store.scene_set.chunks)
    )
    for _, chunk, index in order[number::processes]:
        stores[index].draw(chunk)


def wait_until_ready(store: LatentStore, share: float) -> None:
    """Wait until a share of a store, at least one chunk, is readable."""
    while store.ready() < max(share * store.scene_set.count, 1):
        time.sleep(_POLL_SECONDS)


_IDS = {token: index for index, token in enumerate(TOKENS)}


def _token_ids(text: str) -> list[int]:
    """Ids as the tokenizer returns them, for known words; it would take as long as drawing."""
    words = [_IDS[word] for word in text.split(", ") if word]
    ids = [_IDS[START], *words[: MAX_TOKENS - 2], _IDS[END]]
    return ids + [_IDS[PAD]] * (MAX_TOKENS - len(ids))


def _maybe_restyle(image: Image.Image, seed: int, share: float) -> tuple[Image.Image, list[str]]:
    random = np.random.default_rng([seed, 41_017])
    if random.random() >= share:
        return image, []
    style = tuple(PRETRAINING)[random.integers(len(PRETRAINING))]
    return restyle(image, style, seed), [STYLE_WORDS[style]]


def _coverage(scene: Scene, factor: int) -> np.ndarray:
    """The share of each cell that things cover, [h, w] in 0–255."""
    together = Image.new("L", scene.image.size)
    for _, mask in scene.masks:
        together = ImageChops.lighter(together, mask)
    return np.asarray(together.reduce(factor))
