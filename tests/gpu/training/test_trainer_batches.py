"""Several trainings on one base model, as one batch or split over cores.

Each gives the same style as alone.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from gpu.base_models.lora import assert_no_adapters
from gpu.errors import LowQualityData, Stopped, TrainingDiverged
from gpu.training.diffusion import Objective
from gpu.training.recipe import TrainedStyle, TrainingArtwork, TrainingCheckpoint
from gpu.training.trainer import TrainingRequest, train_styles
from tests.gpu.conftest import write_picture
from tests.memory_limit import MemoryLimit


@pytest.fixture
def training(make_config, tmp_path):
    def make(name, *, should_stop=lambda: False, reports=None, **changes):
        config = make_config(output_dir=tmp_path / name, **changes)
        return TrainingRequest(config, (reports if reports is not None else []).append, should_stop)

    return make


@pytest.fixture(scope="module")
def styles_alone():
    return {}


@pytest.fixture
def alone(make_config, styles_alone, tmp_path_factory):
    """The style of a training by itself; equal settings are trained once for all tests."""

    def make(**changes):
        key = repr(changes)
        if key not in styles_alone:
            config = make_config(output_dir=tmp_path_factory.mktemp("alone"), **changes)
            request = TrainingRequest(config, lambda _: None, lambda: False)
            (styles_alone[key],) = train_styles([request])
        return styles_alone[key]

    return make


def weights(style):
    return load_file(style.adapter_path)


def assert_same_style(one, other):
    assert one.loss_history == pytest.approx(other.loss_history, rel=1e-3)
    theirs = weights(other)
    for name, value in weights(one).items():
        assert torch.allclose(value, theirs[name], atol=2e-4), name


@pytest.mark.parametrize("cores", [1, 2], ids="{} cores".format)
def test_each_gives_the_style_that_it_gives_alone(training, alone, artworks, cores):
    settings = [
        {"seed": 7},
        {"seed": 8, "steps": 4, "artworks": artworks[:6]},
        {"seed": 9, "rank": 3},
    ]
    requests = [training(f"t{i}", **each) for i, each in enumerate(settings)]
    together = train_styles(requests, cores=cores)
    for index, each in enumerate(settings):
        assert_same_style(together[index], alone(**each))
    assert [style.steps for style in together] == [6, 4, 6]


def test_each_has_its_own_samples_checkpoints_and_metadata(training):
    reports = ([], [])
    styles = train_styles(
        [
            training("one", reports=reports[0], metadata={"style_id": "1"}),
            training("two", reports=reports[1], metadata={"style_id": "2"}, seed=8),
        ]
    )
    for style, seen in zip(styles, reports, strict=True):
        folder = style.adapter_path.parent
        checkpoints = [report.checkpoint_path for report in seen if report.checkpoint_path]
        assert {path.parent for path in checkpoints} == {folder / "checkpoints"}
        assert {path.parent for path in style.sample_paths} == {folder / "samples"}
    assert styles[0].adapter_sha256 != styles[1].adapter_sha256


def test_long_captions_of_another_training_do_not_change_a_style(training, alone, artworks):
    tags = ("red boat", "red sea", "red moon", "tree boat", "tree sea")
    wordy = tuple(replace(artwork, tags=tags) for artwork in artworks)
    together = train_styles([training("short"), training("wordy", artworks=wordy)])
    for style, settings in zip(together, ({}, {"artworks": wordy}), strict=True):
        assert_same_style(style, alone(seed=7, **settings))


def test_artworks_of_different_shapes_are_trained_together(training, alone, tmp_path):
    wide = tuple(
        TrainingArtwork(write_picture(tmp_path / f"{i}.png", width=80, seed=i), ("sea",))
        for i in range(4)
    )
    square, landscape = train_styles([training("square"), training("wide", artworks=wide)])
    assert_same_style(landscape, alone(artworks=wide))
    assert square.steps == 6


def test_one_that_fails_or_is_stopped_leaves_the_others_alone(training, alone, artworks):
    few, stopped, good = train_styles(
        [
            training("few", artworks=artworks[:1]),
            training("stopped", should_stop=lambda: True),
            training("good"),
        ]
    )
    assert isinstance(few, LowQualityData)
    assert isinstance(stopped, Stopped)
    assert_same_style(good, alone(seed=7))


@pytest.mark.parametrize("index", [0, 2])
def test_one_that_diverges_leaves_the_others_the_very_same(training, monkeypatch, index):
    """Equal to the bit to a batch with one that was stopped at that step."""
    draw = Objective.draw

    def poisoned(self, latents, text, name):
        batch = draw(self, latents, text, name)
        is_hit = name == (66, "noise", 3)
        return replace(batch, weights=batch.weights * float("nan")) if is_hit else batch

    def shard(folder, **changes):
        seeds = [7, 8]
        seeds.insert(index, 66)
        return [
            training(f"{folder}{seed}", seed=seed, **(changes if seed == 66 else {}))
            for seed in seeds
        ]

    calls = []

    def after_four_steps():
        calls.append(1)
        return len(calls) > 4

    calm = train_styles(shard("calm", should_stop=after_four_steps), cores=1)
    assert isinstance(calm.pop(index), Stopped)
    monkeypatch.setattr(Objective, "draw", poisoned)
    beside = train_styles(shard("beside"), cores=1)
    ended = beside.pop(index)
    assert isinstance(ended, TrainingDiverged)
    assert "step 4" in str(ended)
    for one, other in zip(calm, beside, strict=True):
        assert one.loss_history == other.loss_history
        assert one.adapter_sha256 == other.adapter_sha256


@pytest.mark.parametrize("cores", [1, 2], ids="{} cores".format)
def test_each_ends_its_slice_and_goes_on_by_itself(training, alone, cores):
    requests = [training("one", slice_seconds=0.0), training("two", seed=8)]
    first, second = train_styles(requests, cores=cores)
    assert isinstance(first, TrainingCheckpoint)
    assert isinstance(second, TrainedStyle)
    (resumed,) = train_styles([training("later", resume_from=first.path)])
    assert_same_style(resumed, alone(seed=7))


def test_a_full_memory_splits_the_shard_before_it_splits_a_batch(training, tiny_base):
    with MemoryLimit(tiny_base.unet, rows=2) as limit:
        tight = train_styles([training("one"), training("two", seed=8)], cores=1)
    roomy = train_styles([training("roomy one"), training("roomy two", seed=8)], cores=1)
    assert limit.refused == [4]
    for one, other in zip(tight, roomy, strict=True):
        assert_same_style(one, other)


@pytest.mark.parametrize("cores", [1, 2], ids="{} cores".format)
@pytest.mark.parametrize("fails", [0, 1], ids=["the first", "the last"])
def test_what_a_report_raises_ends_all(training, tiny_base, cores, fails):
    class CallbackError(Exception):
        pass

    def fail(_):
        raise CallbackError

    requests = [training(f"t{i}", steps=1000) for i in range(2)]
    requests[fails] = replace(requests[fails], on_progress=fail)
    with pytest.raises(CallbackError):
        train_styles(requests, cores=cores)
    assert_no_adapters(tiny_base.unet)
    for each in requests:
        assert not (each.config.output_dir / "style.safetensors").exists()


def test_on_cores_reports_come_one_at_a_time_and_in_the_callers_context(training):
    lock, task = threading.Lock(), ContextVar("task", default="nobody's")
    task.set("ours")

    def report(_):
        assert task.get() == "ours"
        assert lock.acquire(blocking=False), "two reports at once"
        time.sleep(0.01)
        lock.release()

    requests = [replace(training(f"t{i}", seed=i), on_progress=report) for i in range(3)]
    assert len(train_styles(requests, cores=3)) == len(requests)


def test_splitting_over_cores_leaves_the_number_of_threads_as_it_was(training):
    before = torch.get_num_threads()
    train_styles([training("one"), training("two", seed=8)], cores=2)
    assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == before


def test_different_base_models_are_refused(training):
    with pytest.raises(ValueError, match="different base models"):
        train_styles([training("one"), training("two", base_model="built-in")])
