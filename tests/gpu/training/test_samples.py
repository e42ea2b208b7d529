from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from gpu.base_models.lora import RowAdapter, init_adapter
from gpu.errors import GpuOutOfMemory
from gpu.randomness import named_generator
from gpu.training.recipe import TrainingArtwork, TrainingConfig
from gpu.training.samples import SampleRequest, choose_sample_prompts, render_samples, save_samples
from tests.memory_limit import MemoryLimit


@pytest.fixture
def requests(tiny_base):
    """What two trainings in the middle of learning want rendered: three pictures and two."""

    def make(seed, prompts):
        weights = init_adapter(tiny_base.unet, rank=2, seed=seed, device=tiny_base.device)
        with torch.no_grad():
            for name, tensor in weights.items():
                tensor.normal_(std=0.1, generator=named_generator(seed, name))
        adapter = RowAdapter(weights, 1.0)
        return SampleRequest.of(tiny_base, adapter, prompts, trigger="style", seed=seed)

    return [make(1, ("tree", "sea", "cat")), make(2, ("house", "moon"))]


def assert_same_pictures(one, other):
    assert len(one) == len(other)
    for rendered, expected in zip(one, other, strict=True):
        difference = np.asarray(rendered, float) - np.asarray(expected, float)
        assert np.abs(difference).max() <= 1


def test_trainings_get_their_own_samples_out_of_one_batch(tiny_base, requests):
    with MemoryLimit(tiny_base.unet, 10, rendering=True) as limit:
        together = render_samples(tiny_base, requests)
    assert set(limit.seen) == {10}  # five pictures, each with and without its prompt
    for pictures, request in zip(together, requests, strict=True):
        (alone,) = render_samples(tiny_base, [request])
        assert_same_pictures(pictures, alone)
    assert np.abs(np.asarray(together[0][0], float) - np.asarray(together[1][0])).mean() > 1


def test_a_sample_with_many_words_changes_nothing_of_the_others(tiny_base, requests):
    many = "red boat, red sea, red moon, tree boat, tree sea"
    wordy = SampleRequest(tuple(replace(each, prompt=many) for each in requests[0].samples[:2]))
    mixed = SampleRequest((requests[1].samples[0], *wordy.samples, requests[1].samples[1]))
    ((first, *long, last), of_base) = render_samples(tiny_base, [mixed, requests[0]])
    assert_same_pictures([first, last], render_samples(tiny_base, [requests[1]])[0])
    assert_same_pictures(long, render_samples(tiny_base, [wordy])[0])
    assert_same_pictures(of_base, render_samples(tiny_base, [requests[0]])[0])


def test_a_full_memory_halves_the_batch_of_samples(tiny_base, requests):
    roomy = render_samples(tiny_base, requests)
    with MemoryLimit(tiny_base.unet, 4, rendering=True) as limit:
        tight = render_samples(tiny_base, requests)
    assert limit.refused == [10, 6]
    for one, other in zip(tight, roomy, strict=True):
        assert_same_pictures(one, other)


def test_not_even_one_sample_fitting_is_an_error_by_name(tiny_base, requests):
    with MemoryLimit(tiny_base.unet, 1, rendering=True), pytest.raises(GpuOutOfMemory):
        render_samples(tiny_base, requests)


def test_the_base_model_renders_the_same_prompts_and_seeds(tiny_base, requests):
    trained = requests[0]
    of_base = SampleRequest.of_base(("tree", "sea", "cat"), seed=1)
    assert [each.seed for each in of_base.samples] == [each.seed for each in trained.samples]
    assert [each.prompt for each in of_base.samples] == ["tree", "sea", "cat"]
    rendered, styled = render_samples(tiny_base, [of_base, trained])
    (alone,) = render_samples(tiny_base, [of_base])
    assert_same_pictures(rendered, alone)
    assert np.abs(np.asarray(rendered[0], float) - np.asarray(styled[0])).mean() > 1


@pytest.mark.parametrize(
    "tags, expected",
    [
        ([("boat",), ("sea",), ("sky",), ("sun",)], ["boat", "sea", "sky", "sun"]),
        ([("boat",)] + [()] * 9, ["boat"] * 4),
        ([()] * 10, [""] * 4),
        ([(f"word{number}",) for number in range(10)], ["word0", "word2", "word4", "word6"]),
    ],
)
def test_there_are_always_as_many_prompts_as_samples_are_wanted(tmp_path, tags, expected):
    artworks = tuple(TrainingArtwork(tmp_path / f"{k}.png", each) for k, each in enumerate(tags))
    config = TrainingConfig(
        base_model="tiny", artworks=artworks, trigger="style", output_dir=tmp_path, seed=1
    )
    assert list(choose_sample_prompts(config)) == expected


def test_samples_are_whole_files_named_by_step_and_index(tmp_path):
    picture = Image.new("RGB", (8, 8), "navy")
    paths = save_samples([picture, picture], tmp_path / "samples", 50)
    assert [path.name for path in paths] == [
        "step_000050_sample_0.png",
        "step_000050_sample_1.png",
    ]
    assert sorted(paths) == sorted((tmp_path / "samples").iterdir())
