"""The works of a training as cached latents and embeddings: each photo is decoded once.

One work that cannot be used fails no training: it is left out and named.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageOps

from gpu.base_models.model import BaseModel
from gpu.errors import LowQualityData, UnusableWork
from gpu.randomness import named_permutation
from gpu.rendering.pixels import to_tensor
from gpu.training.captions import CaptionTable, caption_variants, encode_captions
from gpu.training.pictures import prepare_windows
from gpu.training.recipe import Recipe, TrainingConfig, TrainingWork

NOT_ENCODABLE = "IMAGE_NOT_ENCODABLE"


@dataclass(frozen=True)
class EncodedWork:
    """A work that can be learned from: its windows, and latents [C, h, w] of each."""

    work: TrainingWork
    windows: tuple[Image.Image, ...]
    latents: tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class CachedWork:
    """Latents [C, h, w] of each view of one work, and the rows of its captions.

    The views are its windows, one unless it is long, and their mirrors where those are used.
    """

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


def encode_works(
    config: TrainingConfig, base: BaseModel
) -> tuple[tuple[EncodedWork, ...], tuple[UnusableWork, ...]]:
    """Decode, crop and encode every work once; those that cannot be used are named instead.

    Raises `LowQualityData`, with all of them, when fewer than `least_works` can be used.
    """
    encoded: list[EncodedWork] = []
    unusable: list[UnusableWork] = []
    reasons: list[str] = []
    for work in config.works:
        try:
            encoded.append(_encode(work, base))
        except LowQualityData as error:
            unusable.extend(error.unusable)
            reasons.append(str(error))
    if len(encoded) < config.least_works:
        counted = f"at least {config.least_works} works are needed, got {len(encoded)}"
        raise LowQualityData("; ".join([counted, *reasons]), tuple(unusable))
    return tuple(encoded), tuple(unusable)


def cache_dataset(
    config: TrainingConfig, recipe: Recipe, base: BaseModel, works: Sequence[EncodedWork]
) -> Dataset:
    """Encode every caption once; `works` are those of the config, in order."""
    captions = [
        caption_variants(
            each.work, trigger=config.trigger, recipe=recipe, seed=config.seed, index=index
        )
        for index, each in enumerate(works)
    ]
    table = encode_captions(base, [text for texts in captions for text in texts] + [""])
    cached = []
    for each, texts in zip(works, captions, strict=True):
        mirrored = each.windows if recipe.horizontal_flip else ()
        mirrors = [_latents(ImageOps.mirror(window), base) for window in mirrored]
        rows = tuple(table.row(text) for text in texts)
        cached.append(CachedWork((*each.latents, *mirrors), rows))
    training, held_out = split_held_out(len(cached), recipe.held_out_share, config.seed)
    return Dataset(
        training=tuple(cached[index] for index in training),
        held_out=tuple(cached[index] for index in held_out),
        captions=table,
        data_sha256=hash_works(config),
    )


def _encode(work: TrainingWork, base: BaseModel) -> EncodedWork:
    windows = prepare_windows(work.path, base)
    latents = tuple(_latents(window, base) for window in windows)
    if not all(bool(torch.isfinite(each).all()) for each in latents):
        raise LowQualityData(
            f"{work.path.name} cannot be encoded", (UnusableWork(work.path.name, NOT_ENCODABLE),)
        )
    return EncodedWork(work, windows, latents)


def _latents(picture: Image.Image, base: BaseModel) -> torch.Tensor:
    return base.encode_images(to_tensor([picture]))[0].float()


def hash_works(config: TrainingConfig) -> str:
    """One hash over all files and tags, in order."""
    whole = hashlib.sha256()
    for work in config.works:
        content = hashlib.sha256(work.path.read_bytes()).hexdigest()
        whole.update(f"{content}:{'|'.join(work.tags)}\n".encode())
    return whole.hexdigest()
