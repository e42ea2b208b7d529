"""The patch codec: linear, exact where it can be, and faithful to scenes and unseen styles."""

import pytest
import torch

from gpu.base_models.patch_codec import PatchCodec
from gpu.base_models.registry import BUILT_IN_FOLDER
from gpu.pretrain.fit_codec import fit_codec, measure_psnr, to_tensor
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import Style, restyle


@pytest.fixture(scope="module")
def shipped():
    return PatchCodec.from_pretrained(BUILT_IN_FOLDER, subfolder="vae").float().eval()


def test_latents_are_thirty_two_times_smaller(shipped):
    latents = shipped.encode(torch.zeros(2, 3, 64, 96)).latents

    assert latents.shape == (2, 192, 2, 3)
    assert shipped.decode(latents).sample.shape == (2, 3, 64, 96)
    assert 2 ** (len(shipped.config.block_out_channels) - 1) == 32


def test_a_codec_gives_back_exactly_what_it_can_express():
    codec = fit_codec(images=4, channels=8, side=64, patch=16)
    with torch.no_grad():
        once = codec(torch.rand(1, 3, 64, 64) * 2 - 1).sample
        twice = codec(once).sample

    assert torch.allclose(once, twice, atol=1e-3)


def test_with_all_components_nothing_is_lost():
    codec = fit_codec(images=6, channels=768, side=128, patch=16)
    pixels = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(codec(pixels).sample, pixels, atol=1e-3)


def test_latents_are_about_as_loud_as_noise(shipped):
    with torch.no_grad():
        pixels = torch.cat([to_tensor(draw_scene(seed, (256, 256)).image) for seed in range(8)])
        latents = shipped.encode(pixels).latents * shipped.config.scaling_factor

    assert 0.5 < float(latents.std()) < 1.5


@pytest.mark.parametrize(
    "style, floor",
    [
        (None, 34.0),
        (Style.SEPIA_INK, 31.0),
        (Style.NEON, 26.0),
        (Style.WATERCOLOUR, 36.0),
        (Style.BLUEPRINT, 30.0),
        (Style.CROSS_HATCH, 19.0),
        (Style.RISO, 17.0),
    ],
)
def test_scenes_and_unseen_styles_survive_the_round_trip(shipped, style, floor):
    assert measure_psnr(shipped, style, images=2) > floor


@pytest.mark.parametrize("style", [None, Style.CROSS_HATCH, Style.RISO, Style.SEPIA_INK])
def test_the_refiner_takes_little_from_a_picture_that_needs_none(shipped, style):
    image = draw_scene(410_000_000, (512, 512)).image
    pixels = to_tensor(restyle(image, style, 1) if style else image)
    with torch.no_grad():
        latents = shipped.encode(pixels).latents
        linear = (shipped.decoder(latents) - pixels).square().mean()
        refined = (shipped.decode(latents).sample - pixels).square().mean()

    assert 10 * torch.log10(refined / linear) < 4  # decibels


def test_a_saved_codec_is_the_same_codec(tmp_path):
    codec = fit_codec(images=2, channels=6, side=32, patch=16)
    codec.save_pretrained(tmp_path)
    again = PatchCodec.from_pretrained(tmp_path)
    pixels = torch.rand(1, 3, 32, 32)

    assert again.config.scaling_factor == codec.config.scaling_factor
    assert torch.equal(again.encode(pixels).latents, codec.encode(pixels).latents)
