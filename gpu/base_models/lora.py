"""Putting adapters on a UNet and taking them off, with nothing left to trust.

Parameters are named as diffusers files name them: `unet.<layer>.lora_A.weight` [r, in(, k, k)]
and `unet.<layer>.lora_B.weight` [out, r(, 1, 1)].
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer

from gpu.errors import AdapterMismatch

FILE_PREFIX = "unet."


def adaptable_layers(unet: torch.nn.Module) -> dict[str, torch.nn.Linear | torch.nn.Conv2d]:
    """All linear and convolution layers by name.

    All of them, because adapting conv_in and conv_out too closes 15-27 points more of the style
    gap than attention alone.
    """
    return {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)
    }


def adapter_shapes(unet: torch.nn.Module, rank: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes that an adapter file of this rank must have for this UNet."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in adaptable_layers(unet).items():
        out_size, in_size, *kernel = layer.weight.shape
        ones = [1] * len(kernel)
        shapes[f"{FILE_PREFIX}{name}.lora_A.weight"] = (rank, in_size, *kernel)
        shapes[f"{FILE_PREFIX}{name}.lora_B.weight"] = (out_size, rank, *ones)
    return shapes


def lora_config(unet: torch.nn.Module, *, rank: int, alpha: float) -> LoraConfig:
    """The PEFT configuration for all adaptable layers."""
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules=sorted(adaptable_layers(unet)))


def put_on(unet: Any, name: str, *, rank: int, alpha: float, seed: int) -> None:
    """Add a fresh adapter, fp32, and make it the only active one."""
    assert_bare(unet)
    config = lora_config(unet, rank=rank, alpha=alpha)
    with torch.random.fork_rng(devices=[]):  # PEFT draws from the global generator
        torch.manual_seed(seed)
        unet.add_adapter(config, adapter_name=name)
    for parameter in adapter_parameters(unet, name).values():
        parameter.data = parameter.data.float()


def adapter_parameters(unet: torch.nn.Module, name: str) -> dict[str, torch.nn.Parameter]:
    """The live parameters of one adapter, by their name in a file, sorted."""
    marker = f".{name}.weight"
    return {
        FILE_PREFIX + key.removesuffix(marker) + ".weight": parameter
        for key, parameter in sorted(unet.named_parameters())
        if key.endswith(marker)
    }


@torch.no_grad()
def fill(unet: torch.nn.Module, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy a file's tensors into the adapter; raises `AdapterMismatch` unless all fit exactly."""
    parameters = adapter_parameters(unet, name)
    if parameters.keys() != tensors.keys():
        raise AdapterMismatch("the adapter's layers are not those of the base model")
    for key, parameter in parameters.items():
        if parameter.shape != tensors[key].shape:
            raise AdapterMismatch(f"{key} has shape {tuple(tensors[key].shape)}")
        parameter.copy_(tensors[key])


def take_off(unet: Any) -> None:
    """Remove every adapter and restore the plain layers."""
    unet.unload_lora()
    assert_bare(unet)


def assert_bare(unet: torch.nn.Module) -> None:
    """Raise `AdapterMismatch` if any adapter is still on: a foreign style must never leak."""
    for layer_name, module in unet.named_modules():
        if isinstance(module, BaseTunerLayer):
            raise AdapterMismatch(f"an adapter is still on {layer_name}")


def assert_only(unet: torch.nn.Module, name: str) -> None:
    """Raise `AdapterMismatch` unless exactly this adapter is on and active, on every layer."""
    layers = [module for module in unet.modules() if isinstance(module, BaseTunerLayer)]
    if not layers:
        raise AdapterMismatch(f"adapter {name} is not on the model")
    for layer in layers:
        active = list(layer.active_adapters)
        loaded = set(layer.r)
        if active != [name] or loaded != {name} or layer.merged or layer.disable_adapters:
            raise AdapterMismatch(f"active adapters are {active}, expected only {name}")


@contextmanager
def wearing(
    unet: Any,
    name: str,
    tensors: Mapping[str, torch.Tensor],
    *,
    rank: int,
    alpha: float,
    strength: float,
) -> Iterator[None]:
    """Render with exactly one adapter at a strength; none is left afterwards, whatever happens."""
    assert_bare(unet)
    try:
        put_on(unet, name, rank=rank, alpha=alpha, seed=0)
        fill(unet, name, tensors)
        dtype = next(unet.parameters()).dtype
        for parameter in adapter_parameters(unet, name).values():
            parameter.data = parameter.data.to(dtype)
            parameter.requires_grad_(False)
        unet.set_adapters([name], [strength])
        assert_only(unet, name)
        yield
        assert_only(unet, name)
    finally:
        take_off(unet)
