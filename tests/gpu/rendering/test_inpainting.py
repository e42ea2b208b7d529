"""Inpainting changes the masked part only, and no other row of the batch."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from gpu.base_models.patch_codec import PatchCodec
from gpu.rendering.inpainting import LatentBlending, encode_inpainting
from gpu.rendering.renderer import RenderedImage, Renderer, RenderFailure
from gpu.rendering.sampling import seed_noise
from tests.images import scene

SIDE = 32


def picture_of(width=SIDE, height=SIDE, seed=3):
    return scene(width, height, seed=seed).convert("RGB")


def mask_of(box, width=SIDE, height=SIDE):
    mask = Image.new("1", (width, height))
    mask.paste(1, box)
    return mask


BOX = (9, 7, 24, 27)


@pytest.fixture
def repaint(make_request):
    def make(repaint_strength=1.0, *, picture=None, mask=None, **changes):
        inputs = {
            "picture": picture or picture_of(),
            "mask": mask or mask_of(BOX),
            "repaint_strength": repaint_strength,
        }
        return make_request(**(inputs | changes))

    return make


def levels(outcome):
    assert isinstance(outcome, RenderedImage), outcome
    return np.asarray(outcome.image, dtype=int)


def rendered(renderer, *requests):
    return [levels(outcome) for outcome in renderer.render(requests)]


@pytest.fixture(params=["diffusers' autoencoder", "patch codec with refiner"])
def base(request, tiny_base):
    """The tiny base model with either kind of codec; both are of 2 pixels a cell."""
    if request.param == "diffusers' autoencoder":
        return tiny_base
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codec = PatchCodec(
            latent_channels=4, patch=2, block_out_channels=(3, 12), refiner_widths=(4, 8)
        )
    return dataclasses.replace(tiny_base, vae=codec.eval().requires_grad_(requires_grad=False))


@pytest.mark.parametrize("change", [0.2, 0.7, 1.0])
def test_outside_the_mask_all_bytes_are_equal_and_inside_it_they_are_not(base, repaint, change):
    request = repaint(change)
    (after,) = rendered(Renderer(base), request)
    before, painted = np.asarray(request.picture), np.asarray(request.mask)
    assert np.array_equal(after[~painted], before[~painted])
    assert (after[painted] != before[painted]).any(axis=1).mean() > 0.9


def test_the_same_seed_repaints_alike_and_another_seed_otherwise(base, repaint):
    first, again, other = (rendered(Renderer(base), repaint(seed=seed))[0] for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_ordinary_image_does_not_change_by_one_bit_beside_one_that_is_repainted(
    base, make_request, repaint
):
    renderer = Renderer(base)
    ordinary = make_request(style=1, seed=9, guidance_scale=3.0)
    (alone,) = rendered(renderer, ordinary)
    for change in (0.3, 1.0):
        _, beside = rendered(renderer, repaint(change), ordinary)
        assert np.array_equal(beside, alone)


def test_its_latents_are_equal_to_the_bit_too(renderer, make_request, repaint, monkeypatch):
    latents = []
    decode = type(renderer.base).decode_latents
    monkeypatch.setattr(
        type(renderer.base),
        "decode_latents",
        lambda base, each: (latents.append(each.clone()), decode(base, each))[1],
    )
    ordinary = make_request(style=1, seed=9)
    renderer.render([make_request(), ordinary])
    renderer.render([repaint(0.3), ordinary])
    assert torch.equal(latents[0][1], latents[1][1])
    assert not torch.equal(latents[0][0], latents[1][0])


def test_what_is_repainted_does_not_depend_on_its_batch(base, make_request, repaint):
    renderer = Renderer(base)
    others = [
        make_request(style=1, seed=1, steps=6),
        repaint(1.0, style=1, seed=2, steps=6, picture=picture_of(seed=8)),
        make_request(seed=3, steps=6),
    ]
    for change in (0.2, 0.5, 1.0):
        request = repaint(change, steps=6)
        (alone,) = rendered(renderer, request)
        together = rendered(renderer, *others, request)[-1]
        assert np.abs(together - alone).max() <= 1


def test_each_is_repainted_in_its_own_style(renderer, repaint):
    styles = [rendered(renderer, repaint(style=number))[0] for number in (0, 1)]
    mixed = rendered(renderer, repaint(style=1), repaint(style=0))
    assert np.abs(styles[0] - styles[1]).mean() > 2
    assert np.abs(mixed[0] - styles[1]).max() <= 1
    assert np.abs(mixed[1] - styles[0]).max() <= 1


def test_the_network_runs_for_the_repainted_steps_only(renderer, tiny_base, repaint):
    calls = []
    handle = tiny_base.unet.register_forward_pre_hook(lambda *_: calls.append(1))
    steps = []
    try:
        requests = [repaint(0.2, steps=10, seed=1), repaint(0.5, steps=10, seed=2)]
        renderer.render(requests, on_step=lambda *pair: steps.append(pair))
    finally:
        handle.remove()
    assert len(calls) == 5
    assert steps[-1] == (20, 20)


def test_more_change_leaves_less_of_the_picture(renderer, repaint):
    everywhere = Image.new("1", (SIDE, SIDE), 1)
    before = np.asarray(picture_of(), int)
    little, half, all_of_it = (
        np.abs(rendered(renderer, repaint(change, mask=everywhere, steps=10))[0] - before).mean()
        for change in (0.1, 0.5, 1.0)
    )
    assert little < half < all_of_it


def test_latents_outside_the_mask_end_as_those_of_the_picture(renderer, repaint, monkeypatch):
    ends = []
    monkeypatch.setattr(
        type(renderer.base),
        "decode_latents",
        lambda _, latents: ends.append(latents) or torch.randn(len(latents), 3, SIDE, SIDE),
    )
    request = repaint(0.6, steps=5)
    renderer.render([request])
    inpainting = encode_inpainting(renderer.base, [request], (SIDE, SIDE), 5)
    mask = inpainting.mask.expand_as(inpainting.latents)
    assert torch.equal(ends[0][~mask], inpainting.latents[~mask])
    assert (ends[0][mask] != inpainting.latents[mask]).all()


def test_a_cell_that_the_mask_touches_is_repainted_as_a_whole(tiny_base, repaint):
    request = repaint(mask=mask_of((5, 7, 6, 9)))  # one column of three pixels, on 2 × 2 cells
    mask = encode_inpainting(tiny_base, [request], (SIDE, SIDE), 4).mask[0, 0]
    assert torch.nonzero(mask).tolist() == [[3, 2], [4, 2]]


# the other codec's normalisation makes every cell depend on the whole picture
@pytest.mark.parametrize("base", ["patch codec with refiner"], indirect=True)
def test_a_cell_at_the_edge_begins_without_the_colours_beside_the_mask(base, repaint):
    red, blue = (200, 30, 40), (20, 40, 220)
    halves = Image.new("RGB", (SIDE, SIDE), red)
    halves.paste(blue, (9, 0, SIDE, SIDE))  # through the middle of the fifth column of cells
    left = mask_of((0, 0, 9, SIDE))
    encoded, expected, beside = (
        encode_inpainting(base, [repaint(picture=each, mask=left)], (SIDE, SIDE), 4).latents[0]
        for each in (
            halves,
            Image.new("RGB", (SIDE, SIDE), red),
            Image.new("RGB", (SIDE, SIDE), blue),
        )
    )
    off = (encoded - expected)[:, 2:-2, 4].abs().max()
    assert off < 0.1 * (beside - expected)[:, 2:-2, 4].abs().max()


def test_a_cell_of_a_draft_is_touched_by_all_that_it_covers(tiny_base, repaint):
    request = repaint(mask=mask_of((5, 7, 6, 8)))
    mask = encode_inpainting(tiny_base, [request], (SIDE // 2, SIDE // 2), 4).mask[0, 0]
    assert torch.nonzero(mask).tolist() == [[1, 1]]


@pytest.mark.parametrize("change", [0.3, 0.7, 1.0])
def test_a_frame_larger_than_the_models_own_is_repainted_too(base, repaint, make_request, change):
    size = {"width": 64, "height": 64, "steps": 6}
    mask = mask_of((9, 9, 50, 40), 64, 64)
    request = repaint(change, picture=picture_of(64, 64), mask=mask, **size)
    renderer = Renderer(base)
    ordinary = make_request(seed=2, **size)
    # a batch of the same size: kernels for another one may round differently
    _, expected = rendered(renderer, make_request(seed=3, **size), ordinary)
    after, beside = rendered(renderer, request, ordinary)
    before, painted = np.asarray(request.picture), np.asarray(request.mask)
    assert np.array_equal(after[~painted], before[~painted])
    assert (after[painted] != before[painted]).any(axis=1).mean() > 0.9
    assert np.array_equal(beside, expected)


KINDS = pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
SOLVERS = pytest.mark.parametrize(
    "solver", ["UniPCMultistepScheduler", "DPMSolverMultistepScheduler", "DDIMScheduler"]
)


def with_solver(base, solver, kind):
    config = {"prediction_type": kind, "rescale_betas_zero_snr": kind != "epsilon"}
    return dataclasses.replace(
        base,
        spec=dataclasses.replace(base.spec, scheduler=solver),
        scheduler_config=base.scheduler_config | config,
    )


@KINDS
@SOLVERS
def test_a_solver_keeps_a_row_that_has_not_begun_its_picture_under_noise(
    tiny_base, repaint, kind, solver
):
    base = with_solver(tiny_base, solver, kind)
    scheduler = base.make_scheduler()
    scheduler.set_timesteps(10)
    inpainting = encode_inpainting(base, [repaint(0.1)], (SIDE, SIDE), 10)
    noise = seed_noise(base, 5, width=SIDE, height=SIDE)[None]
    blending = LatentBlending(inpainting, scheduler, noise)
    latents = blending.blend(noise, 0)
    for step, time in enumerate(scheduler.timesteps[:9]):
        predicted = blending.predict(step, lambda: pytest.fail("the network was called"))
        latents = scheduler.step(predicted, time, latents).prev_sample
        assert torch.allclose(latents, blending.blend(latents, step + 1), atol=2e-3)


@KINDS
@SOLVERS
def test_its_history_is_its_picture_whatever_the_batch(
    tiny_base, repaint, make_request, kind, solver
):
    renderer = Renderer(with_solver(tiny_base, solver, kind))
    request = repaint(0.3, steps=10)
    (alone,) = rendered(renderer, request)
    beside, _ = rendered(renderer, request, make_request(steps=10, seed=1))
    assert np.abs(beside - alone).max() <= 1


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"picture": picture_of(64, 32)}, "picture"),
        ({"picture": picture_of().convert("RGBA")}, "picture"),
        ({"mask": mask_of(BOX, 32, 64)}, "mask"),
        ({"mask": mask_of(BOX).convert("L")}, "mask"),
        ({"mask": mask_of((0, 0, 0, 0))}, "mask: it is empty"),
        ({"repaint_strength": 0.0}, "repaint_strength"),
        ({"repaint_strength": 1.01}, "repaint_strength"),
        ({"repaint_strength": -0.5}, "repaint_strength"),
        ({"repaint_strength": float("nan")}, "repaint_strength"),
        ({"repaint_strength": None}, "together"),
        ({"mask": None}, "together"),
        ({"picture": None}, "together"),
    ],
)
def test_what_cannot_be_repainted_is_refused_and_fails_no_other_request(
    renderer, repaint, make_request, changes, field
):
    request = dataclasses.replace(repaint(), **changes)
    refused, other = renderer.render([request, make_request(request_id="other")])
    assert isinstance(refused, RenderFailure)
    assert (refused.cause, refused.retryable) == ("INVALID_PROMPT", False)
    assert field in refused.message
    assert isinstance(other, RenderedImage)


def test_a_part_that_comes_out_blank_is_blocked_unless_it_was(renderer, repaint, tiny_base):
    flat = picture_of()
    flat.paste((90, 120, 150), BOX)
    handle = tiny_base.vae.decoder.register_forward_hook(lambda *parts: torch.zeros_like(parts[2]))
    try:
        blocked, allowed = renderer.render([repaint(), repaint(picture=flat)])
    finally:
        handle.remove()
    assert isinstance(blocked, RenderFailure)
    assert blocked.cause == "SAFETY_BLOCKED"
    assert isinstance(allowed, RenderedImage)
