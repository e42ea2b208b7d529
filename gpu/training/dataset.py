"""The artworks of a training as cached latents and prompt embeddings, each decoded once.

An unusable artwork does not fail the training: it is left out and reported.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageOps

from gpu.base_models.model import BaseModel
from gpu.errors import LowQualityData, UnusableArtwork
from gpu.randomness import named_permutation
from gpu.rendering.pixels import to_tensor
from gpu.training.captions import CaptionTable, caption_variants, encode_captions
from gpu.training.pictures import prepare_windows
from gpu.training.recipe import Recipe, TrainingArtwork, TrainingConfig

NOT_ENCODABLE = "IMAGE_NOT_ENCODABLE"


@dataclass(frozen=True)
class EncodedArtwork:
    """A usable artwork: its windows, and latents [C, h, w] of each."""

    artwork: TrainingArtwork
    windows: tuple[Image.Image, ...]
    latents: tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class CachedArtwork:
    """Latents [C, h, w] of each view of one artwork, and the rows of its captions.

    The views are its windows (one unless it is long) and, with `horizontal_flip`, their mirrors.
    """

    latents: tuple[torch.Tensor, ...]
    caption_rows: tuple[int, ...]


@dataclass(frozen=True)
class Dataset:
    """All encoded data of a training.

    `data_sha256` is the hash of files and tags, recorded in the style file.
    """

    training: tuple[CachedArtwork, ...]
    held_out: tuple[CachedArtwork, ...]
    captions: CaptionTable
    data_sha256: str

    @property
    def empty_row(self) -> int:
        """Row of the empty prompt."""
        return self.captions.row("")


def split_held_out(count: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices to train on and to hold out, at least one of each; determined by the seed."""
    held_out_count = min(count - 1, max(1, round(count * share)))
    order = named_permutation(count, seed, "held out")
    return sorted(order[held_out_count:]), sorted(order[:held_out_count])


def encode_artworks(
    config: TrainingConfig, base: BaseModel
) -> tuple[tuple[EncodedArtwork, ...], tuple[UnusableArtwork, ...]]:
    """Decode, crop and encode every artwork; returns the usable and the unusable ones.

    Raises `LowQualityData` with all unusable ones when fewer than `min_artworks` are usable.
    """
    encoded: list[EncodedArtwork] = []
    unusable: list[UnusableArtwork] = []
    reasons: list[str] = []
    for artwork in config.artworks:
        try:
            encoded.append(_encode(artwork, base))
        except LowQualityData as error:
            unusable.extend(error.unusable)
            reasons.append(str(error))
    if len(encoded) < config.min_artworks:
        summary = f"at least {config.min_artworks} artworks are needed, got {len(encoded)}"
        raise LowQualityData("; ".join([summary, *reasons]), tuple(unusable))
    return tuple(encoded), tuple(unusable)


def cache_dataset(
    config: TrainingConfig, recipe: Recipe, base: BaseModel, artworks: Sequence[EncodedArtwork]
) -> Dataset:
    """Encode every caption once; `artworks` are in the order of the config."""
    captions = [
        caption_variants(
            each.artwork, trigger=config.trigger, recipe=recipe, seed=config.seed, index=index
        )
        for index, each in enumerate(artworks)
    ]
    table = encode_captions(base, [text for texts in captions for text in texts] + [""])
    cached = []
    for each, texts in zip(artworks, captions, strict=True):
        windows = each.windows if recipe.horizontal_flip else ()
        mirrors = [_latents(ImageOps.mirror(window), base) for window in windows]
        rows = tuple(table.row(text) for text in texts)
        cached.append(CachedArtwork((*each.latents, *mirrors), rows))
    training, held_out = split_held_out(len(cached), recipe.held_out_share, config.seed)
    return Dataset(
        training=tuple(cached[index] for index in training),
        held_out=tuple(cached[index] for index in held_out),
        captions=table,
        data_sha256=hash_artworks(config),
    )


def _encode(artwork: TrainingArtwork, base: BaseModel) -> EncodedArtwork:
    windows = prepare_windows(artwork.path, base)
    latents = tuple(_latents(window, base) for window in windows)
    if not all(bool(torch.isfinite(each).all()) for each in latents):
        raise LowQualityData(
            f"{artwork.path.name} cannot be encoded",
            (UnusableArtwork(artwork.path.name, NOT_ENCODABLE),),
        )
    return EncodedArtwork(artwork, windows, latents)


def _latents(picture: Image.Image, base: BaseModel) -> torch.Tensor:
    return base.encode_images(to_tensor([picture]))[0].float()


def hash_artworks(config: TrainingConfig) -> str:
    """One hash over all files and tags, in order."""
    whole = hashlib.sha256()
    for artwork in config.artworks:
        content = hashlib.sha256(artwork.path.read_bytes()).hexdigest()
        whole.update(f"{content}:{'|'.join(artwork.tags)}\n".encode())
    return whole.hexdigest()
