"""A style file stores the weights exactly, or rounded to a number of significant bits."""

import lzma

import pytest
import torch
from safetensors.torch import load_file

from gpu.training.style_file import write_style

NAME = "unet.conv_in.lora_A.weight"
HEADER = {"format": "pt", "rank": "4", "alpha": "4.0"}


@pytest.fixture
def weights():
    random = torch.Generator().manual_seed(5)
    return {NAME: torch.nn.Parameter(torch.randn(4, 2048, generator=random) * 0.02)}


def test_weights_are_stored_exactly_by_default(tmp_path, weights):
    write_style(tmp_path / "style.safetensors", weights, HEADER)
    assert torch.equal(load_file(tmp_path / "style.safetensors")[NAME], weights[NAME])


@pytest.mark.parametrize("bits", [4, 5, 8])
def test_rounded_weights_are_near_and_compress(tmp_path, weights, bits):
    whole, rounded = tmp_path / "whole.safetensors", tmp_path / "rounded.safetensors"
    write_style(whole, weights, HEADER)
    write_style(rounded, weights, HEADER, significant_bits=bits)
    stored, exact = load_file(rounded)[NAME], weights[NAME].detach()
    assert ((stored - exact).abs() <= exact.abs() * 2.0**-bits).all()
    assert torch.equal(torch.sign(stored), torch.sign(exact))
    mantissa, _ = torch.frexp(stored)
    assert torch.equal((mantissa * 2**bits).round(), mantissa * 2**bits)
    sizes = [len(lzma.compress(each.read_bytes())) for each in (rounded, whole)]
    assert sizes[0] < 0.7 * sizes[1]


def test_zero_stays_zero(tmp_path):
    write_style(tmp_path / "s", {NAME: torch.nn.Parameter(torch.zeros(4, 8))}, HEADER,
                significant_bits=4)  # fmt: skip
    assert not load_file(tmp_path / "s")[NAME].any()
