import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from gpu.base_models.lora import assert_no_adapters, target_modules
from gpu.base_models.model import BaseModel
from gpu.errors import (
    AdapterMismatch,
    GpuOutOfMemory,
    LowQualityData,
    Stopped,
    TrainingDiverged,
    UnusableArtwork,
)
from gpu.rendering.pixels import to_tensor
from gpu.training.batch_trainer import TrainableAdapter
from gpu.training.dataset import encode_artworks
from gpu.training.diffusion import Objective
from gpu.training.held_out import HeldOut
from gpu.training.pictures import prepare_windows
from gpu.training.recipe import TrainingArtwork
from gpu.training.style_file import write_style
from gpu.training.trainer import TrainedStyle, TrainingCheckpoint, train
from tests.gpu.conftest import write_picture
from tests.memory_limit import MemoryLimit


def never():
    return False


def run(config, reports=None):
    return train(
        config, on_progress=(reports if reports is not None else []).append, should_stop=never
    )


def test_a_training_sliced_at_every_checkpoint_equals_an_unbroken_one_bit_for_bit(
    make_config, tmp_path
):
    whole = run(make_config(steps=9))
    result = run(make_config(steps=9, output_dir=tmp_path / "slice", slice_seconds=0.0))
    slices = 1
    while isinstance(result, TrainingCheckpoint):
        folder = tmp_path / f"slice_{slices}"
        result = run(
            make_config(steps=9, output_dir=folder, slice_seconds=0.0, resume_from=result.path)
        )
        slices += 1

    assert slices == 3
    assert result.adapter_sha256 == whole.adapter_sha256
    assert result.loss_history == whole.loss_history
    assert result.held_out_history == whole.held_out_history


KILLED_CHILD = """
import os, sys
from pathlib import Path
import torch
from gpu.training.trainer import TrainingConfig, TrainingArtwork, train

torch.set_num_threads(1)
base, folder, *paths = sys.argv[1:]
def die_after_a_checkpoint(report):
    if report.step > 3 or report.checkpoint_path:
        os.kill(os.getpid(), 9)
config = TrainingConfig(
    base_model=base,
    artworks=tuple(TrainingArtwork(Path(path), ("tree",)) for path in paths),
    trigger="style", output_dir=Path(folder), seed=7, steps=6, batch_size=2, rank=2,
    checkpoint_every_steps=3,
)
train(config, on_progress=die_after_a_checkpoint, should_stop=lambda: False)
"""


# The test above resumes as well, and tests/chaos/test_with_the_engine.py kills a worker.
@pytest.mark.long
def test_a_training_resumed_after_a_kill_equals_one_never_killed(
    make_config, artworks, tiny_base_folder, tmp_path
):
    tagged = tuple(TrainingArtwork(artwork.path, ("tree",)) for artwork in artworks)
    paths = [str(artwork.path) for artwork in artworks]
    command = [sys.executable, "-c", KILLED_CHILD, str(tiny_base_folder), str(tmp_path), *paths]
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        command, check=False, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True
    )
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.safetensors")
    assert killed.returncode == -9

    resumed = run(make_config(artworks=tagged, resume_from=checkpoint))
    whole = run(make_config(artworks=tagged, output_dir=tmp_path / "whole"))
    assert resumed.adapter_sha256 == whole.adapter_sha256
    assert resumed.loss_history == whole.loss_history


def test_the_same_seed_gives_the_same_style_and_another_seed_another(make_config, tmp_path):
    first = run(make_config(output_dir=tmp_path / "a"))
    again = run(make_config(output_dir=tmp_path / "b"))
    other = run(make_config(output_dir=tmp_path / "c", seed=8))
    assert first.adapter_sha256 == again.adapter_sha256
    assert first.adapter_sha256 != other.adapter_sha256


def test_progress_reaches_the_end_with_real_losses_samples_and_checkpoints(make_config):
    reports = []
    style = run(make_config(), reports)
    checkpoints = [report for report in reports if report.checkpoint_path]

    assert [report.step for report in checkpoints] == [3, 6]
    assert [report.percent for report in checkpoints] == [50.0, 100.0]
    assert reports[-1].estimated_seconds == 0.0
    assert all(len(report.new_sample_paths) == 4 for report in checkpoints)
    assert all(math.isfinite(loss) and loss > 0 for loss in style.loss_history)
    assert len(style.loss_history) == style.steps == 6
    assert [step for step, _ in style.held_out_history] == [0, 3, 6]
    assert style.held_out_loss == checkpoints[-1].held_out_loss
    for path in style.sample_paths:
        with Image.open(path) as sample:
            assert sample.size == (32, 32)


def test_every_checkpoint_writes_a_style_and_the_samples_of_the_base_model(make_config):
    reports = []
    style = run(make_config(base_samples=True), reports)
    files = [report.files for report in reports if report.files]

    assert [each.style_path.name for each in files] == [
        "step_000003.safetensors",
        "step_000006.safetensors",
    ]
    for each in files:
        assert hashlib.sha256(each.style_path.read_bytes()).hexdigest() == each.style_sha256
        assert (len(each.sample_paths), len(each.base_sample_paths)) == (4, 4)
    assert files[0].style_sha256 != files[1].style_sha256
    assert files[1].style_sha256 == style.adapter_sha256
    assert files[0].base_sample_paths == files[1].base_sample_paths
    assert all(path.is_file() for path in files[0].base_sample_paths)


def test_samples_do_not_change_the_training(make_config, tmp_path):
    few = run(make_config(output_dir=tmp_path / "few", checkpoint_every_steps=6))
    many = run(make_config(output_dir=tmp_path / "many", checkpoint_every_steps=1))
    assert few.loss_history == many.loss_history


def test_learning_lowers_the_loss_on_the_works(make_config):
    style = run(make_config(steps=120, learning_rate=2e-2, rank=4, checkpoint_every_steps=60))
    early = sum(style.loss_history[:20]) / 20
    late = sum(style.loss_history[-20:]) / 20
    assert late < early


def test_the_file_records_its_origin(make_config, tiny_base):
    style = run(make_config(metadata={"style_id": "42", "rank": "999", "license": "terms"}))
    with safe_open(style.adapter_path, framework="pt") as opened:
        metadata = opened.metadata()
    assert metadata["base_model_sha256"] == tiny_base.sha256
    assert metadata["style_id"] == "42"
    assert metadata["license"] == "terms"
    assert metadata["trigger"] == "style"
    assert metadata["rank"] == "2"
    assert len(metadata["data_sha256"]) == 64
    assert json.loads(metadata["recipe"])["steps"] == 6


def test_every_linear_and_convolution_layer_is_adapted_in_full_precision(trained_style, tiny_base):
    with safe_open(trained_style.adapter_path, framework="pt") as opened:
        names = set(opened.keys())
        assert {str(opened.get_tensor(name).dtype) for name in names} == {"torch.float32"}
    for layer in ("conv_in", "conv_out", *target_modules(tiny_base.unet)):
        assert f"unet.{layer}.lora_A.weight" in names
        assert f"unet.{layer}.lora_B.weight" in names


def test_asking_to_stop_stops_and_leaves_no_adapter_active(make_config, tiny_base):
    with pytest.raises(Stopped):
        train(make_config(), on_progress=lambda _: None, should_stop=lambda: True)
    assert_no_adapters(tiny_base.unet)


def test_a_checkpoint_of_another_training_is_refused(make_config, tmp_path):
    first = run(make_config(slice_seconds=0.0))
    with pytest.raises(AdapterMismatch, match="another training"):
        run(make_config(output_dir=tmp_path / "other", seed=99, resume_from=first.path))


def test_a_truncated_checkpoint_is_refused(make_config):
    first = run(make_config(slice_seconds=0.0))
    first.path.write_bytes(first.path.read_bytes()[:1000])
    with pytest.raises(AdapterMismatch, match="cannot be read"):
        run(make_config(resume_from=first.path))


def unusable(folder):
    """Two artworks that nothing can be learned from."""
    (folder / "text.png").write_text("not a picture")
    Image.new("RGB", (64, 64), "white").save(folder / "blank.png")
    return tuple(TrainingArtwork(folder / name, ()) for name in ("text.png", "blank.png"))


NAMED = (UnusableArtwork("text.png", "IMAGE_CORRUPT"), UnusableArtwork("blank.png", "IMAGE_BLANK"))


@pytest.mark.parametrize(
    "index",
    [0, pytest.param(5, marks=pytest.mark.long), pytest.param(10, marks=pytest.mark.long)],
)
def test_unusable_works_are_left_out_named_and_change_nothing(
    make_config, artworks, tmp_path, index
):
    reports, good = [], run(make_config(output_dir=tmp_path / "good"))
    mixed = (*artworks[:index], *unusable(tmp_path), *artworks[index:])
    style = run(make_config(artworks=mixed, output_dir=tmp_path / "mixed"), reports)
    assert style.adapter_sha256 == good.adapter_sha256
    assert {report.unusable_artworks for report in reports} == {NAMED}


def test_unusable_works_do_not_lengthen_a_training(make_config, artworks, tiny_base, tmp_path):
    config, reports = make_config(artworks=(*artworks, *unusable(tmp_path)), steps=None), []
    with pytest.raises(Stopped):
        train(config, on_progress=reports.append, should_stop=lambda: True)
    assert reports[0].total_steps == tiny_base.spec.steps_for(10) != tiny_base.spec.steps_for(12)


def test_a_training_goes_on_without_works_that_were_left_out_before(
    make_config, artworks, tmp_path
):
    first = run(make_config(artworks=(*unusable(tmp_path), *artworks), slice_seconds=0.0))
    again = run(make_config(resume_from=first.path, output_dir=tmp_path / "again"))
    assert again.adapter_sha256 == run(make_config(output_dir=tmp_path / "good")).adapter_sha256


def test_when_too_few_works_are_left_all_unusable_ones_are_named(make_config, artworks, tmp_path):
    config = make_config(artworks=artworks[:9] + unusable(tmp_path), min_artworks=10)
    with pytest.raises(
        LowQualityData, match=r"at least 10.*got 9.*text\.png.*blank\.png is"
    ) as few:
        run(config)
    assert few.value.unusable == NAMED


def test_a_work_that_the_codec_cannot_hold_is_left_out(
    make_config, artworks, tiny_base, monkeypatch
):
    encode = BaseModel.encode_images

    def overflowing(self, pixels):
        latents = encode(self, pixels)
        return latents * float("inf") if pixels.mean() == dark else latents

    dark = to_tensor(list(prepare_windows(artworks[3].path, tiny_base))).mean()
    monkeypatch.setattr(BaseModel, "encode_images", overflowing)
    reports = []
    style = run(make_config(), reports)
    assert reports[0].unusable_artworks == (
        UnusableArtwork(artworks[3].path.name, "IMAGE_NOT_ENCODABLE"),
    )
    assert math.isfinite(style.final_loss)


def test_a_long_work_is_learned_from_several_windows(make_config, tiny_base, artworks, tmp_path):
    long = write_picture(tmp_path / "long.png", width=400, height=40)
    config = make_config(artworks=(*artworks, TrainingArtwork(long, ("sea",))))
    encoded, left_out = encode_artworks(config, tiny_base)
    assert not left_out
    assert [len(each.windows) for each in encoded] == [1] * 10 + [6]
    assert len({window.tobytes() for window in encoded[-1].windows}) == 6
    assert run(config).steps == 6


def diverging(monkeypatch, *, seed, step):
    """Make the loss of one training no number at one of its steps."""
    draw = Objective.draw

    def poisoned(self, latents, text, name):
        batch = draw(self, latents, text, name)
        if name == (seed, "noise", step - 1):
            return replace(batch, weights=batch.weights * float("nan"))
        return batch

    monkeypatch.setattr(Objective, "draw", poisoned)


@pytest.mark.parametrize("step", [1, 2, 3, 6])
def test_a_loss_that_is_no_number_ends_the_training_at_that_step(make_config, monkeypatch, step):
    diverging(monkeypatch, seed=7, step=step)
    reports, config = [], make_config()
    with pytest.raises(TrainingDiverged, match=f"loss of step {step} is nan"):
        run(config, reports)
    assert max(report.step for report in reports) <= step - 1
    assert not (config.output_dir / "style.safetensors").exists()
    saved = list((config.output_dir / "checkpoints").glob("*"))
    assert len(saved) == (1 if step > 3 else 0)


def test_weights_that_are_no_numbers_are_never_saved(make_config, monkeypatch):
    step = TrainableAdapter.step

    def bursting(self, learning_rate):
        step(self, learning_rate)
        with torch.no_grad():
            next(iter(self.weights.values())).view(-1)[0] = float("inf")

    monkeypatch.setattr(TrainableAdapter, "step", bursting)
    monkeypatch.setattr(HeldOut, "measure", lambda *_: 0.5)
    config = make_config(steps=1, checkpoint_every_steps=1)
    with pytest.raises(TrainingDiverged, match="not finite"):
        run(config)
    assert not list(config.output_dir.rglob("*.safetensors"))


def test_a_style_file_never_holds_what_is_no_number(tmp_path):
    weights = {"unet.a.lora_A.weight": torch.nn.Parameter(torch.tensor([1.0, float("nan")]))}
    with pytest.raises(TrainingDiverged, match="lora_A"):
        write_style(tmp_path / "style.safetensors", weights, {"rank": "1", "alpha": "1"})
    assert not list(tmp_path.iterdir())


def test_one_work_is_too_few(make_config, artworks):
    with pytest.raises(LowQualityData, match="at least 2"):
        run(make_config(artworks=artworks[:1]))


def test_a_full_memory_halves_the_micro_batch_and_gives_the_same_losses(
    make_config, tiny_base, tmp_path
):
    roomy = run(make_config(batch_size=4, output_dir=tmp_path / "roomy"))
    with MemoryLimit(tiny_base.unet, rows=1) as limit:
        tight = run(make_config(batch_size=4, output_dir=tmp_path / "tight"))
    assert limit.refused == [4, 2]
    assert tight.loss_history == pytest.approx(roomy.loss_history, rel=1e-4)


def test_no_room_for_one_picture_is_an_error(make_config, tiny_base):
    with MemoryLimit(tiny_base.unet, rows=0), pytest.raises(GpuOutOfMemory):
        run(make_config())
    assert_no_adapters(tiny_base.unet)


def test_a_result_is_a_trained_style(trained_style):
    assert isinstance(trained_style, TrainedStyle)
    assert trained_style.adapter_path.is_file()
