import dataclasses

import pytest
import torch

from gpu.rendering.sampling import (
    SamplingBatch,
    _keep_contrast,
    count_passes,
    sample_latents,
    seed_noise,
)


def batch(base, *, guidance, rows=2):
    return SamplingBatch(
        positive=base.encode_prompts(["style, tree"] * rows),
        negative=base.encode_prompts([""] * rows),
        noise=torch.stack([seed_noise(base, row, width=32, height=32) for row in range(rows)]),
        guidance=torch.tensor(guidance),
        adapters=(None,) * rows,
        steps=4,
    )


def test_the_noise_of_a_seed_is_the_same_whatever_came_before(tiny_base):
    first = seed_noise(tiny_base, 3, width=64, height=32)
    torch.randn(100)
    assert torch.equal(first, seed_noise(tiny_base, 3, width=64, height=32))
    assert first.shape == (4, 16, 32)


def test_without_guidance_the_network_is_asked_once_per_row(tiny_base):
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
def test_contrast_is_taken_back_by_the_share_asked(share, expected):
    without_guidance = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    kept = _keep_contrast(3.0 * without_guidance, without_guidance, share)
    assert torch.allclose(kept, expected * without_guidance, rtol=1e-5)


def test_a_base_model_may_ask_for_its_contrast_back(tiny_base):
    calm = dataclasses.replace(
        tiny_base, spec=dataclasses.replace(tiny_base.spec, guidance_rescale=1.0)
    )
    strong = sample_latents(tiny_base, batch(tiny_base, guidance=[9.0, 9.0]))
    kept = sample_latents(calm, batch(tiny_base, guidance=[9.0, 9.0]))
    assert kept.std() < strong.std()


@pytest.mark.parametrize(
    "width, height, draft", [(32, 32, None), (64, 32, None), (64, 64, (32, 32)), (96, 64, (48, 32))]
)
def test_only_a_frame_larger_than_the_models_own_is_drafted(tiny_base, width, height, draft):
    assert tiny_base.draft_size(width, height) == draft


def test_a_draft_and_its_redrawing_are_counted_together(tiny_base):
    asked = dataclasses.replace(
        batch(tiny_base, guidance=[2.0, 2.0]),
        noise=torch.stack([seed_noise(tiny_base, row, width=64, height=64) for row in range(2)]),
        draft_noise=batch(tiny_base, guidance=[1.0]).noise,
        steps=10,
    )
    passes = []
    latents = sample_latents(tiny_base, asked, on_step=passes.append)
    assert latents.shape == asked.noise.shape
    assert passes == list(range(1, 17))
    assert len(passes) == count_passes(tiny_base, 10, width=64, height=64)


def test_a_frame_that_fits_is_asked_for_once_a_step(tiny_base):
    assert count_passes(tiny_base, 20, width=64, height=32) == 20


def test_noise_that_is_not_given_to_the_next_step_leaves_the_first_guess(tiny_base):
    def with_kept(share):
        spec = dataclasses.replace(
            tiny_base.spec, noise_kept=share, scheduler="DPMSolverMultistepScheduler"
        )
        config = tiny_base.scheduler_config | {"prediction_type": "sample", "solver_order": 1}
        return dataclasses.replace(tiny_base, spec=spec, scheduler_config=config)

    inputs = {}

    def drawn(share):
        seen = inputs.setdefault(share, [])
        handle = tiny_base.unet.register_forward_pre_hook(
            lambda _, arguments: seen.append(arguments[0].clone())
        )
        try:
            return sample_latents(with_kept(share), batch(tiny_base, guidance=[1.0, 1.0]))
        finally:
            handle.remove()

    whole, half, none = drawn(1.0), drawn(0.5), drawn(0.0)
    assert not torch.allclose(whole, none, atol=1e-3)
    assert torch.isfinite(half).all()
    # the first step sees all of the noise; the second one what is kept of it
    first, second = inputs[1.0][:2], inputs[0.0][:2]
    assert torch.equal(first[0], second[0])
    assert torch.allclose(inputs[0.5][1], (first[1] + second[1]) / 2, atol=1e-5)
