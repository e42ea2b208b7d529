"""Rows of one batch with different adapters, compared with PEFT's own layers as the reference."""

import copy

import pytest
import torch
from peft import LoraConfig

from gpu.base_models.lora import (
    RowAdapter,
    adapter_shapes,
    apply_adapters,
    assert_no_adapters,
    init_adapter,
    target_modules,
)
from gpu.base_models.lora_config import FILE_PREFIX
from gpu.errors import AdapterMismatch

ROWS = 4


def random_adapter(unet, *, seed, rank=2):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: 0.1 * torch.randn(shape, generator=generator)
        for name, shape in adapter_shapes(unet, rank).items()
    }


@pytest.fixture
def unet(tiny_base):
    return tiny_base.unet


@pytest.fixture
def call():
    """Run a network on the same rows every time."""
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(ROWS, 4, 16, 16, generator=generator)
    times = torch.tensor([10, 300, 600, 990])
    text = torch.randn(ROWS, 12, 16, generator=generator)

    def run(network, rows=slice(None)):
        return network(noisy[rows], times[rows], encoder_hidden_states=text[rows]).sample

    return run


def with_peft(unet, tensors, *, scale):
    """A copy of the network with one adapter applied by PEFT."""
    network = copy.deepcopy(unet)
    rank = len(next(value for name, value in tensors.items() if ".lora_A." in name))
    layers = sorted(target_modules(unet))
    network.add_adapter(
        LoraConfig(r=rank, lora_alpha=scale * rank, target_modules=layers), adapter_name="only"
    )
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in tensors.items():
            key = name.removeprefix(FILE_PREFIX).removesuffix(".weight")
            parameters[f"{key}.only.weight"].copy_(value)
    return network


@torch.no_grad()
@pytest.mark.parametrize("ranks", [(2, 2), (2, 3)], ids=["equal ranks", "different ranks"])
def test_each_row_is_what_peft_gives_alone(unet, call, ranks):
    first, second = (
        random_adapter(unet, seed=seed, rank=rank) for seed, rank in enumerate(ranks, start=1)
    )
    rows = [RowAdapter(first, 1.0), RowAdapter(second, 0.5), None, RowAdapter(first, 0.25)]
    with apply_adapters(unet, rows):
        mixed = call(unet)
    base = call(unet)
    assert torch.allclose(mixed[2], base[2], atol=1e-6)
    for index, row in enumerate(rows):
        if row is not None:
            alone = call(with_peft(unet, row.tensors, scale=row.scale))[index]
            assert torch.allclose(mixed[index], alone, atol=1e-5)
            assert (mixed[index] - base[index]).abs().max() > 1e-2


@torch.no_grad()
def test_one_adapter_for_all_rows_is_what_peft_gives(unet, call):
    tensors = random_adapter(unet, seed=1)
    with apply_adapters(unet, [RowAdapter(tensors, 0.7)] * ROWS):
        ours = call(unet)
    assert torch.allclose(ours, call(with_peft(unet, tensors, scale=0.7)), atol=1e-5)


def test_gradients_reach_each_adapter_as_if_trained_alone(unet, call):
    def gradients(adapters, rows, of):
        for adapter in adapters:
            for value in adapter.values():
                value.grad = None
        with apply_adapters(unet, [RowAdapter(adapters[index], 0.5) for index in rows]):
            call(unet, of).square().mean(dim=(1, 2, 3)).sum().backward()
        return [{name: value.grad for name, value in adapter.items()} for adapter in adapters]

    adapters = [
        {name: value.requires_grad_() for name, value in random_adapter(unet, seed=seed).items()}
        for seed in (1, 2)
    ]
    together = gradients(adapters, [0, 0, 1, 1], slice(None))
    alone = [
        gradients(adapters[:1], [0, 0], slice(0, 2))[0],
        gradients(adapters[1:], [0, 0], slice(2, 4))[0],
    ]
    for joint, single in zip(together, alone, strict=True):
        for name, gradient in joint.items():
            assert torch.allclose(gradient, single[name], rtol=1e-3, atol=1e-6), name


@torch.no_grad()
def test_a_fresh_adapter_changes_nothing_and_is_the_same_for_the_same_seed(unet, call):
    first, again, other = (
        init_adapter(unet, rank=2, seed=seed, device=torch.device("cpu")) for seed in (1, 1, 2)
    )
    with apply_adapters(unet, [RowAdapter(first, 1.0)] * ROWS):
        styled = call(unet)
    assert torch.equal(styled, call(unet))
    assert all(value.equal(again[name]) for name, value in first.items())
    assert any(not value.equal(other[name]) for name, value in first.items())


@torch.no_grad()
def test_the_network_is_left_as_it_was(unet, call):
    def draw_and_fail():
        with apply_adapters(unet, [RowAdapter(random_adapter(unet, seed=1), 1.0)] * ROWS):
            call(unet)
            raise KeyError("something else goes wrong")

    before = call(unet)
    with pytest.raises(KeyError):
        draw_and_fail()
    assert_no_adapters(unet)
    assert torch.equal(call(unet), before)


@torch.no_grad()
def test_a_batch_of_another_size_is_refused(unet, call):
    adapter = RowAdapter(random_adapter(unet, seed=1), 1.0)
    with (
        pytest.raises(AdapterMismatch, match="a batch of 4 rows has adapters for 2"),
        apply_adapters(unet, [adapter] * 2),
    ):
        call(unet)


@torch.no_grad()
def test_two_at_once_are_refused(unet):
    adapter = RowAdapter(random_adapter(unet, seed=1), 1.0)
    with (
        apply_adapters(unet, [adapter]),
        pytest.raises(AdapterMismatch, match="still active"),
        apply_adapters(unet, [adapter]),
    ):
        pytest.fail("applied over another")


@pytest.mark.parametrize("spoil", ["missing", "unknown"])
def test_an_adapter_of_other_layers_is_refused(unet, spoil):
    tensors = random_adapter(unet, seed=1)
    if spoil == "missing":
        tensors.pop("unet.conv_in.lora_A.weight")
    else:
        tensors["unet.elsewhere.lora_A.weight"] = torch.zeros(2, 2)
    with (
        pytest.raises(AdapterMismatch, match="layers are not"),
        apply_adapters(unet, [RowAdapter(tensors, 1)]),
    ):
        pytest.fail("rendered without its layers")


@torch.no_grad()
def test_a_layer_that_ran_without_its_adapter_is_noticed(unet, call):
    def draw_with_a_layer_off():
        with apply_adapters(unet, [RowAdapter(random_adapter(unet, seed=1), 1.0)] * ROWS):
            unet.conv_in._forward_hooks.clear()
            call(unet)

    with pytest.raises(AdapterMismatch, match="conv_in ran without"):
        draw_with_a_layer_off()
    assert_no_adapters(unet)
