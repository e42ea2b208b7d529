"""Device, precision and threads of the engine, and handling of full memory."""

import os
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def pick_device() -> torch.device:
    """The GPU if there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_dtype(device: torch.device) -> torch.dtype:
    """Precision of frozen weights: fp32 on a CPU, bf16 on a GPU that supports it, else fp16."""
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def count_cores() -> int:
    """Cores available to this process; all cores where the system does not tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads(count: int) -> None:
    """Limit torch to `count` threads per operation, unless OMP_NUM_THREADS is set."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(count, torch.get_num_threads()))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that GPU or CPU memory is full.

    The CPU allocator raises a plain `RuntimeError` (torch c10/core/impl/alloc_cpu.cpp), which is
    recognised by its message.
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def catch_out_of_memory(function: Callable[[], Result], device: torch.device) -> Result | None:
    """Call a function; returns `None` when memory is full, so that a smaller batch can be tried."""
    try:
        return function()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    _release_memory(
        device
    )  # outside the handler: the exception references the tensors of its frames
    return None


def _release_memory(device: torch.device) -> None:
    """Free cached blocks for other processes and larger allocations."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
