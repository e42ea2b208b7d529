"""What ours is compared with does the same thing, on every device."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from gpu.base_models.registry import load_base_model
from gpu.base_models.text import PromptEncoder, TextEncoder
from gpu.rendering.renderer import RenderedImage, Renderer, RenderRequest
from tests.bench.random_base import SIZES, write_random_base
from tests.bench.usual import ExampleTraining, MixedWorker, UsualWorker
from tests.random_style import write_random_style

TRIGGER = "<style-1>"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "random"
    write_random_base(folder, SIZES["random-tiny"], torch.device("cpu"))
    return load_base_model(str(folder))


@pytest.fixture(scope="module")
def requests(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("styles")
    made = []
    for number in range(3):
        path = folder / f"{number}.safetensors"
        sha256 = write_random_style(path, base, trigger=TRIGGER, seed=number)
        made.append(
            RenderRequest(
                request_id=str(number),
                adapter_path=path,
                adapter_sha256=sha256,
                trigger=TRIGGER,
                prompt_tags=("house", "meadow"),
                width=64,
                height=64,
                seed=1,  # alike but for their styles
                steps=4,
                style_strength=2.0,
            )
        )
    return made


def distance(one, other):
    return np.abs(np.asarray(one, float) - np.asarray(other, float)).mean()


# what every worker that keeps several adapters is told
@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute:UserWarning")
def test_ours_a_switch_per_request_and_pefts_mixed_batch_draw_the_same(base, requests):
    switching, together = UsualWorker(base), MixedWorker(base)
    for request in requests:
        switching.load(request)
        together.load(request)
    drawn = Renderer(base).render(requests)
    assert all(isinstance(each, RenderedImage) for each in drawn)
    styles_differ_by = distance(drawn[0].image, drawn[1].image)
    assert styles_differ_by > 0
    mixed = together.render_together(requests)
    for request, ours, one in zip(requests, drawn, mixed, strict=True):
        assert distance(ours.image, one) < 0.2 * styles_differ_by
        assert distance(ours.image, switching.render(request)) < 0.2 * styles_differ_by
    # nothing stays: the next request alone is drawn in its own style
    assert distance(together.render(requests[2]), mixed[2]) < 0.2 * styles_differ_by


@pytest.fixture
def photos(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (2, 80, 90, 3), dtype=np.uint8)
    for index, picture in enumerate(levels):
        Image.fromarray(picture).save(tmp_path / f"{index}.jpg")
    return [(tmp_path / f"{index}.jpg", "house, meadow") for index in range(2)]


def test_the_usual_script_learns(base, photos):
    torch.manual_seed(0)
    example = ExampleTraining(base, photos, batch_size=2, rank=2)
    losses = [example.step() for _ in range(3)]
    assert all(np.isfinite(losses))
    learned = [value for name, value in example._unet.named_parameters() if "lora_B" in name]
    assert any(bool(value.abs().max() > 0) for value in learned)


def test_the_usual_script_computes_on_the_models_device_alone(base, photos):
    """`meta` stands for a GPU: a tensor of the CPU beside one of it is an error."""
    meta = torch.device("meta")
    encoders = tuple(
        TextEncoder(encoder.tokenizer, copy.deepcopy(encoder.model).to(meta))
        for encoder in base.text.encoders
    )
    elsewhere = dataclasses.replace(
        base,
        device=meta,
        unet=copy.deepcopy(base.unet).to(meta),
        vae=copy.deepcopy(base.vae).to(meta),
        text=PromptEncoder(encoders),
    )
    example = ExampleTraining(elsewhere, photos, batch_size=2, rank=2)
    loss = example.loss(photos)
    loss.backward()
    assert loss.device == meta
