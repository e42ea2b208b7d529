"""Initialise a network from a trained one that is narrower, has fewer words or another codec.

The codecs are linear, so the latents of the old one are a linear map of the new latents. The map is
multiplied into the first and last convolution. Wider layers hold copies of each old channel, and
the next layer's weights are split unevenly among the copies (Net2Net, Chen et al., arXiv
1511.05641): outputs do not change, and the copies get different gradients from the first step on.
"""

import json
from pathlib import Path

import torch
from torch import nn

from gpu.base_models.detail_head import DetailHead
from gpu.base_models.patch_codec import PatchCodec
from gpu.pretrain.model import Networks
from gpu.pretrain.vocabulary import TOKENS

_WEIGHT_SPREAD = 0.3  # standard deviation of a copy's share of a weight
_NEW_WORD_STD = 0.02  # standard deviation, around the mean of the old words


@torch.no_grad()
def grow(
    networks: Networks, codec: PatchCodec, *, old: Networks, old_codec: PatchCodec, words: list[str]
) -> None:
    """Set the weights of `networks` on `codec` from `old`; `words` are the tokens of `old` by id.

    Both UNets must have the same levels and layers. A head is kept if it has the same shape and
    the codec is the same; otherwise the new one begins without effect.

    Raises `ValueError` if a level of the new one is narrower, or a shape cannot be widened.
    """
    to_old, from_old = _latent_maps(codec, old_codec)
    source = torch.Generator().manual_seed(11)
    levels = list(
        zip(
            old.unet.config.block_out_channels, networks.unet.config.block_out_channels, strict=True
        )
    )
    if any(new < old_width for old_width, new in levels):
        raise ValueError(f"a level cannot become narrower: {levels}")
    grown = {
        name: _widen(name, value, networks.unet.get_parameter(name).shape, levels, source)
        for name, value in old.unet.named_parameters()
        if not name.startswith(
            ("conv_in.", "conv_out.", "shortcut.", "time_embedding.linear_1", "detail.")
        )
    }
    first, last = old.unet.conv_in, old.unet.conv_out
    width = networks.unet.config.block_out_channels[0]
    copies = _source_channels(len(first.weight), width)
    grown["conv_in.weight"] = torch.einsum("oihw,in->onhw", first.weight, to_old)[copies]
    grown["conv_in.bias"] = first.bias[copies]
    split_last = _split_weights(last.weight, copies, source)
    grown["conv_out.weight"] = torch.einsum("no,oihw->nihw", from_old, split_last)
    grown["conv_out.bias"] = from_old @ last.bias
    # the shortcut of each new channel is that of the old channel with the largest weight in it
    nearest = from_old.abs().argmax(dim=1)
    has_match = from_old.abs().amax(dim=1) > 0.5
    for name in ("shortcut.weight", "shortcut.bias"):
        keep, gain = getattr(old.unet.shortcut, name.split(".")[1]).chunk(2)
        zero = torch.zeros_like(keep[nearest])
        mask = has_match if keep.ndim == 1 else has_match[:, None]
        grown[name] = torch.cat([torch.where(mask, part[nearest], zero) for part in (keep, gain)])
    grown |= _time_embedding(old.unet.time_embedding.linear_1, width)
    if _is_same(codec, old_codec):
        _copy_head(networks.unet.detail, old.unet.detail)
    parameters = {
        name: parameter
        for name, parameter in networks.unet.named_parameters()
        if not name.startswith("detail.")
    }
    assert parameters.keys() == grown.keys()  # noqa: S101 - both have the same levels and layers
    for name, parameter in parameters.items():
        parameter.copy_(grown[name])
    _copy_text(networks.text_encoder, old.text_encoder, words)


def _copy_head(head: DetailHead | None, old: DetailHead | None) -> None:
    """Copy the weights of a head of the same shape; do nothing without one."""
    if head is None or old is None:
        return
    weights, known = head.state_dict(), old.state_dict()
    shapes = [{name: each.shape for name, each in one.items()} for one in (weights, known)]
    if shapes[0] == shapes[1]:
        head.load_state_dict(known)


def _latent_maps(codec: PatchCodec, old: PatchCodec) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrices between scaled latents: new to old [old C, C], and old to new [C, old C]."""
    if _is_same(codec, old):
        same = torch.eye(codec.config.latent_channels)
        return same, same
    ratio = old.config.scaling_factor / codec.config.scaling_factor
    to_old = old.encoder.weight.flatten(1) @ codec.decoder.weight.flatten(1).T * ratio
    from_old = codec.encoder.weight.flatten(1) @ old.decoder.weight.flatten(1).T / ratio
    return to_old, from_old


def _is_same(codec: PatchCodec, old: PatchCodec) -> bool:
    """Whether two codecs have the same encoder, within the fp16 precision of a model's file."""
    first, second = codec.encoder.weight, old.encoder.weight
    return first.shape == second.shape and torch.allclose(first, second, rtol=2e-3, atol=1e-5)


def _source_channels(old: int, new: int) -> torch.Tensor:
    """The index of the old channel of which each new one is a copy, [new]; copies are adjacent."""
    return torch.arange(new) * old // new


def _split_weights(
    weight: torch.Tensor, copies: torch.Tensor, source: torch.Generator
) -> torch.Tensor:
    """Weights [out, in, …] for copied input channels; those of one channel's copies sum to it."""
    shares = 1 + _WEIGHT_SPREAD * torch.randn(
        (weight.shape[0], len(copies), *[1] * (weight.ndim - 2)), generator=source
    )
    shares = torch.where(
        torch.bincount(copies)[copies].view(1, -1, *shares.shape[2:]) > 1, shares, 1
    )
    sums = torch.zeros(weight.shape[0], int(copies.max()) + 1, *shares.shape[2:])
    sums.index_add_(1, copies, shares)
    return weight[:, copies] * shares / sums[:, copies]


def _widen(
    name: str,
    value: torch.Tensor,
    shape: torch.Size,
    levels: list[tuple[int, int]],
    source: torch.Generator,
) -> torch.Tensor:
    """One parameter of the wider network; raises `ValueError` if no shape rule applies."""
    if value.shape == shape:
        return value
    grown = value
    if name.endswith("to_q.weight"):  # attention sums over more channels and scales by their number
        grown = grown * (value.shape[0] / shape[0]) ** 0.5
    if value.shape[0] != shape[0]:
        grown = grown[_concatenated(value.shape[0], shape[0], levels)]
    if value.ndim > 1 and value.shape[1] != shape[1]:
        copies = _concatenated(value.shape[1], shape[1], levels)
        grown = _split_weights(grown, copies, source)
    if grown.shape != shape:
        raise ValueError(f"{name}: {tuple(value.shape)} cannot be widened to {tuple(shape)}")
    return grown


def _concatenated(old: int, new: int, levels: list[tuple[int, int]]) -> torch.Tensor:
    """`_source_channels` where channels are those of a level repeated, or of two levels in a row.

    Scales and shifts and feed-forward layers repeat them; skip connections concatenate two levels.
    """
    for repeats in (1, 2, 4, 8):
        for narrow, wide in levels:
            if (old, new) == (repeats * narrow, repeats * wide):
                one = _source_channels(narrow, wide)
                return torch.cat([one + k * narrow for k in range(repeats)])
    for narrow, wide in reversed(levels):  # the deeper level comes first in a skip connection
        for second_narrow, second_wide in levels:
            if (old, new) == (narrow + second_narrow, wide + second_wide):
                return torch.cat(
                    [
                        _source_channels(narrow, wide),
                        narrow + _source_channels(second_narrow, second_wide),
                    ]
                )
    raise ValueError(f"no levels of {levels} widen {old} channels to {new}")


def _time_embedding(old: nn.Linear, width: int) -> dict[str, torch.Tensor]:
    """First layer for the frequencies of a wider network, of which every nth is an old one."""
    every = width // old.in_features
    weight = torch.zeros(old.out_features, width)
    if width % old.in_features:
        raise ValueError(f"{width} is not a multiple of {old.in_features}")
    weight[:, ::every] = old.weight
    return {
        "time_embedding.linear_1.weight": weight,
        "time_embedding.linear_1.bias": old.bias.clone(),
    }


def _copy_text(encoder: nn.Module, old: nn.Module, words: list[str]) -> None:
    """Copy embeddings by word; new words start near the mean, new positions as the last one."""
    values = dict(old.named_parameters())
    for name, parameter in encoder.named_parameters():
        if name.endswith("token_embedding.weight"):
            table = values[name]
            source = torch.Generator().manual_seed(12)
            noise = _NEW_WORD_STD * torch.randn(parameter.shape, generator=source)
            parameter.copy_(table.mean(dim=0) + noise)
            old_index = {word: index for index, word in enumerate(words)}
            for index, word in enumerate(TOKENS):
                if word in old_index:
                    parameter[index] = table[old_index[word]]
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
