"""One optimizer step after another: fp32 adapters, real clipping, a retreat when memory ends."""

from typing import Any

import torch

from gpu.base_models.lora import RowAdapter, fresh_adapter
from gpu.base_models.model import BaseModel
from gpu.device import is_out_of_memory, release_memory
from gpu.errors import GpuOutOfMemory
from gpu.training.diffusion import NoisyBatch, weighted_losses
from gpu.training.recipe import Recipe


class Learner:
    """A trainable adapter for a base model, with its optimizer.

    `micro_batch` rows are computed at a time; gradients of a batch add up to the same whatever it
    is, so it only ever shrinks when memory is full.
    """

    def __init__(self, base: BaseModel, recipe: Recipe, *, seed: int) -> None:
        self._base = base
        self._recipe = recipe
        self.weights = fresh_adapter(base.unet, rank=recipe.rank, seed=seed, device=base.device)
        self.adapter = RowAdapter(self.weights, recipe.alpha / recipe.rank)
        # A list, not an iterator: clipping an exhausted iterator clips nothing.
        self._parameters = list(self.weights.values())
        self.optimizer = torch.optim.AdamW(
            self._parameters,
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self.scaler = torch.amp.GradScaler(base.device.type, enabled=base.dtype == torch.float16)
        self.micro_batch = recipe.batch_size

    def learn(self, batch: NoisyBatch, learning_rate: float) -> torch.Tensor:
        """One step; returns the batch's mean loss, still on the device.

        Raises `GpuOutOfMemory` when even one row does not fit.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        loss = self._backward_in_parts(batch)
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self._parameters, self._recipe.max_gradient_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss

    def _backward_in_parts(self, batch: NoisyBatch) -> torch.Tensor:
        while True:
            self.optimizer.zero_grad(set_to_none=True)
            try:
                return self._accumulate(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            release_memory(self._base.device)
            if self.micro_batch == 1:
                raise GpuOutOfMemory("training does not fit into memory, one picture at a time")
            self.micro_batch = (self.micro_batch + 1) // 2

    def _accumulate(self, batch: NoisyBatch) -> torch.Tensor:
        total = torch.zeros((), device=self._base.device)
        for start in range(0, len(batch), self.micro_batch):
            part = batch.part(start, self.micro_batch)
            losses = weighted_losses(self._base, part, [self.adapter] * len(part))
            share: Any = losses.sum() / len(batch)
            self.scaler.scale(share).backward()
            total += share.detach()
        return total
