"""Begin with what a finished model knows, on another codec, with more words or a wider network.

The codecs are linear, so what the old network reads and writes is a linear map of the new latents:
its first and last convolutions take that map in. Wider layers get each old channel several times
and share it out unevenly among those who read it (Net2Net, Chen et al., arXiv 1511.05641): the
network answers as before, and the copies learn different things from the first step on.
"""

import json
from pathlib import Path

import torch
from torch import nn

from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.model import Networks
from gpu.pretrain.vocabulary import TOKENS

_UNEVEN = 0.3  # by how much the shares of two copies differ
_NEW_WORD = 0.02  # standard deviation, around the mean of the known words


@torch.no_grad()
def grow(
    networks: Networks, codec: PatchCodec, *, old: Networks, old_codec: PatchCodec, words: list[str]
) -> None:
    """Fill fresh `networks` on `codec` with what `old` knows; `words` are the old one's tokens.

    Both UNets must have the same levels and layers, and every level of the new one at least the
    old one's width.
    """
    reads, writes = _latent_maps(codec, old_codec)
    source = torch.Generator().manual_seed(11)
    levels = list(
        zip(
            old.unet.config.block_out_channels, networks.unet.config.block_out_channels, strict=True
        )
    )
    if any(new < before for before, new in levels):
        raise ValueError(f"a network cannot shrink: {levels}")
    grown = {
        name: _fit(name, value, networks.unet.get_parameter(name).shape, levels, source)
        for name, value in old.unet.named_parameters()
        if not name.startswith(("conv_in.", "conv_out.", "shortcut.", "time_embedding.linear_1"))
    }
    first, last = old.unet.conv_in, old.unet.conv_out
    width = networks.unet.config.block_out_channels[0]
    copies = _copies(len(first.weight), width)
    grown["conv_in.weight"] = torch.einsum("oihw,in->onhw", first.weight, reads)[copies]
    grown["conv_in.bias"] = first.bias[copies]
    spread = _share_out(last.weight, copies, source)
    grown["conv_out.weight"] = torch.einsum("no,oihw->nihw", writes, spread)
    grown["conv_out.bias"] = writes @ last.bias
    # each new channel takes over how the nearest old one is mixed with what comes in
    nearest = writes.abs().argmax(dim=1)
    known = writes.abs().amax(dim=1) > 0.5
    for name in ("shortcut.weight", "shortcut.bias"):
        keep, gain = getattr(old.unet.shortcut, name.split(".")[1]).chunk(2)
        zero = torch.zeros_like(keep[nearest])
        mask = known if keep.ndim == 1 else known[:, None]
        grown[name] = torch.cat([torch.where(mask, part[nearest], zero) for part in (keep, gain)])
    grown |= _time_embedding(old.unet.time_embedding.linear_1, width)
    parameters = dict(networks.unet.named_parameters())
    assert parameters.keys() == grown.keys()  # noqa: S101 - both have the same levels and layers
    for name, parameter in parameters.items():
        parameter.copy_(grown[name])
    _copy_text(networks.text_encoder, old.text_encoder, words)


def _latent_maps(codec: PatchCodec, old: PatchCodec) -> tuple[torch.Tensor, torch.Tensor]:
    """`reads` [old C, C]: old scaled latents of new ones; `writes` [C, old C]: the way back."""
    if _is_same(codec, old):
        same = torch.eye(codec.config.latent_channels)
        return same, same
    ratio = old.config.scaling_factor / codec.config.scaling_factor
    reads = old.encoder.weight.flatten(1) @ codec.decoder.weight.flatten(1).T * ratio
    writes = codec.encoder.weight.flatten(1) @ old.decoder.weight.flatten(1).T / ratio
    return reads, writes


def _is_same(codec: PatchCodec, old: PatchCodec) -> bool:
    """Whether two codecs are one, up to the precision of a model's file."""
    first, second = codec.encoder.weight, old.encoder.weight
    return first.shape == second.shape and torch.allclose(first, second, rtol=2e-3, atol=1e-5)


def _copies(old: int, new: int) -> torch.Tensor:
    """Which old channel each new one is a copy of, [new]; copies stand side by side."""
    return torch.arange(new) * old // new


def _share_out(weight: torch.Tensor, copies: torch.Tensor, source: torch.Generator) -> torch.Tensor:
    """Input channels [out, in, …] for copies: the shares of one channel's copies sum to it."""
    shares = 1 + _UNEVEN * torch.randn(
        (weight.shape[0], len(copies), *[1] * (weight.ndim - 2)), generator=source
    )
    shares = torch.where(
        torch.bincount(copies)[copies].view(1, -1, *shares.shape[2:]) > 1, shares, 1
    )
    sums = torch.zeros(weight.shape[0], int(copies.max()) + 1, *shares.shape[2:])
    sums.index_add_(1, copies, shares)
    return weight[:, copies] * shares / sums[:, copies]


def _fit(
    name: str,
    value: torch.Tensor,
    shape: torch.Size,
    levels: list[tuple[int, int]],
    source: torch.Generator,
) -> torch.Tensor:
    """One parameter of a wider network."""
    if value.shape == shape:
        return value
    grown = value
    if name.endswith("to_q.weight"):  # a head's products sum over more copies, and are scaled
        grown = grown * (value.shape[0] / shape[0]) ** 0.5
    if value.shape[0] != shape[0]:
        grown = grown[_concatenated(value.shape[0], shape[0], levels)]
    if value.ndim > 1 and value.shape[1] != shape[1]:
        copies = _concatenated(value.shape[1], shape[1], levels)
        grown = _share_out(grown, copies, source)
    if grown.shape != shape:
        raise ValueError(f"{name}: {tuple(value.shape)} does not grow to {tuple(shape)}")
    return grown


def _concatenated(old: int, new: int, levels: list[tuple[int, int]]) -> torch.Tensor:
    """Which of `old` channels each of `new` ones is a copy of.

    They are one level's channels, several times (scales and shifts, feed-forward layers), or those
    of two levels side by side (a skip).
    """
    for repeats in (1, 2, 4, 8):
        for narrow, wide in levels:
            if (old, new) == (repeats * narrow, repeats * wide):
                one = _copies(narrow, wide)
                return torch.cat([one + k * narrow for k in range(repeats)])
    for narrow, wide in reversed(levels):  # a deeper level comes before the skip beside it
        for second_narrow, second_wide in levels:
            if (old, new) == (narrow + second_narrow, wide + second_wide):
                return torch.cat(
                    [_copies(narrow, wide), narrow + _copies(second_narrow, second_wide)]
                )
    raise ValueError(f"no levels of {levels} make {new} of {old}")


def _time_embedding(old: nn.Linear, width: int) -> dict[str, torch.Tensor]:
    """Its first layer for the frequencies of a wider network, of which every nth is an old one."""
    every = width // old.in_features
    weight = torch.zeros(old.out_features, width)
    if width % old.in_features:
        raise ValueError(f"{width} is no multiple of {old.in_features}")
    weight[:, ::every] = old.weight
    return {
        "time_embedding.linear_1.weight": weight,
        "time_embedding.linear_1.bias": old.bias.clone(),
    }


def _copy_text(encoder: nn.Module, old: nn.Module, words: list[str]) -> None:
    """Words by their spelling; new ones begin near the mean, new places as the last known one."""
    values = dict(old.named_parameters())
    for name, parameter in encoder.named_parameters():
        if name.endswith("token_embedding.weight"):
            table = values[name]
            source = torch.Generator().manual_seed(12)
            noise = _NEW_WORD * torch.randn(parameter.shape, generator=source)
            parameter.copy_(table.mean(dim=0) + noise)
            place = {word: index for index, word in enumerate(words)}
            for index, word in enumerate(TOKENS):
                if word in place:
                    parameter[index] = table[place[word]]
        elif name.endswith("position_embedding.weight"):
            table = values[name]
            rows = torch.arange(len(parameter)).clamp(max=len(table) - 1)
            parameter.copy_(table[rows])
        else:
            parameter.copy_(values[name])


def words_of(model: Path) -> list[str]:
    """The tokens of a model folder, by id."""
    tokenizer = json.loads((model / "tokenizer" / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    return sorted(vocabulary, key=vocabulary.__getitem__)
