"""The refiner learns to remove grain from decoded pictures and does not change latents."""

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
    recolour,
    with_refiner,
)
from gpu.pretrain.model import make_networks
from gpu.pretrain.scenes import draw_scene

WIDTHS = (16, 16, 16)


@pytest.fixture(scope="module")
def plain():
    return fit_codec(images=24, channels=96, side=64, patch=16)


def test_a_new_refiner_changes_nothing(plain):
    refined = with_refiner(plain, WIDTHS)
    pixels = torch.rand(2, 3, 64, 96) * 2 - 1
    latents = plain.encode(pixels).latents

    assert torch.equal(refined.encode(pixels).latents, latents)
    assert torch.allclose(refined.decode(latents).sample, plain.decode(latents).sample)


def with_grain(latents, seed):
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))
    return latents + 0.6 * noise


def test_a_short_training_removes_grain(plain):
    refined = with_refiner(plain, WIDTHS)
    clean = endless_examples(plain, None, pictures=8 * BATCH, seed=1, side=64)
    grainy = (
        replace(each, latents=with_grain(each.latents, seed)) for seed, each in enumerate(clean)
    )
    for _ in fit_refiner(refined, grainy, steps=120, crop=64):
        pass
    truth = torch.cat([to_tensor(draw_scene(900 + k, (64, 64)).image) for k in range(6)])
    factor = plain.config.scaling_factor
    with torch.no_grad():
        latents = with_grain(plain.encode(truth).latents * factor, 1_000) / factor
        before = (plain.decode(latents).sample - truth).abs().mean()
        after = (refined.decode(latents).sample - truth).abs().mean()

    assert after < 0.93 * before


def test_pictures_and_their_decoded_versions_are_recoloured_alike():
    pictures = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    source = torch.Generator().manual_seed(2)
    recoloured, same = recolour(pictures, pictures, source)

    assert torch.equal(recoloured, same)
    assert torch.allclose(recoloured[::2], pictures[::2])
    assert all((recoloured[index] - pictures[index]).abs().max() > 0.2 for index in (1, 3, 5))
    assert recoloured.abs().max() <= 1 + 1e-5


def test_examples_contain_clean_and_predicted_latents(plain, tiny_shape):
    networks = make_networks(replace(tiny_shape, latent_channels=96), seed=1)
    drawn = draw_examples(plain, networks, first=0, count=24, side=64)
    with torch.no_grad():
        clean = plain.encode(drawn.pictures.float() / 127.5 - 1).latents
    error = (drawn.latents / plain.config.scaling_factor - clean).flatten(1).norm(dim=1)

    assert (error < 1e-2).sum() >= 2  # some are clean
    assert (error > 0.1).sum() >= 12
    again = draw_examples(plain, networks, first=0, count=24, side=64)
    assert torch.equal(again.latents, drawn.latents)


def test_pictures_and_latents_are_cropped_at_the_same_position(plain):
    drawn = draw_examples(plain, None, first=40, count=3, side=64)
    with torch.no_grad():
        clean = plain.encode(drawn.pictures.float() / 127.5 - 1).latents
    source = torch.Generator().manual_seed(2)
    pictures, latents = crops(Example(drawn.pictures, clean), 16, 32, source)

    assert pictures.shape == (3, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(plain.encode(pictures).latents, latents, atol=1e-4)


def test_batches_continue_after_all_pictures_are_drawn(plain):
    examples = endless_examples(plain, None, pictures=BATCH, seed=1, side=64)
    batches = list(itertools.islice(examples, 3))

    assert all(len(each.pictures) == BATCH for each in batches)
