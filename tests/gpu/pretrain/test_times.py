"""Diffusion times are drawn in the shares that a run asks for."""

import pytest
import torch

from gpu.pretrain.times import LOW_NOISE, draw_times, shares_of_times


@pytest.mark.parametrize("share", [0.35, 0.7, 1.0])
def test_a_share_of_the_diffusion_times_has_low_noise(share):
    source = torch.Generator().manual_seed(1)
    times = draw_times(4000, source, shares=shares_of_times(share))

    assert float((times < LOW_NOISE).float().mean()) == pytest.approx(share, abs=0.01)
    assert int(times.max()) < (LOW_NOISE if share == 1 else 1000)
