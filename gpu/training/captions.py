"""Randomised captions, encoded once before the first training step."""

from dataclasses import dataclass

import torch

from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.base_models.text import Conditioning
from gpu.randomness import named_generator, named_permutation
from gpu.training.recipe import Recipe, TrainingArtwork

_ENCODE_CHUNK = 32


def caption_variants(
    artwork: TrainingArtwork, *, trigger: str, recipe: Recipe, seed: int, index: int
) -> list[str]:
    """Captions of one artwork: the complete one, then variants with shuffled, dropped tags."""
    captions = [compose_prompt(trigger, artwork.tags)]
    for variant in range(1, recipe.caption_variants):
        order = named_permutation(len(artwork.tags), seed, "caption order", index, variant)
        chance = torch.rand(
            len(artwork.tags), generator=named_generator(seed, "tag dropout", index, variant)
        )
        tags = [artwork.tags[tag] for tag in order if chance[tag] >= recipe.tag_dropout]
        captions.append(compose_prompt(trigger, tags))
    return captions


@dataclass(frozen=True)
class CaptionTable:
    """All captions of a training, each distinct text encoded once."""

    encoded: Conditioning
    rows: dict[str, int]

    def row(self, caption: str) -> int:
        """The row of a caption."""
        return self.rows[caption]


def encode_captions(base: BaseModel, captions: list[str]) -> CaptionTable:
    """Encode the distinct captions, each with as many parts as the longest one."""
    distinct = sorted(set(captions))
    parts = base.count_parts(*distinct)
    chunks = [
        base.encode_prompts(distinct[start : start + _ENCODE_CHUNK], parts=parts)
        for start in range(0, len(distinct), _ENCODE_CHUNK)
    ]
    return CaptionTable(
        encoded=Conditioning.join(chunks),
        rows={caption: row for row, caption in enumerate(distinct)},
    )
