"""The works of a training as cached latents and embeddings: each photo is decoded once."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageOps

from gpu.base_models.model import BaseModel
from gpu.errors import LowQualityData
from gpu.randomness import named_permutation
from gpu.rendering.pixels import to_tensor
from gpu.training.captions import CaptionTable, caption_variants, encode_captions
from gpu.training.pictures import prepare_work
from gpu.training.recipe import MIN_WORKS, Recipe, TrainingConfig


@dataclass(frozen=True)
class CachedWork:
    """Latents [C, h, w] of one work (and its mirror, if used) and the rows of its captions."""

    latents: tuple[torch.Tensor, ...]
    caption_rows: tuple[int, ...]


@dataclass(frozen=True)
class Dataset:
    """What a training reads at each step; nothing is decoded again.

    `data_sha256` names the files and tags, so that a style file can say what it was made from.
    """

    training: tuple[CachedWork, ...]
    held_out: tuple[CachedWork, ...]
    captions: CaptionTable
    data_sha256: str

    @property
    def empty_row(self) -> int:
        """Row of the empty prompt."""
        return self.captions.row("")


def split_held_out(count: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices to train on and to hold out: at least one of each, the same for the same seed."""
    held_out_count = min(count - 1, max(1, round(count * share)))
    order = named_permutation(count, seed, "held out")
    return sorted(order[held_out_count:]), sorted(order[:held_out_count])


def cache_dataset(config: TrainingConfig, recipe: Recipe, base: BaseModel) -> Dataset:
    """Decode, crop and encode every work and caption once.

    Raises `LowQualityData` when there are too few works or one cannot be used, naming all of them.
    """
    if len(config.works) < MIN_WORKS:
        raise LowQualityData(f"at least {MIN_WORKS} works are needed, got {len(config.works)}")
    pictures = _prepare_all([work.path for work in config.works], base)
    captions = [
        caption_variants(work, trigger=config.trigger, recipe=recipe, seed=config.seed, index=index)
        for index, work in enumerate(config.works)
    ]
    table = encode_captions(base, [text for texts in captions for text in texts] + [""])
    cached = []
    for picture, texts in zip(pictures, captions, strict=True):
        views = [picture, ImageOps.mirror(picture)] if recipe.horizontal_flip else [picture]
        latents = tuple(base.encode_images(to_tensor([view]))[0].float() for view in views)
        cached.append(CachedWork(latents, tuple(table.row(text) for text in texts)))
    training, held_out = split_held_out(len(cached), recipe.held_out_share, config.seed)
    return Dataset(
        training=tuple(cached[index] for index in training),
        held_out=tuple(cached[index] for index in held_out),
        captions=table,
        data_sha256=hash_works(config),
    )


def _prepare_all(paths: list[Path], base: BaseModel) -> list[Image.Image]:
    pictures, refused = [], []
    for path in paths:
        try:
            pictures.append(prepare_work(path, base))
        except LowQualityData as error:
            refused.append(str(error))
    if refused:
        raise LowQualityData("; ".join(refused))
    return pictures


def hash_works(config: TrainingConfig) -> str:
    """One hash over all files and tags, in order."""
    whole = hashlib.sha256()
    for work in config.works:
        content = hashlib.sha256(work.path.read_bytes()).hexdigest()
        whole.update(f"{content}:{'|'.join(work.tags)}\n".encode())
    return whole.hexdigest()
