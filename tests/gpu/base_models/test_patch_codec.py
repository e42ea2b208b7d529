"""The patch codec: linear, exact where it can be, and faithful to scenes and unseen styles."""

import pytest
import torch

from gpu.base_models.patch_codec import PatchCodec
from gpu.base_models.registry import BUILT_IN_FOLDER
from gpu.pretrain.fit_codec import fit_codec, measure_psnr, to_tensor, widen
from gpu.pretrain.fit_refiner import fit_refiner
from gpu.pretrain.scenes import draw_scene
from gpu.pretrain.styles import Style


@pytest.fixture(scope="module")
def shipped():
    return PatchCodec.from_pretrained(BUILT_IN_FOLDER, subfolder="vae").float().eval()


def test_latents_are_thirty_two_times_smaller(shipped):
    latents = shipped.encode(torch.zeros(2, 3, 64, 96)).latents

    assert latents.shape == (2, 48, 2, 3)
    assert shipped.decode(latents).sample.shape == (2, 3, 64, 96)
    assert 2 ** (len(shipped.config.block_out_channels) - 1) == 32


def test_the_inner_codec_gives_back_exactly_what_it_can_express():
    codec = fit_codec(images=4, channels=8, side=64)
    with torch.no_grad():
        once = codec(torch.rand(1, 3, 64, 64) * 2 - 1).sample
        twice = codec(once).sample

    assert torch.allclose(once, twice, atol=1e-3)


def test_the_wide_codec_has_the_inner_ones_latents_of_the_halved_picture():
    inner = fit_codec(images=4, channels=8, side=64)
    outer = widen(inner, images=2, side=64)
    pixels = torch.rand(1, 3, 128, 64) * 2 - 1
    halved = torch.nn.functional.avg_pool2d(pixels, 2)

    assert torch.allclose(outer.encode(pixels).latents, inner.encode(halved).latents, atol=1e-4)


def test_with_all_components_nothing_is_lost():
    codec = fit_codec(images=6, channels=768, side=128)
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
        (None, 28.0),
        (Style.SEPIA_INK, 24.0),
        (Style.NEON, 20.0),
        (Style.WATERCOLOUR, 28.0),
        (Style.BLUEPRINT, 23.0),
        (Style.CROSS_HATCH, 12.5),
    ],
)
def test_scenes_and_unseen_styles_survive_the_round_trip(shipped, style, floor):
    assert measure_psnr(shipped, style, images=2) > floor


def test_a_saved_codec_is_the_same_codec(tmp_path):
    codec = fit_codec(images=2, channels=6, side=32)
    codec.save_pretrained(tmp_path)
    again = PatchCodec.from_pretrained(tmp_path)
    pixels = torch.rand(1, 3, 32, 32)

    assert again.config.scaling_factor == codec.config.scaling_factor
    assert torch.equal(again.encode(pixels).latents, codec.encode(pixels).latents)


def test_the_shipped_refiner_takes_noise_off_latents(shipped):
    noise = torch.randn(1, 48, 16, 16, generator=torch.Generator().manual_seed(1)) * 0.6
    with torch.no_grad():
        latents = shipped.encode(to_tensor(draw_scene(77, (512, 512)).image)).latents
        clean = shipped.decoder(latents)
        refined = (shipped.decode(latents + noise).sample - clean).square().mean()
        plain = (shipped.decoder(latents + noise) - clean).square().mean()

    assert refined < 0.4 * plain


def test_a_short_training_teaches_a_refiner_to_take_noise_off():
    inner = fit_codec(images=6, channels=8, side=64)
    outer = widen(inner, images=3, side=128)
    refined = fit_refiner(inner, outer, steps=120, images=60, side=64)
    noise = torch.randn(4, 8, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        pixels = torch.cat([to_tensor(draw_scene(seed, (128, 128)).image) for seed in range(4)])
        latents = outer.encode(pixels).latents
        noisy = latents + 0.9 * noise / outer.config.scaling_factor
        before = (outer.decode(noisy).sample - outer.decode(latents).sample).square()
        after = (refined.decode(noisy).sample - outer.decode(latents).sample).square()

    assert torch.equal(refined.encode(pixels).latents, latents)
    assert after.mean() < before.mean()
