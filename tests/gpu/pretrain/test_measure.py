from types import SimpleNamespace

import pytest
import torch

from gpu.pretrain.fit_codec import fit_codec
from gpu.pretrain.measure import measure_denoising
from gpu.pretrain.model import Networks, make_networks


@pytest.fixture(scope="module")
def codec():
    return fit_codec(images=2, channels=8, side=32, patch=16)


def test_the_error_of_an_identity_network_is_that_of_the_noise(codec, tiny_shape):
    def identity(noisy, *_args, **_kwargs):
        return SimpleNamespace(sample=noisy)

    text_encoder = make_networks(tiny_shape, seed=0).text_encoder
    small, large = measure_denoising(
        Networks(identity, text_encoder), codec, scenes=2, times=(20, 200)
    )
    assert small.pixels == pytest.approx(small.noisy_pixels, rel=0.2)
    assert small.latents < large.latents
    assert large.noisy_pixels > 4 * small.noisy_pixels


def test_the_error_of_a_zero_network_is_equal_at_every_time(codec, tiny_shape):
    networks = make_networks(tiny_shape, seed=0)
    with torch.no_grad():
        networks.unet.conv_out.weight.zero_()
        networks.unet.conv_out.bias.zero_()
    errors = measure_denoising(networks, codec, scenes=2, times=(50, 999))
    assert errors[0].latents == errors[1].latents > 0
