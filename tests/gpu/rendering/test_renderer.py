import dataclasses

import numpy as np
import pytest
import torch
from peft import LoraConfig

from gpu.base_models.lora import assert_no_adapters, target_modules
from gpu.errors import AdapterMismatch, Stopped
from gpu.rendering.renderer import RenderedImage, Renderer, RenderFailure
from tests.memory_limit import MemoryLimit


def levels(outcome):
    return np.asarray(outcome.image, dtype=float)


def render_one(renderer, request):
    (outcome,) = renderer.render([request])
    assert isinstance(outcome, RenderedImage), outcome
    return outcome


def test_setup_loads_the_base_model_once(tiny_base, tiny_base_folder):
    assert Renderer.setup(str(tiny_base_folder)).base is tiny_base


def test_an_image_has_the_parameters_of_its_request(renderer, make_request):
    outcome = render_one(renderer, make_request(width=64, guidance_scale=2.0))
    assert outcome.image.size == (outcome.width, outcome.height) == (64, 32)
    assert (outcome.seed, outcome.steps, outcome.guidance_scale) == (5, 3, 2.0)
    assert outcome.adapter_sha256 == make_request().adapter_sha256


def test_defaults_come_from_the_base_model(renderer, make_request):
    outcome = render_one(renderer, make_request(steps=None))
    assert outcome.steps == renderer.base.spec.default_steps
    assert outcome.guidance_scale == renderer.base.spec.guidance_scale


def test_the_same_seed_gives_the_same_image_and_another_seed_another(renderer, make_request):
    first, again, other = (
        levels(render_one(renderer, make_request(seed=seed))) for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_image_does_not_depend_on_its_batch(renderer, make_request):
    alone = levels(render_one(renderer, make_request()))
    others = [
        make_request(request_id="a", seed=1, prompt_tags=("boat",), guidance_scale=1.0),
        make_request(request_id="b"),
        make_request(request_id="c", seed=3, negative_tags=("moon",), guidance_scale=9.0),
        make_request(style=1, request_id="d"),
    ]
    together = renderer.render(others)
    assert [outcome.request_id for outcome in together] == ["a", "b", "c", "d"]
    assert np.abs(levels(together[1]) - alone).max() <= 1


def test_each_request_is_drawn_in_its_own_style(renderer, make_request):
    styles = [levels(render_one(renderer, make_request(style=number))) for number in (0, 1)]
    mixed = renderer.render([make_request(style=1), make_request(style=0)])
    assert np.abs(styles[0] - styles[1]).mean() > 2
    assert np.abs(levels(mixed[0]) - styles[1]).max() <= 1
    assert np.abs(levels(mixed[1]) - styles[0]).max() <= 1


def test_strength_scales_the_style_for_its_own_request_only(renderer, make_request):
    strengths = (0.0, 0.5, 1.0)
    requests = [make_request(style_strength=strength) for strength in strengths]
    off, half, full = (levels(outcome) for outcome in renderer.render(requests))
    with torch.no_grad():
        base = levels(render_one(renderer, make_request(style=1, style_strength=0.0)))
    assert np.array_equal(off, base)
    assert 0 < np.abs(half - off).mean() < np.abs(full - off).mean()


def test_a_base_model_scales_all_adapters(renderer, make_request, tiny_base):
    spec = dataclasses.replace(tiny_base.spec, lora_scale=0.5)
    scaled = Renderer(dataclasses.replace(tiny_base, spec=spec))
    half = levels(render_one(renderer, make_request(style_strength=0.5)))
    assert np.array_equal(levels(render_one(scaled, make_request())), half)


def test_no_adapter_is_active_before_or_after(renderer, make_request, tiny_base):
    before = {name: value.clone() for name, value in tiny_base.unet.state_dict().items()}
    renderer.render([make_request(), make_request(style=1)])
    assert_no_adapters(tiny_base.unet)
    after = tiny_base.unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_bad_style_fails_its_own_request_and_no_other(renderer, make_request, tmp_path):
    outcomes = renderer.render(
        [
            make_request(
                request_id="absent", adapter_path=tmp_path / "no", adapter_sha256="0" * 64
            ),
            make_request(request_id="good"),
            make_request(request_id="other hash", adapter_sha256="1" * 64),
            make_request(request_id="other word", trigger="impostor"),
        ]
    )
    causes = {
        outcome.request_id: outcome.cause
        for outcome in outcomes
        if isinstance(outcome, RenderFailure)
    }
    assert causes == dict.fromkeys(("absent", "other hash", "other word"), "ADAPTER_MISMATCH")
    assert all(outcome.retryable for outcome in outcomes if isinstance(outcome, RenderFailure))
    assert isinstance(outcomes[1], RenderedImage)


def test_a_peft_adapter_active_on_the_model_is_refused(renderer, make_request, tiny_base):
    layers = sorted(target_modules(tiny_base.unet))
    tiny_base.unet.add_adapter(LoraConfig(r=1, target_modules=layers), adapter_name="peft")
    try:
        with pytest.raises(AdapterMismatch, match="still active"):
            renderer.render([make_request()])
    finally:
        tiny_base.unet.unload_lora()


def test_a_hook_removed_during_rendering_fails_the_request(renderer, make_request, tiny_base):
    def switch_off(_step, _total):
        tiny_base.unet.conv_out._forward_hooks.clear()

    (outcome,) = renderer.render([make_request()], on_step=switch_off)
    assert isinstance(outcome, RenderFailure)
    assert outcome.cause == "ADAPTER_MISMATCH"
    assert_no_adapters(tiny_base.unet)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 33},
        {"height": 0},
        {"width": 4096},
        {"steps": 0},
        {"steps": 10_000},
        {"seed": -1},
        {"guidance_scale": float("nan")},
        {"style_strength": 50.0},
        {"prompt_tags": ()},
        {"prompt_tags": ("  ",)},
        {"negative_tags": ("line\nbreak",)},
        {"prompt_tags": ("x" * 500,)},
    ],
)
def test_what_cannot_be_drawn_is_an_invalid_prompt(renderer, make_request, changes):
    (outcome,) = renderer.render([make_request(**changes)])
    assert isinstance(outcome, RenderFailure)
    assert outcome.cause == "INVALID_PROMPT"
    assert not outcome.retryable


def test_a_blank_picture_is_blocked(renderer, make_request, tiny_base):
    handle = tiny_base.vae.decoder.register_forward_hook(lambda *parts: torch.zeros_like(parts[2]))
    try:
        (outcome,) = renderer.render([make_request()])
    finally:
        handle.remove()
    assert isinstance(outcome, RenderFailure)
    assert outcome.cause == "SAFETY_BLOCKED"


def test_a_full_memory_halves_the_batch_before_it_is_an_error(renderer, make_request, tiny_base):
    requests = [make_request(request_id=str(seed), seed=seed) for seed in range(4)]
    expected = [levels(outcome) for outcome in renderer.render(requests)]
    steps = []
    with MemoryLimit(tiny_base.unet, 2, rendering=True) as limit:
        outcomes = renderer.render(requests, on_step=lambda *pair: steps.append(pair))
    assert limit.seen[:3] == [8, 4, 2]
    assert steps == sorted(steps)
    assert steps[-1] == (12, 12)
    for outcome, pixels in zip(outcomes, expected, strict=True):
        assert np.abs(levels(outcome) - pixels).max() <= 1


def test_no_room_for_one_image_is_out_of_memory(renderer, make_request, tiny_base):
    with MemoryLimit(tiny_base.unet, 0, rendering=True):
        outcomes = renderer.render([make_request(), make_request(seed=9)])
    assert {outcome.cause for outcome in outcomes} == {"GPU_OOM"}
    assert_no_adapters(tiny_base.unet)


def test_asking_to_stop_stops_in_mid_render(renderer, make_request, tiny_base):
    steps = []
    with pytest.raises(Stopped):
        renderer.render(
            [make_request(steps=50)],
            on_step=lambda *pair: steps.append(pair),
            should_stop=lambda: len(steps) >= 2,
        )
    assert len(steps) == 2
    assert_no_adapters(tiny_base.unet)


def test_progress_counts_every_step_of_every_request(renderer, make_request):
    steps = []
    requests = [make_request(), make_request(seed=9), make_request(style=1, steps=4)]
    renderer.render(requests, on_step=lambda *pair: steps.append(pair))
    assert steps == sorted(steps)
    assert steps[-1] == (10, 10)


def test_no_requests_give_no_images(renderer):
    assert renderer.render([]) == []


MANY = ("red boat", "red sea", "red moon", "tree boat", "tree sea")


@pytest.mark.parametrize(
    "other", [{"prompt_tags": MANY}, {"negative_tags": MANY}, {"prompt_tags": MANY * 3}]
)
def test_a_longer_prompt_in_the_batch_does_not_change_an_image(renderer, make_request, other):
    alone = levels(render_one(renderer, make_request()))
    long_alone = levels(render_one(renderer, make_request(**other)))
    long, short = renderer.render([make_request(request_id="a", **other), make_request()])
    assert np.array_equal(levels(short), alone)
    assert np.array_equal(levels(long), long_alone)


def test_every_tag_of_a_long_prompt_counts(renderer, make_request):
    def drawn(last, **changes):
        tags = (*MANY, "house", last)
        return levels(render_one(renderer, make_request(prompt_tags=tags, **changes)))

    assert not np.array_equal(drawn("moon"), drawn("boat"))
    assert np.array_equal(drawn("moon"), drawn("moon"))
