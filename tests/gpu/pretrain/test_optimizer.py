import copy

import pytest
import torch
from torch import nn

from gpu.pretrain.optimizer import KernelOptimizer


def make_network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Flatten(), nn.Linear(8 * 4, 3))
    return layers.to(memory_format=torch.channels_last)


def learn(network, optimizer, steps):
    pictures = torch.randn(16, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    target = pictures.mean(dim=(2, 3))[:, :3]
    losses = []
    for _ in range(steps):
        loss = (network(pictures) - target).square().mean()
        loss.backward()
        optimizer.step(0.02)
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def test_kernels_and_vectors_are_updated():
    network = make_network()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    losses = learn(network, KernelOptimizer.of(network, []), 30)
    assert losses[-1] < 0.3 * losses[0]
    for old, new in zip(before, network.parameters(), strict=True):
        assert not torch.equal(old, new)


def test_a_resumed_optimizer_continues_as_one_that_was_not_stopped():
    unbroken, resumed = make_network(), make_network()
    optimizer = KernelOptimizer.of(unbroken, [])
    learn(unbroken, optimizer, 3)
    resumed.load_state_dict(unbroken.state_dict())
    restored = KernelOptimizer.of(resumed, [])
    restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert learn(unbroken, optimizer, 3) == learn(resumed, restored, 3)
    for one, other in zip(unbroken.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_kernels_in_another_memory_format_are_refused():
    with pytest.raises(ValueError, match="channels_last"):
        KernelOptimizer.of(nn.Conv2d(4, 8, 3), [])
