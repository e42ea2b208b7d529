import dataclasses

import pytest
import torch

from gpu.rendering.sampling import (
    SamplingBatch,
    _rescale_guidance,
    count_passes,
    sample_latents,
    seed_noise,
)


def batch(base, *, guidance, rows=2):
    return SamplingBatch(
        positive=base.encode_prompts(["style, tree"] * rows),
        negative=base.encode_prompts([""] * rows),
        noise=torch.stack([seed_noise(base, row, width=32, height=32) for row in range(rows)]),
        seeds=tuple(range(rows)),
        guidance=torch.tensor(guidance),
        adapters=(None,) * rows,
        steps=4,
    )


def test_the_noise_of_a_seed_is_the_same_whatever_came_before(tiny_base):
    first = seed_noise(tiny_base, 3, width=64, height=32)
    torch.randn(100)
    assert torch.equal(first, seed_noise(tiny_base, 3, width=64, height=32))
    assert first.shape == (4, 16, 32)


def test_without_guidance_there_is_one_prediction_per_row(tiny_base):
    rows = []
    handle = tiny_base.unet.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    try:
        sample_latents(tiny_base, batch(tiny_base, guidance=[1.0, 1.0]))
        sample_latents(tiny_base, batch(tiny_base, guidance=[1.0, 3.0]))
    finally:
        handle.remove()
    assert rows == [2] * 4 + [4] * 4


def test_each_row_has_its_own_guidance(tiny_base):
    mixed = sample_latents(tiny_base, batch(tiny_base, guidance=[1.0, 3.0]))
    plain = sample_latents(tiny_base, batch(tiny_base, guidance=[1.0, 1.0]))
    assert torch.allclose(mixed[0], plain[0], atol=1e-4)
    assert not torch.allclose(mixed[1], plain[1], atol=1e-4)


def test_steps_are_counted_from_one(tiny_base):
    steps = []
    sample_latents(tiny_base, batch(tiny_base, guidance=[2.0, 2.0]), on_step=steps.append)
    assert steps == [1, 2, 3, 4]


@pytest.mark.parametrize("share, expected", [(0.0, 3.0), (1.0, 1.0), (0.5, 2.0)])
def test_guidance_is_rescaled_by_the_share(share, expected):
    without_guidance = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    rescaled = _rescale_guidance(3.0 * without_guidance, without_guidance, share)
    assert torch.allclose(rescaled, expected * without_guidance, rtol=1e-5)


def test_a_base_model_may_rescale_guidance(tiny_base):
    rescaling = dataclasses.replace(
        tiny_base, spec=dataclasses.replace(tiny_base.spec, guidance_rescale=1.0)
    )
    strong = sample_latents(tiny_base, batch(tiny_base, guidance=[9.0, 9.0]))
    rescaled = sample_latents(rescaling, batch(tiny_base, guidance=[9.0, 9.0]))
    assert rescaled.std() < strong.std()


@pytest.mark.parametrize(
    "width, height, draft", [(32, 32, None), (64, 32, None), (64, 64, (32, 32)), (96, 64, (48, 32))]
)
def test_only_a_frame_larger_than_the_models_own_is_drafted(tiny_base, width, height, draft):
    assert tiny_base.draft_size(width, height) == draft


def test_a_draft_and_its_redraw_are_counted_together(tiny_base):
    request = dataclasses.replace(
        batch(tiny_base, guidance=[2.0, 2.0]),
        noise=torch.stack([seed_noise(tiny_base, row, width=64, height=64) for row in range(2)]),
        draft_noise=batch(tiny_base, guidance=[1.0]).noise,
        steps=10,
    )
    passes = []
    latents = sample_latents(tiny_base, request, on_step=passes.append)
    assert latents.shape == request.noise.shape
    assert passes == list(range(1, 17))
    assert len(passes) == count_passes(tiny_base, 10, width=64, height=64)


def test_a_frame_of_native_size_takes_one_pass_per_step(tiny_base):
    assert count_passes(tiny_base, 20, width=64, height=32) == 20


@pytest.fixture
def stochastic_base(tiny_base):
    """The tiny model with a scheduler that adds noise at each step."""
    spec = dataclasses.replace(tiny_base.spec, scheduler="DPMSolverMultistepScheduler")
    config = tiny_base.scheduler_config | {
        "prediction_type": "sample",
        "solver_order": 1,
        "algorithm_type": "sde-dpmsolver++",
    }
    return dataclasses.replace(tiny_base, spec=spec, scheduler_config=config)


def test_a_stochastic_scheduler_gets_each_row_s_own_noise(stochastic_base):
    two = batch(stochastic_base, guidance=[1.0, 1.0])
    whole = sample_latents(stochastic_base, two)
    torch.randn(100)
    for row in range(2):
        alone = dataclasses.replace(
            batch(stochastic_base, guidance=[1.0], rows=1),
            noise=two.noise[row : row + 1],
            seeds=(row,),
        )
        assert torch.allclose(sample_latents(stochastic_base, alone), whole[row], atol=1e-4)

    others = dataclasses.replace(two, seeds=(0, 7))
    again = sample_latents(stochastic_base, others)
    assert torch.allclose(again[0], whole[0], atol=1e-4)
    assert not torch.allclose(again[1], whole[1], atol=1e-2)
