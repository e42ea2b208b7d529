"""Several trainings on one base model, as one batch or shared out among cores.

Each learns what it would alone.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from gpu.base_models.lora import assert_bare
from gpu.errors import LowQualityData, Stopped, TrainingDiverged
from gpu.training.diffusion import Objective
from gpu.training.recipe import TrainedStyle, TrainingCheckpoint, TrainingWork
from gpu.training.trainer import TrainingOrder, train_together
from tests.gpu.conftest import write_picture
from tests.memory_limit import MemoryLimit


@pytest.fixture
def order(make_config, tmp_path):
    def make(name, *, should_stop=lambda: False, reports=None, **changes):
        config = make_config(output_dir=tmp_path / name, **changes)
        return TrainingOrder(config, (reports if reports is not None else []).append, should_stop)

    return make


def weights(style):
    return load_file(style.adapter_path)


def assert_same_style(one, other):
    assert one.loss_history == pytest.approx(other.loss_history, rel=1e-3)
    theirs = weights(other)
    for name, value in weights(one).items():
        assert torch.allclose(value, theirs[name], atol=2e-4), name


@pytest.mark.parametrize("cores", [1, 2], ids="{} cores".format)
def test_each_learns_what_it_would_have_learned_alone(order, works, cores):
    settings = [{"seed": 7}, {"seed": 8, "steps": 4, "works": works[:6]}, {"seed": 9, "rank": 3}]
    orders = [order(f"t{i}", **each) for i, each in enumerate(settings)]
    together = train_together(orders, cores=cores)
    for index, each in enumerate(settings):
        (alone,) = train_together([order(f"a{index}", **each)])
        assert_same_style(together[index], alone)
    assert [style.steps for style in together] == [6, 4, 6]


def test_each_has_its_own_samples_checkpoints_and_metadata(order):
    reports = ([], [])
    styles = train_together(
        [
            order("one", reports=reports[0], metadata={"style_id": "1"}),
            order("two", reports=reports[1], metadata={"style_id": "2"}, seed=8),
        ]
    )
    for style, seen in zip(styles, reports, strict=True):
        folder = style.adapter_path.parent
        checkpoints = [report.checkpoint_path for report in seen if report.checkpoint_path]
        assert {path.parent for path in checkpoints} == {folder / "checkpoints"}
        assert {path.parent for path in style.sample_paths} == {folder / "samples"}
    assert styles[0].adapter_sha256 != styles[1].adapter_sha256


def test_long_captions_beside_it_change_nothing_of_what_a_training_learns(order, works):
    tags = ("red boat", "red sea", "red moon", "tree boat", "tree sea")
    wordy = tuple(replace(work, tags=tags) for work in works)
    together = train_together([order("plain"), order("wordy", works=wordy)])
    for style, settings in zip(together, ({}, {"works": wordy}), strict=True):
        (alone,) = train_together([order("alone", **settings)])
        assert_same_style(style, alone)


def test_works_of_different_shapes_learn_side_by_side(order, tmp_path):
    wide = tuple(
        TrainingWork(write_picture(tmp_path / f"{i}.png", width=80, seed=i), ("sea",))
        for i in range(4)
    )
    square, landscape = train_together([order("square"), order("wide", works=wide)])
    (alone,) = train_together([order("alone", works=wide)])
    assert_same_style(landscape, alone)
    assert square.steps == 6


def test_one_that_cannot_be_learned_or_is_stopped_leaves_the_others_alone(order, works):
    few, stopped, good = train_together(
        [order("few", works=works[:1]), order("stopped", should_stop=lambda: True), order("good")]
    )
    (alone,) = train_together([order("alone")])
    assert isinstance(few, LowQualityData)
    assert isinstance(stopped, Stopped)
    assert_same_style(good, alone)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_diverges_leaves_the_others_the_very_same(order, monkeypatch, place):
    """To the bit as beside one that was stopped at that step, but for being drawn beside it."""
    draw = Objective.draw

    def poisoned(self, latents, text, name):
        batch = draw(self, latents, text, name)
        is_hit = name == (66, "noise", 3)
        return replace(batch, weights=batch.weights * float("nan")) if is_hit else batch

    def company(folder, **changes):
        seeds = [7, 8]
        seeds.insert(place, 66)
        return [
            order(f"{folder}{seed}", seed=seed, **(changes if seed == 66 else {})) for seed in seeds
        ]

    asked = []

    def after_four_steps():
        asked.append(1)
        return len(asked) > 4

    calm = train_together(company("calm", should_stop=after_four_steps), cores=1)
    assert isinstance(calm.pop(place), Stopped)
    monkeypatch.setattr(Objective, "draw", poisoned)
    beside = train_together(company("beside"), cores=1)
    ended = beside.pop(place)
    assert isinstance(ended, TrainingDiverged)
    assert "step 4" in str(ended)
    for one, other in zip(calm, beside, strict=True):
        assert one.loss_history == other.loss_history
        assert one.adapter_sha256 == other.adapter_sha256


@pytest.mark.parametrize("cores", [1, 2], ids="{} cores".format)
def test_each_ends_its_slice_and_goes_on_by_itself(order, cores):
    orders = [order("one", slice_seconds=0.0), order("two", seed=8)]
    first, second = train_together(orders, cores=cores)
    assert isinstance(first, TrainingCheckpoint)
    assert isinstance(second, TrainedStyle)
    (resumed,) = train_together([order("later", resume_from=first.path)])
    (alone,) = train_together([order("alone")])
    assert_same_style(resumed, alone)


def test_a_full_memory_parts_the_company_before_it_parts_a_batch(order, tiny_base):
    with MemoryLimit(tiny_base.unet, rows=2) as limit:
        tight = train_together([order("one"), order("two", seed=8)], cores=1)
    roomy = train_together([order("roomy one"), order("roomy two", seed=8)], cores=1)
    assert limit.refused == [4]
    for one, other in zip(tight, roomy, strict=True):
        assert_same_style(one, other)


@pytest.mark.parametrize("cores", [1, 2], ids="{} cores".format)
@pytest.mark.parametrize("fails", [0, 1], ids=["the first", "the last"])
def test_what_a_report_raises_ends_all(order, tiny_base, cores, fails):
    class Unplugged(Exception):
        pass

    def unplug(_):
        raise Unplugged

    orders = [order(f"t{i}", steps=100) for i in range(2)]
    orders[fails] = replace(orders[fails], on_progress=unplug)
    with pytest.raises(Unplugged):
        train_together(orders, cores=cores)
    assert_bare(tiny_base.unet)
    for each in orders:
        assert not (each.config.output_dir / "style.safetensors").exists()


def test_on_cores_reports_come_one_at_a_time_and_in_the_callers_context(order):
    talking, task = threading.Lock(), ContextVar("task", default="nobody's")
    task.set("ours")

    def talk(_):
        assert task.get() == "ours"
        assert talking.acquire(blocking=False), "two reports at once"
        time.sleep(0.01)
        talking.release()

    orders = [replace(order(f"t{i}", seed=i), on_progress=talk) for i in range(3)]
    assert len(train_together(orders, cores=3)) == len(orders)


def test_sharing_out_leaves_the_number_of_threads_as_it_was(order):
    before = torch.get_num_threads()
    train_together([order("one"), order("two", seed=8)], cores=2)
    assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == before


def test_different_base_models_do_not_learn_together(order):
    with pytest.raises(ValueError, match="different base models"):
        train_together([order("one"), order("two", base_model="built-in")])
