"""The refiner learns to finish what noise has spoiled, and leaves latents as they are."""

import itertools
from dataclasses import replace

import pytest
import torch

from gpu.pretrain.fit_codec import fit_codec, to_tensor
from gpu.pretrain.fit_refiner import (
    BATCH,
    Example,
    crops,
    draw_examples,
    endless_examples,
    fit_refiner,
    with_refiner,
)
from gpu.pretrain.model import make_networks
from gpu.pretrain.scenes import draw_scene

WIDTHS = (16, 16, 16)


@pytest.fixture(scope="module")
def plain():
    return fit_codec(images=24, channels=96, side=64, patch=16)


def test_a_fresh_refiner_changes_nothing(plain):
    refined = with_refiner(plain, WIDTHS)
    pixels = torch.rand(2, 3, 64, 96) * 2 - 1
    latents = plain.encode(pixels).latents

    assert torch.equal(refined.encode(pixels).latents, latents)
    assert torch.allclose(refined.decode(latents).sample, plain.decode(latents).sample)


def test_a_short_training_takes_noise_off_pictures(plain):
    refined = with_refiner(plain, WIDTHS)
    examples = endless_examples(plain, None, pictures=8 * BATCH, seed=1, side=64)
    for _ in fit_refiner(refined, examples, steps=120, crop=64):
        pass
    truth = torch.cat([to_tensor(draw_scene(900 + k, (64, 64)).image) for k in range(6)])
    noise = torch.randn(6, 96, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        noisy = plain.encode(truth).latents + 0.6 * noise / plain.config.scaling_factor
        before = (plain.decode(noisy).sample - truth).abs().mean()
        after = (refined.decode(noisy).sample - truth).abs().mean()

    assert after < 0.93 * before


def test_examples_hold_clean_noisy_and_guessed_latents(plain, tiny_shape):
    networks = make_networks(replace(tiny_shape, latent_channels=96), seed=1)
    drawn = draw_examples(plain, networks, first=0, count=24, side=64)
    with torch.no_grad():
        clean = plain.encode(drawn.pictures.float() / 127.5 - 1).latents
    error = (drawn.latents - clean).flatten(1).norm(dim=1)

    assert (error < 1e-3).sum() >= 2  # some are left as they are
    assert (error > 0.1).sum() >= 12
    again = draw_examples(plain, networks, first=0, count=24, side=64)
    assert torch.equal(again.latents, drawn.latents)


def test_a_crop_is_cut_at_the_same_place_from_pictures_and_latents(plain):
    drawn = draw_examples(plain, None, first=40, count=3, side=64)
    with torch.no_grad():
        clean = plain.encode(drawn.pictures.float() / 127.5 - 1).latents
    source = torch.Generator().manual_seed(2)
    pictures, latents = crops(Example(drawn.pictures, clean), 16, 32, source)

    assert pictures.shape == (3, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(plain.encode(pictures).latents, latents, atol=1e-4)


def test_pictures_are_drawn_until_there_are_enough_and_then_mixed(plain):
    examples = endless_examples(plain, None, pictures=BATCH, seed=1, side=64)
    batches = list(itertools.islice(examples, 3))

    assert all(len(each.pictures) == BATCH for each in batches)
