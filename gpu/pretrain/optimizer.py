"""Muon for the network's kernels and AdamW for the rest, as one optimizer.

Muon (Jordan et al., 2024) orthogonalises each update. Most channels of our latents are details of
low variance: AdamW learns them last, Muon at the same time as the others, in less than half of the
steps. `torch.optim.Muon` accepts matrices only, so kernels are passed as matrix views of their
memory. It always computes in bf16: on a CPU without bf16 instructions it takes half of the time of
a step of 32 rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

_MATRIX = 2


class KernelOptimizer:
    """Updates `kernels` [out, in, h, w] and [out, in] by Muon, `others` by AdamW.

    Raises `ValueError` for kernels that are not in `torch.channels_last` layout: their matrices
    would be copies, and updates would not reach the kernels.
    """

    def __init__(self, kernels: Sequence[nn.Parameter], others: Sequence[nn.Parameter]) -> None:
        self._kernels = list(kernels)
        self._matrices = [nn.Parameter(_as_matrix(kernel.data)) for kernel in self._kernels]
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            if matrix.data_ptr() != kernel.data_ptr():
                raise ValueError("kernels must be in channels_last memory format")
        self._muon = torch.optim.Muon(
            self._matrices, lr=1.0, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        )
        self._adamw = torch.optim.AdamW(
            others, lr=1.0, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )

    @classmethod
    def of(cls, network: nn.Module, others: Sequence[nn.Parameter]) -> "KernelOptimizer":
        """Muon for the kernels of a network that are trained; AdamW for vectors and `others`."""
        parameters = [each for each in network.parameters() if each.requires_grad]
        kernels = [parameter for parameter in parameters if parameter.ndim > 1]
        vectors = [parameter for parameter in parameters if parameter.ndim == 1]
        return cls(kernels, [*vectors, *others])

    def step(self, learning_rate: float) -> None:
        """Apply the gradients; the learning rate has the same scale in both optimizers."""
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = None if kernel.grad is None else _as_matrix(kernel.grad)
        for optimizer in (self._muon, self._adamw):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()

    def zero_grad(self) -> None:
        """Delete the gradients."""
        for kernel in self._kernels:
            kernel.grad = None
        self._adamw.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """The state of both optimizers, for a checkpoint."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])


def _as_matrix(kernel: torch.Tensor) -> torch.Tensor:
    """A kernel as [out, rest]: a view of the same memory in channels_last format."""
    return kernel if kernel.ndim == _MATRIX else kernel.permute(0, 2, 3, 1).flatten(1)
