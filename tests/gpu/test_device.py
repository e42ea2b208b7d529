import pytest
import torch

from gpu.device import is_out_of_memory, limit_threads, pick_device, pick_dtype


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


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("limit, threads", [(1, 1), (2, 2), (8, 3)])
def test_threads_are_limited_and_never_raised(three_threads, monkeypatch, limit, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    limit_threads(limit)
    assert torch.get_num_threads() == threads


def test_what_the_operator_says_of_threads_is_left_alone(three_threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    limit_threads(1)
    assert torch.get_num_threads() == 3
