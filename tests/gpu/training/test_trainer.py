import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from safetensors import safe_open

from gpu.base_models.lora import adaptable_layers, assert_bare
from gpu.errors import AdapterMismatch, GpuOutOfMemory, LowQualityData, Stopped
from gpu.training.recipe import TrainingWork
from gpu.training.trainer import TrainedStyle, TrainingCheckpoint, train
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
from gpu.training.trainer import TrainingConfig, TrainingWork, train

torch.set_num_threads(1)
base, folder, *paths = sys.argv[1:]
def die_after_a_checkpoint(report):
    if report.step > 3 or report.checkpoint_path:
        os.kill(os.getpid(), 9)
config = TrainingConfig(
    base_model=base,
    works=tuple(TrainingWork(Path(path), ("tree",)) for path in paths),
    trigger="style", output_dir=Path(folder), seed=7, steps=6, batch_size=2, rank=2,
    checkpoint_every_steps=3,
)
train(config, on_progress=die_after_a_checkpoint, should_stop=lambda: False)
"""


def test_a_training_resumed_after_a_kill_equals_one_never_killed(
    make_config, works, tiny_base_folder, tmp_path
):
    tagged = tuple(TrainingWork(work.path, ("tree",)) for work in works)
    paths = [str(work.path) for work in works]
    command = [sys.executable, "-c", KILLED_CHILD, str(tiny_base_folder), str(tmp_path), *paths]
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        command, check=False, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True
    )
    (checkpoint,) = (tmp_path / "checkpoints").glob("*.safetensors")
    assert killed.returncode == -9

    resumed = run(make_config(works=tagged, resume_from=checkpoint))
    whole = run(make_config(works=tagged, output_dir=tmp_path / "whole"))
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


def test_every_checkpoint_leaves_a_style_that_can_be_sold_and_what_the_base_draws(make_config):
    reports = []
    style = run(make_config(plain_samples=True), reports)
    files = [report.files for report in reports if report.files]

    assert [each.style_path.name for each in files] == [
        "step_000003.safetensors",
        "step_000006.safetensors",
    ]
    for each in files:
        assert hashlib.sha256(each.style_path.read_bytes()).hexdigest() == each.style_sha256
        assert (len(each.sample_paths), len(each.plain_sample_paths)) == (4, 4)
    assert files[0].style_sha256 != files[1].style_sha256
    assert files[1].style_sha256 == style.adapter_sha256
    assert files[0].plain_sample_paths == files[1].plain_sample_paths
    assert all(path.is_file() for path in files[0].plain_sample_paths)


def test_samples_do_not_change_what_is_learned(make_config, tmp_path):
    few = run(make_config(output_dir=tmp_path / "few", checkpoint_every_steps=6))
    many = run(make_config(output_dir=tmp_path / "many", checkpoint_every_steps=1))
    assert few.loss_history == many.loss_history


def test_learning_lowers_the_loss_on_the_works(make_config):
    style = run(make_config(steps=120, learning_rate=2e-2, rank=4, checkpoint_every_steps=60))
    early = sum(style.loss_history[:20]) / 20
    late = sum(style.loss_history[-20:]) / 20
    assert late < early


def test_the_file_says_where_it_comes_from(make_config, tiny_base):
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
    for layer in ("conv_in", "conv_out", *adaptable_layers(tiny_base.unet)):
        assert f"unet.{layer}.lora_A.weight" in names
        assert f"unet.{layer}.lora_B.weight" in names


def test_other_tools_can_open_a_style(trained_style, tiny_base_folder, tiny_base):
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(tiny_base_folder / "vae"),
        text_encoder=tiny_base.text.towers[0].encoder,
        tokenizer=tiny_base.text.towers[0].tokenizer,
        unet=UNet2DConditionModel.from_pretrained(tiny_base_folder / "unet"),
        scheduler=DDIMScheduler.from_pretrained(tiny_base_folder / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.load_lora_weights(trained_style.adapter_path.parent, weight_name="style.safetensors")
    loaded = {
        name.replace(".default_0.", "."): value
        for name, value in pipeline.unet.named_parameters()
        if ".lora_" in name
    }
    with safe_open(trained_style.adapter_path, framework="pt") as opened:
        names = {name.removeprefix("unet.") for name in opened.keys()}  # noqa: SIM118
        assert names == loaded.keys()
        for name in names:
            assert torch.equal(opened.get_tensor(f"unet.{name}"), loaded[name])


def test_asking_to_stop_stops_and_leaves_the_base_bare(make_config, tiny_base):
    with pytest.raises(Stopped):
        train(make_config(), on_progress=lambda _: None, should_stop=lambda: True)
    assert_bare(tiny_base.unet)


def test_a_checkpoint_of_another_training_is_refused(make_config, tmp_path):
    first = run(make_config(slice_seconds=0.0))
    with pytest.raises(AdapterMismatch, match="another training"):
        run(make_config(output_dir=tmp_path / "other", seed=99, resume_from=first.path))


def test_a_torn_checkpoint_is_refused(make_config):
    first = run(make_config(slice_seconds=0.0))
    first.path.write_bytes(first.path.read_bytes()[:1000])
    with pytest.raises(AdapterMismatch, match="cannot be read"):
        run(make_config(resume_from=first.path))


def test_unusable_works_are_all_named(make_config, works, tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "blank.png")
    bad = tuple(TrainingWork(tmp_path / name, ()) for name in ("text.png", "blank.png"))
    with pytest.raises(LowQualityData, match=r"text\.png.*blank\.png is blank"):
        run(make_config(works=works + bad))


def test_one_work_is_too_few(make_config, works):
    with pytest.raises(LowQualityData, match="at least 2"):
        run(make_config(works=works[:1]))


def test_a_full_memory_halves_the_micro_batch_and_learns_the_same(make_config, tiny_base, tmp_path):
    roomy = run(make_config(batch_size=4, output_dir=tmp_path / "roomy"))
    with MemoryLimit(tiny_base.unet, rows=1) as limit:
        tight = run(make_config(batch_size=4, output_dir=tmp_path / "tight"))
    assert limit.refused == [4, 2]
    assert tight.loss_history == pytest.approx(roomy.loss_history, rel=1e-4)


def test_no_room_for_one_picture_is_an_error(make_config, tiny_base):
    with MemoryLimit(tiny_base.unet, rows=0), pytest.raises(GpuOutOfMemory):
        run(make_config())
    assert_bare(tiny_base.unet)


def test_a_result_is_a_trained_style(trained_style):
    assert isinstance(trained_style, TrainedStyle)
    assert trained_style.adapter_path.is_file()
