"""The rows and learning rate of every training step, determined by the seed in advance."""

import math
from collections import deque
from dataclasses import dataclass

import torch

from gpu.randomness import named_generator, named_permutation
from gpu.training.dataset import Dataset
from gpu.training.recipe import Recipe


@dataclass(frozen=True)
class Row:
    """One row of a batch: indices of an artwork, its view and its caption."""

    artwork: int
    view: int
    caption_row: int


class _BucketStream:
    """An endless stream of permutations of the artworks of one bucket."""

    def __init__(self, seed: int, name: str, artworks: list[int]) -> None:
        self._seed, self._name, self._artworks = seed, name, artworks
        self._round, self._queue = 0, deque[int]()

    def take(self) -> int:
        if not self._queue:
            order = named_permutation(
                len(self._artworks), self._seed, "order", self._name, self._round
            )
            self._queue.extend(self._artworks[index] for index in order)
            self._round += 1
        return self._queue.popleft()


def plan_steps(dataset: Dataset, recipe: Recipe, seed: int) -> list[tuple[Row, ...]]:
    """The rows of every training step; all rows of a step are of one bucket.

    Buckets alternate in proportion to their numbers of artworks. The plan is complete, so a
    resumed training needs only its step number.
    """
    buckets: dict[tuple[int, ...], list[int]] = {}
    for index, artwork in enumerate(dataset.training):
        buckets.setdefault(tuple(artwork.latents[0].shape), []).append(index)
    streams = [
        _BucketStream(seed, str(shape), artworks) for shape, artworks in sorted(buckets.items())
    ]
    shares = [len(artworks) / len(dataset.training) for _, artworks in sorted(buckets.items())]
    credit = list(shares)
    plan = []
    for step in range(recipe.steps):
        turn = max(range(len(streams)), key=credit.__getitem__)
        credit = [balance + share for balance, share in zip(credit, shares, strict=True)]
        credit[turn] -= 1.0
        artworks = [streams[turn].take() for _ in range(recipe.batch_size)]
        chances = torch.rand(
            len(artworks), 3, generator=named_generator(seed, "rows", step)
        ).tolist()
        plan.append(
            tuple(
                _choose(dataset, recipe, artwork, chance)
                for artwork, chance in zip(artworks, chances, strict=True)
            )
        )
    return plan


def _choose(dataset: Dataset, recipe: Recipe, artwork: int, chance: list[float]) -> Row:
    cached = dataset.training[artwork]
    view = int(chance[0] * len(cached.latents))
    if chance[1] < recipe.empty_prompt_share:
        return Row(artwork, view, dataset.empty_row)
    return Row(artwork, view, cached.caption_rows[int(chance[2] * len(cached.caption_rows))])


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then cosine decay to a small share; `step` counts from 0."""
    warmup = max(1, round(recipe.steps * recipe.warmup_share))
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, recipe.steps - warmup)
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    floor = recipe.final_learning_rate_share
    return recipe.learning_rate * (floor + (1.0 - floor) * cosine)


def should_stop_early(history: list[tuple[int, float]], recipe: Recipe) -> bool:
    """Whether the held-out loss has not fallen for `patience_checkpoints` measurements."""
    patience = recipe.patience_checkpoints
    if len(history) <= patience or history[-1][0] < recipe.steps * recipe.earliest_stop_share:
        return False
    best_before = min(loss for _, loss in history[:-patience])
    return min(loss for _, loss in history[-patience:]) >= best_before
