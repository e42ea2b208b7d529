"""The shipped base model goes through exactly the code that the tiny one does."""

import numpy as np
import pytest
from PIL import Image

from gpu.base_models.registry import REGISTRY, load_base_model
from gpu.rendering.renderer import RenderedImage, Renderer, RenderRequest
from gpu.training.pictures import aspect_buckets
from gpu.training.trainer import TrainedStyle, TrainingArtwork, TrainingConfig, train
from tests.gpu.conftest import write_picture
from tests.images import scene


@pytest.fixture(scope="module")
def built_in():
    return load_base_model("built-in")


@pytest.fixture(scope="module")
def short_style(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built_in")
    artworks = [
        TrainingArtwork(write_picture(folder / f"{seed}.png", seed=seed), ("tree",))
        for seed in range(2)
    ]
    config = TrainingConfig(
        base_model="built-in",
        artworks=tuple(artworks),
        trigger="<style-0>",
        output_dir=folder,
        seed=1,
        steps=1,
        batch_size=1,
        sample_prompts=("house",),
    )
    style = train(config, on_progress=lambda _: None, should_stop=lambda: False)
    assert isinstance(style, TrainedStyle)
    return style


def test_every_size_it_offers_fits_its_network(built_in):
    for width, height in REGISTRY["built-in"].sizes:
        assert width % built_in.size_multiple == height % built_in.size_multiple == 0
    assert (512, 512) in aspect_buckets(built_in.native_side, built_in.size_multiple)


def drawn(style, *, size, steps, seed=4, **changes):
    request = RenderRequest(
        request_id="one",
        adapter_path=style.adapter_path,
        adapter_sha256=style.adapter_sha256,
        trigger="<style-0>",
        prompt_tags=("house", "meadow"),
        width=size[0],
        height=size[1],
        seed=seed,
        steps=steps,
        **changes,
    )
    (outcome,) = Renderer.setup("built-in").render([request])
    assert isinstance(outcome, RenderedImage), outcome
    return outcome.image


@pytest.mark.parametrize("size", REGISTRY["built-in"].sizes)
def test_a_style_trained_on_it_is_drawn_at_every_size(short_style, size):
    assert drawn(short_style, size=size, steps=2).size == size


def test_a_seed_shows_the_same_scene_large_and_small(short_style):
    def thumbnail(side, seed):
        image = drawn(short_style, size=(side, side), steps=6, seed=seed)
        return np.asarray(image.resize((32, 32)), float).ravel()

    large = thumbnail(1024, seed=4)
    same, other = (np.corrcoef(large, thumbnail(512, seed))[0, 1] for seed in (4, 5))
    assert same > 0.8
    assert same > other


def test_a_part_of_a_picture_is_repainted_and_all_bytes_beside_it_stay(short_style):
    size = (512, 512)
    picture = scene(*size, seed=2)
    mask = Image.new("1", size)
    mask.paste(1, (101, 203, 333, 402))
    after = drawn(short_style, size=size, steps=4, picture=picture, mask=mask, repaint_strength=0.5)
    painted, before, after = (np.asarray(each) for each in (mask, picture, after))
    assert np.array_equal(after[~painted], before[~painted])
    assert (after[painted] != before[painted]).any(axis=1).mean() > 0.9
