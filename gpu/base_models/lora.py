"""Low-rank adapters on a UNet: every row of a batch in its own style, or in none.

Adapters never become part of the network. While a batch is drawn or learned, each layer's answer
is corrected by what the adapters of the rows add to it, `scale · B · A · x`; afterwards the network
is exactly what it was. Rows of different styles are corrected by one grouped convolution or two
batched products per layer, however many styles there are, so mixing costs no more than one style;
neighbours of one style share their part of it.

Parameters are named as diffusers files name them: `unet.<layer>.lora_A.weight` [r, in(, k, k)]
and `unet.<layer>.lora_B.weight` [out, r(, 1, 1)].
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch.nn import functional

from gpu.errors import AdapterMismatch
from gpu.randomness import named_generator

FILE_PREFIX = "unet."
Layer = torch.nn.Linear | torch.nn.Conv2d
_worn_networks: WeakSet[torch.nn.Module] = WeakSet()


@dataclass(frozen=True)
class RowAdapter:
    """What one row wears: tensors by their name in a file, and `alpha / rank · strength`.

    They are on the network's device, and in its precision unless they are learned under autocast.
    """

    tensors: Mapping[str, torch.Tensor]
    scale: float


def adaptable_layers(unet: torch.nn.Module) -> dict[str, Layer]:
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
        shapes[_name_a(name)] = (rank, in_size, *kernel)
        shapes[_name_b(name)] = (out_size, rank, *ones)
    return shapes


def fresh_adapter(
    unet: torch.nn.Module, *, rank: int, seed: int, device: torch.device
) -> dict[str, torch.nn.Parameter]:
    """A trainable adapter, fp32, that changes nothing yet: B is zero, A uniform as in PEFT."""
    parameters = {}
    for name, shape in sorted(adapter_shapes(unet, rank).items()):
        values = torch.zeros(shape)
        if ".lora_A." in name:
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            values.uniform_(-bound, bound, generator=named_generator(seed, name))
        parameters[name] = torch.nn.Parameter(values.to(device))
    return parameters


@contextmanager
def wearing(unet: torch.nn.Module, rows: Sequence[RowAdapter | None]) -> Iterator[None]:
    """Run the network with one adapter per row of its batch; nothing is left on it afterwards.

    Gradients reach the tensors, so an adapter is also learned this way. Raises `AdapterMismatch`
    when something is on the network already, when an adapter's layers are not the network's, when
    the network is called with another number of rows, and when it ran a layer without its style.
    """
    assert_bare(unet)
    layers = adaptable_layers(unet)
    worn = _Worn.of(rows, layers.keys())
    calls = _CallCounter(len(rows))
    with ExitStack() as stack:
        _worn_networks.add(unet)
        stack.callback(_worn_networks.discard, unet)
        stack.callback(unet.register_forward_pre_hook(calls, with_kwargs=True).remove)
        if worn is None:
            yield
            return
        deltas = {name: _Delta(*worn.gather(name)) for name in layers}
        for name, layer in layers.items():
            stack.callback(layer.register_forward_hook(deltas[name]).remove)
        yield
        for name, delta in deltas.items():
            if delta.calls < calls.count:
                raise AdapterMismatch(f"{name} ran without its style")


def assert_bare(unet: torch.nn.Module) -> None:
    """Raise `AdapterMismatch` if any adapter is still on: a foreign style must never leak."""
    if unet in _worn_networks:
        raise AdapterMismatch("adapters are still on the network")
    for name, module in unet.named_modules():
        if isinstance(module, BaseTunerLayer):
            raise AdapterMismatch(f"a foreign adapter is still on {name}")


def _name_a(layer: str) -> str:
    return f"{FILE_PREFIX}{layer}.lora_A.weight"


def _name_b(layer: str) -> str:
    return f"{FILE_PREFIX}{layer}.lora_B.weight"


@dataclass(frozen=True)
class _Worn:
    """The distinct adapters of a batch, and which of them its groups of rows wear, how strongly.

    Groups are equally many neighbours that wear the same: one product serves all of a group.
    """

    adapters: tuple[Mapping[str, torch.Tensor], ...]
    places: tuple[int, ...]
    scales: tuple[float, ...]

    @classmethod
    def of(cls, rows: Sequence[RowAdapter | None], layers: Any) -> "_Worn | None":
        """Collect the adapters of all rows, or `None` when no row wears one."""
        distinct = {id(row.tensors): row.tensors for row in rows if row is not None}
        if not distinct:
            return None
        names = {name(layer) for layer in layers for name in (_name_a, _name_b)}
        for tensors in distinct.values():
            if tensors.keys() != names:
                raise AdapterMismatch("the adapter's layers are not those of the base model")
        order = {key: place for place, key in enumerate(distinct)}
        # a row without a style borrows any adapter at no strength
        worn = [(0, 0.0) if row is None else (order[id(row.tensors)], row.scale) for row in rows]
        rows_each = math.gcd(*(len(list(run)) for _, run in itertools.groupby(worn)))
        places, scales = zip(*worn[::rows_each], strict=True)
        return cls(tuple(distinct.values()), places, scales)

    def gather(self, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
        """A and scaled B of a layer, one per group; lower ranks are filled up with zeros."""
        a = [adapter[_name_a(layer)] for adapter in self.adapters]
        b = [adapter[_name_b(layer)] for adapter in self.adapters]
        rank = max(len(tensor) for tensor in a)
        stacked_a = _stack([_pad_to(tensor, 0, rank) for tensor in a])
        stacked_b = _stack([_pad_to(tensor, 1, rank) for tensor in b])
        if self.places != tuple(range(len(self.adapters))):
            stacked_a, stacked_b = stacked_a[list(self.places)], stacked_b[list(self.places)]
        if set(self.scales) != {1.0}:
            scales = stacked_b.new_tensor(self.scales)
            stacked_b = stacked_b * scales.view(-1, *[1] * (stacked_b.dim() - 1))
        return stacked_a, stacked_b


def _stack(tensors: list[torch.Tensor]) -> torch.Tensor:
    """`torch.stack`, but a single one is not copied."""
    return torch.stack(tensors) if len(tensors) > 1 else tensors[0][None]


def _pad_to(tensor: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    missing = size - tensor.shape[axis]
    if not missing:
        return tensor
    shape = list(tensor.shape)
    shape[axis] = missing
    return torch.cat([tensor, tensor.new_zeros(shape)], dim=axis)


class _CallCounter:
    """Counts the network's calls and refuses a batch of another size."""

    def __init__(self, rows: int) -> None:
        self._rows, self.count = rows, 0

    def __call__(self, _unet: Any, arguments: Any, keywords: Any) -> None:
        sample = arguments[0] if arguments else keywords["sample"]
        if len(sample) != self._rows:
            raise AdapterMismatch(f"{len(sample)} rows were drawn with {self._rows} adapters")
        self.count += 1


class _Delta:
    """A layer's forward hook: adds what the adapters of the rows make of its input.

    `a` is [G, r, in(, k, k)] and `b` [G, out, r(, 1, 1)] for G equal groups of neighbouring rows,
    the strength included.
    """

    def __init__(self, a: torch.Tensor, b: torch.Tensor) -> None:
        self.a, self.b = a, b
        self.calls = 0

    def __call__(self, layer: Any, arguments: tuple[torch.Tensor], output: torch.Tensor) -> Any:
        self.calls += 1
        add = _add_linear if isinstance(layer, torch.nn.Linear) else _add_convolution
        return add(layer, self.a, self.b, arguments[0], output)


def _add_linear(
    _layer: Any, a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, output: torch.Tensor
) -> torch.Tensor:
    """Input is [B, ..., in], output [B, ..., out]."""
    down = x.reshape(len(a), -1, x.shape[-1]) @ a.transpose(1, 2)
    flat = output.reshape(len(a), -1, output.shape[-1])
    return torch.baddbmm(flat, down, b.transpose(1, 2)).view(output.shape)


def _add_convolution(
    layer: Any, a: torch.Tensor, b: torch.Tensor, x: torch.Tensor, output: torch.Tensor
) -> torch.Tensor:
    """Input is [B, in, H, W], output [B, out, H', W']."""
    groups, each = len(a), len(x) // len(a)
    if layer.kernel_size == layer.stride == (1, 1) and layer.padding == (0, 0):
        # a product per pixel; one core would compute the convolution group by group
        down = a.flatten(2)[:, None] @ x.flatten(2).unflatten(0, (groups, each))
    else:
        # the first convolutions of all groups are one grouped convolution
        side_by_side = x.unflatten(0, (groups, each)).transpose(0, 1).flatten(1, 2)
        down = functional.conv2d(
            side_by_side,
            a.flatten(0, 1),
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=groups,
        )
        down = down.flatten(2).unflatten(1, (groups, -1)).transpose(0, 1)
    return output + (b.flatten(2)[:, None] @ down).view(output.shape)
