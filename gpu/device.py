"""Which device and precision the engine uses, and how it recognises full memory."""

import os
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def pick_device() -> torch.device:
    """The accelerator when there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_dtype(device: torch.device) -> torch.dtype:
    """Precision of frozen weights: fp32 on a CPU, bf16 on a GPU that has it, else fp16."""
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def count_cores() -> int:
    """Cores this process may use, where the system says so, otherwise all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads(count: int) -> None:
    """Compute each operation on at most so many cores, unless the operator has said how many."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(count, torch.get_num_threads()))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory is full, on a GPU or on a CPU.

    The CPU allocator raises a plain `RuntimeError` (torch c10/core/impl/alloc_cpu.cpp), so its
    words are all there is to go by.
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def unless_memory_is_full(work: Callable[[], Result], device: torch.device) -> Result | None:
    """Return what the work returns, or `None` when memory was full: a smaller batch may fit."""
    try:
        return work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    _release_memory(device)  # only now: the exception held on to the tensors of its frames
    return None


def _release_memory(device: torch.device) -> None:
    """Hand cached blocks back, so that other processes and larger blocks find room."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
