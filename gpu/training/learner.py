"""One optimizer step after another: fp32 adapters, real clipping, a retreat when memory ends."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gpu.base_models.lora import RowAdapter, fresh_adapter
from gpu.base_models.model import BaseModel
from gpu.device import unless_memory_is_full
from gpu.errors import GpuOutOfMemory
from gpu.training.diffusion import NoisyBatch, weighted_losses
from gpu.training.recipe import Recipe


class Learner:
    """A trainable adapter for a base model, with its optimizer.

    `micro_batch` rows are computed at a time; gradients of a batch add up to the same whatever it
    is, so it only ever shrinks when memory is full.
    """

    def __init__(self, base: BaseModel, recipe: Recipe, *, seed: int) -> None:
        self._recipe = recipe
        self.base = base
        self.weights = fresh_adapter(base.unet, rank=recipe.rank, seed=seed, device=base.device)
        self.adapter = RowAdapter(self.weights, recipe.alpha / recipe.rank)
        for name, parameter in self.weights.items():
            learns = not recipe.targets or any(target in name for target in recipe.targets)
            parameter.requires_grad_(learns)
        # A list, not an iterator: clipping an exhausted iterator clips nothing.
        self._parameters = [each for each in self.weights.values() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self._parameters,
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.scaler = torch.amp.GradScaler(base.device.type, enabled=base.dtype == torch.float16)
        self.micro_batch = recipe.batch_size

    def forget_gradients(self) -> None:
        """Make ready for the next batch."""
        self.optimizer.zero_grad(set_to_none=True)

    def step(self, learning_rate: float) -> None:
        """Move along the gradients collected since they were forgotten, clipped."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self._parameters, self._recipe.max_gradient_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()


@dataclass(frozen=True)
class Lesson:
    """A batch for one adapter to learn from, and how fast."""

    learner: Learner
    batch: NoisyBatch
    learning_rate: float


class Classroom:
    """Lessons on one base model, computed as one batch wherever their shapes agree.

    Each adapter gets the gradients of its own rows only. When memory is full fewer lessons share
    a batch, and at last a single one is computed in parts.
    """

    def __init__(self) -> None:
        self._most_rows = sys.maxsize

    def learn(self, lessons: Sequence[Lesson]) -> list[torch.Tensor]:
        """One optimizer step for each lesson; returns their mean losses, still on the device.

        Raises `GpuOutOfMemory` when even one row does not fit.
        """
        losses: dict[int, torch.Tensor] = {}
        while len(losses) < len(lessons):
            places = self._next_company(
                lessons, [i for i in range(len(lessons)) if i not in losses]
            )
            company = [lessons[place] for place in places]
            learned = _try_backward(company)
            if learned is None:
                self._retreat(company)
                continue
            for lesson in company:
                lesson.learner.step(lesson.learning_rate)
            losses.update(zip(places, learned, strict=True))
        return [losses[place] for place in range(len(lessons))]

    def _next_company(self, lessons: Sequence[Lesson], waiting: list[int]) -> list[int]:
        """The first that waits and all of its shape that fit beside it."""
        shapes = lessons[waiting[0]].batch.row_shapes
        company: list[int] = []
        rows = 0
        for place in waiting:
            batch = lessons[place].batch
            rows += len(batch)
            if batch.row_shapes == shapes and (not company or rows <= self._most_rows):
                company.append(place)
        return company

    def _retreat(self, company: Sequence[Lesson]) -> None:
        learner = company[0].learner
        if len(company) > 1:
            self._most_rows = sum(len(lesson.batch) for lesson in company) // 2
        elif learner.micro_batch > 1:
            learner.micro_batch = (learner.micro_batch + 1) // 2
        else:
            raise GpuOutOfMemory("training does not fit into memory, one picture at a time")


def _try_backward(company: Sequence[Lesson]) -> list[torch.Tensor] | None:
    """Collect the gradients of every lesson; returns their losses, `None` when memory is full."""
    for lesson in company:
        lesson.learner.forget_gradients()
    return unless_memory_is_full(
        lambda: _backward_together(company) if len(company) > 1 else [_backward(company[0])],
        company[0].learner.base.device,
    )


def _backward_together(company: Sequence[Lesson]) -> list[torch.Tensor]:
    base = company[0].learner.base
    adapters = [lesson.learner.adapter for lesson in company for _ in range(len(lesson.batch))]
    rows = weighted_losses(base, NoisyBatch.join([each.batch for each in company]), adapters)
    losses = [part.mean() for part in rows.split([len(lesson.batch) for lesson in company])]
    scaled = [
        lesson.learner.scaler.scale(loss) for lesson, loss in zip(company, losses, strict=True)
    ]
    torch.stack(scaled).sum().backward()
    return [loss.detach() for loss in losses]


def _backward(lesson: Lesson) -> torch.Tensor:
    """One lesson by itself, as many rows at a time as its learner's memory allows."""
    learner, batch = lesson.learner, lesson.batch
    total = torch.zeros((), device=learner.base.device)
    for start in range(0, len(batch), learner.micro_batch):
        part = batch.part(start, learner.micro_batch)
        losses = weighted_losses(learner.base, part, [learner.adapter] * len(part))
        share = losses.sum() / len(batch)
        learner.scaler.scale(share).backward()
        total += share.detach()
    return total
