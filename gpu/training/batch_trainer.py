"""Training steps of LoRA adapters: fp32 weights, clipping, smaller micro-batches on OOM."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gpu.base_models.lora import RowAdapter, init_adapter
from gpu.base_models.model import BaseModel
from gpu.device import catch_out_of_memory
from gpu.errors import GpuOutOfMemory
from gpu.training.diffusion import NoisyBatch, weighted_losses
from gpu.training.recipe import Recipe


class TrainableAdapter:
    """An adapter of a base model with its optimizer and gradient scaler.

    A batch is computed in micro-batches of `micro_batch` rows whose gradients are accumulated, so
    the result does not depend on their size. It only shrinks, when memory is full.
    """

    def __init__(self, base: BaseModel, recipe: Recipe, *, seed: int) -> None:
        self._recipe = recipe
        self.base = base
        self.weights = init_adapter(base.unet, rank=recipe.rank, seed=seed, device=base.device)
        self.adapter = RowAdapter(self.weights, recipe.alpha / recipe.rank)
        for name, parameter in self.weights.items():
            is_target = not recipe.targets or any(target in name for target in recipe.targets)
            parameter.requires_grad_(is_target)
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

    def zero_grad(self) -> None:
        """Drop the gradients of the last step."""
        self.optimizer.zero_grad(set_to_none=True)

    def step(self, learning_rate: float) -> None:
        """Clip the accumulated gradients and run one optimizer step."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self._parameters, self._recipe.max_gradient_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()


@dataclass(frozen=True)
class TrainStep:
    """One training step of one adapter: its batch and learning rate."""

    trainable: TrainableAdapter
    batch: NoisyBatch
    learning_rate: float


class BatchTrainer:
    """Runs training steps of several adapters on one base model, batched where shapes agree.

    Each adapter gets the gradients of its own rows only. When memory is full, fewer training steps
    share a batch; a single one is then split into micro-batches.
    """

    def __init__(self) -> None:
        self._max_rows = sys.maxsize

    def run(self, steps: Sequence[TrainStep]) -> list[torch.Tensor]:
        """Run all training steps; returns their mean losses, still on the device.

        Raises `GpuOutOfMemory` when a single row does not fit.
        """
        losses: dict[int, torch.Tensor] = {}
        while len(losses) < len(steps):
            indices = self._next_batch(steps, [i for i in range(len(steps)) if i not in losses])
            batch = [steps[index] for index in indices]
            batch_losses = _try_backward(batch)
            if batch_losses is None:
                self._shrink(batch)
                continue
            for step in batch:
                step.trainable.step(step.learning_rate)
            losses.update(zip(indices, batch_losses, strict=True))
        return [losses[index] for index in range(len(steps))]

    def _next_batch(self, steps: Sequence[TrainStep], pending: list[int]) -> list[int]:
        """Indices of the next batch: the first pending step and all others that can join it.

        They need the same shapes, and all rows together must fit in memory.
        """
        shapes = steps[pending[0]].batch.row_shapes
        indices: list[int] = []
        rows = 0
        for index in pending:
            batch = steps[index].batch
            rows += len(batch)
            if batch.row_shapes == shapes and (not indices or rows <= self._max_rows):
                indices.append(index)
        return indices

    def _shrink(self, batch: Sequence[TrainStep]) -> None:
        """Halve the rows per batch; of a single training step, the micro-batch."""
        trainable = batch[0].trainable
        if len(batch) > 1:
            self._max_rows = sum(len(step.batch) for step in batch) // 2
        elif trainable.micro_batch > 1:
            trainable.micro_batch = (trainable.micro_batch + 1) // 2
        else:
            raise GpuOutOfMemory("training does not fit into memory with a micro-batch of one")


def _try_backward(batch: Sequence[TrainStep]) -> list[torch.Tensor] | None:
    """Accumulate the gradients of every step; returns their losses, `None` when memory is full."""
    for step in batch:
        step.trainable.zero_grad()
    return catch_out_of_memory(
        lambda: _backward_batch(batch) if len(batch) > 1 else [_backward(batch[0])],
        batch[0].trainable.base.device,
    )


def _backward_batch(steps: Sequence[TrainStep]) -> list[torch.Tensor]:
    """Compute several training steps as one batch."""
    base = steps[0].trainable.base
    adapters = [step.trainable.adapter for step in steps for _ in range(len(step.batch))]
    rows = weighted_losses(base, NoisyBatch.join([step.batch for step in steps]), adapters)
    losses = [part.mean() for part in rows.split([len(step.batch) for step in steps])]
    scaled = [step.trainable.scaler.scale(loss) for step, loss in zip(steps, losses, strict=True)]
    torch.stack(scaled).sum().backward()
    return [loss.detach() for loss in losses]


def _backward(step: TrainStep) -> torch.Tensor:
    """Compute one training step in micro-batches."""
    trainable, batch = step.trainable, step.batch
    total = torch.zeros((), device=trainable.base.device)
    for start in range(0, len(batch), trainable.micro_batch):
        part = batch.part(start, trainable.micro_batch)
        losses = weighted_losses(trainable.base, part, [trainable.adapter] * len(part))
        share = losses.sum() / len(batch)
        trainable.scaler.scale(share).backward()
        total += share.detach()
    return total
