import dataclasses

import pytest
import torch

from gpu.base_models.text import Conditioning
from gpu.training.diffusion import NoisyBatch, Objective, weighted_losses


@pytest.fixture
def objective(tiny_base):
    return Objective.of(tiny_base, min_snr_gamma=5.0, noise_offset=0.0)


def draw(objective, *name, count=8):
    latents = torch.randn(count, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    return objective.draw(latents, Conditioning(torch.zeros(count, 12, 16)), name)


def test_a_named_draw_is_the_same_every_time(objective):
    first, again, other = (draw(objective, 1, step) for step in (5, 5, 6))
    assert torch.equal(first.noisy, again.noisy)
    assert torch.equal(first.times, again.times)
    assert not torch.equal(first.noisy, other.noisy)


def test_the_times_of_a_batch_are_spread_over_the_whole_range(objective):
    for step in range(20):
        parts = draw(objective, step).times // 125
        assert sorted(parts.tolist()) == list(range(8))


def test_the_last_time_is_pure_noise_and_still_counts(objective):
    latents, noise = torch.full((1, 4, 2, 2), 3.0), torch.ones(1, 4, 2, 2)
    last = objective.noise(latents, Conditioning(torch.zeros(1, 1, 1)), torch.tensor([999]), noise)
    assert torch.allclose(last.noisy, noise, atol=1e-3)
    assert torch.allclose(last.target, -latents, atol=1e-3)
    assert last.weights.item() > 0


@pytest.mark.parametrize("kind, most", [("epsilon", 1.0), ("v_prediction", 1.0), ("sample", 5.0)])
def test_min_snr_weights_are_bounded(objective, kind, most):
    weights = dataclasses.replace(objective, prediction_type=kind)._weights(
        objective.alphas_cumprod
    )
    assert weights.min() > 0
    assert weights.max() <= most + 1e-5


def test_the_same_mistake_costs_the_same_as_velocity_and_as_clean_latents(objective):
    clean = dataclasses.replace(objective, prediction_type="sample")
    latents, guess, noise = torch.randn(3, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([100, 500, 900])
    as_velocity = objective.noise(latents, Conditioning(torch.zeros(3, 1, 1)), times, noise)
    as_clean = clean.noise(latents, Conditioning(torch.zeros(3, 1, 1)), times, noise)
    share = objective.alphas_cumprod[times].view(-1, 1, 1, 1)
    implied_velocity = (share.sqrt() * as_velocity.noisy - guess) / (1 - share).sqrt()
    velocity_loss = (implied_velocity - as_velocity.target).square().mean(dim=(1, 2, 3))
    clean_loss = (guess - as_clean.target).square().mean(dim=(1, 2, 3))
    assert torch.allclose(
        velocity_loss * as_velocity.weights, clean_loss * as_clean.weights, rtol=1e-4
    )


def test_parts_of_a_batch_have_the_losses_of_the_whole(objective, tiny_base):
    batch = draw(objective, 0, count=4)
    with torch.no_grad():
        whole = weighted_losses(tiny_base, batch, [None] * 4)
        parts = [weighted_losses(tiny_base, batch.part(n, 1), [None]) for n in range(4)]
    assert torch.allclose(whole, torch.cat(parts), rtol=1e-4)
    assert isinstance(batch.part(0, 2), NoisyBatch)
