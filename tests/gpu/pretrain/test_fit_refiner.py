"""The refiner learns to finish what noise has spoiled, and leaves latents as they are."""

import itertools
from dataclasses import replace

import pytest
import torch

from gpu.pretrain.fit_codec import fit_codec
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

WIDTHS = (8, 8, 8)


@pytest.fixture(scope="module")
def plain():
    return fit_codec(images=6, channels=24, side=64, patch=16)


def test_a_fresh_refiner_changes_nothing(plain):
    refined = with_refiner(plain, WIDTHS)
    pixels = torch.rand(2, 3, 64, 96) * 2 - 1
    latents = plain.encode(pixels).latents

    assert torch.equal(refined.encode(pixels).latents, latents)
    assert torch.allclose(refined.decode(latents).sample, plain.decode(latents).sample)


def test_a_short_training_takes_noise_off_pictures(plain):
    refined = with_refiner(plain, WIDTHS)
    examples = endless_examples(plain, None, pictures=2 * BATCH, seed=1, side=64)
    losses = [loss for _, loss in fit_refiner(refined, examples, steps=40, crop=64)]
    unseen = draw_examples(plain, None, first=500, count=4, side=64)
    truth = unseen.pictures.float() / 127.5 - 1
    with torch.no_grad():
        before = (plain.decode(unseen.latents).sample - truth).abs().mean()
        after = (refined.decode(unseen.latents).sample - truth).abs().mean()

    assert sum(losses[-5:]) < sum(losses[:5])
    assert after < 0.95 * before


def test_examples_hold_clean_noisy_and_guessed_latents(plain, tiny_shape):
    networks = make_networks(replace(tiny_shape, latent_channels=24), seed=1)
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
