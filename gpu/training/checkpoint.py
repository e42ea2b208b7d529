"""All state needed to resume a training on another machine, in one safetensors file.

It holds no generator state: every random draw is named by seed and step (`gpu.randomness`).
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from gpu.errors import AdapterMismatch

_FORMAT = "style-training-checkpoint/1"
_CHECKPOINTS_KEPT = 2


@dataclass
class TrainingState:
    """Counters and history of a training; `fingerprint` identifies it."""

    fingerprint: str
    step: int = 0
    seconds: float = 0.0
    micro_batch: int = 1
    losses: list[float] = field(default_factory=list)
    held_out: list[tuple[int, float]] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    scaler: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    folder: Path,
    state: TrainingState,
    weights: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> Path:
    """Write a checkpoint atomically; of the older ones only the last is kept."""
    tensors = {f"weights/{name}": value.detach().cpu() for name, value in weights.items()}
    for name, parameter in weights.items():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer/{key}/{name}"] = value.detach().cpu()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step_{state.step:06d}.safetensors"
    unfinished = path.with_suffix(".partial")
    metadata = {"format": _FORMAT, "state": json.dumps(asdict(state))}
    save_file({key: value.contiguous() for key, value in tensors.items()}, unfinished, metadata)
    unfinished.replace(path)
    for old in sorted(folder.glob("step_*.safetensors"))[:-_CHECKPOINTS_KEPT]:
        old.unlink()
    return path


def load_checkpoint(
    path: Path,
    fingerprint: str,
    weights: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> TrainingState:
    """Restore weights and optimizer in place and return the state.

    Raises `AdapterMismatch` for a damaged file or one of another training.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as opened:
            metadata = opened.metadata() or {}
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        if metadata.get("format") != _FORMAT:
            raise AdapterMismatch(f"{path.name} is not a training checkpoint")
        state = TrainingState(**json.loads(metadata["state"]))
        state.held_out = [(int(step), float(loss)) for step, loss in state.held_out]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AdapterMismatch(f"checkpoint {path.name} cannot be read: {error}") from error
    if state.fingerprint != fingerprint:
        raise AdapterMismatch(f"checkpoint {path.name} belongs to another training")
    _restore(tensors, weights, optimizer)
    return state


@torch.no_grad()
def _restore(
    tensors: dict[str, torch.Tensor],
    weights: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> None:
    moments: dict[str, dict[str, torch.Tensor]] = {name: {} for name in weights}
    for key, value in tensors.items():
        kind, _, name = key.partition("/")
        if kind == "optimizer":
            moment, _, name = name.partition("/")
            moments[name][moment] = value
        else:
            weights[name].copy_(value)
    for name, parameter in weights.items():
        device = parameter.device
        optimizer.state[parameter] = {
            # AdamW keeps its step count on the CPU unless it is fused
            key: value.to(device)
            for key, value in moments[name].items()
        }
