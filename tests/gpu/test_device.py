import pytest
import torch

from gpu.device import is_out_of_memory, pick_device, pick_dtype


def test_a_cpu_computes_in_full_precision():
    assert pick_dtype(torch.device("cpu")) is torch.float32


def test_the_device_exists():
    assert torch.zeros(1, device=pick_device()).item() == 0.0


def test_full_memory_is_recognised_on_gpu_and_cpu():
    assert is_out_of_memory(torch.OutOfMemoryError("full"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))


def test_the_cpu_allocator_still_uses_the_words_we_look_for():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
