"""Where the time of a rendering and of a training goes, stage by stage, and a picture of it."""

import cProfile
import inspect
import pstats
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType

import matplotlib as mpl
import torch
from matplotlib.figure import Figure

from gpu.base_models.model import BaseModel
from gpu.rendering.adapters import AdapterCache
from gpu.training.batch_trainer import BatchTrainer, TrainableAdapter
from gpu.training.checkpoint import save_checkpoint
from gpu.training.dataset import encode_artworks
from gpu.training.diffusion import Objective
from gpu.training.held_out import HeldOut
from gpu.training.samples import render_samples

Seconds = dict[str, float]
RENDERING = {
    "style from its file": AdapterCache.get,
    "prompts": BaseModel.encode_prompts,
    "denoising": BaseModel.predict,
    "decoding": BaseModel.decode_latents,
}
TRAINING = {
    "caching of works": encode_artworks,
    "noise": Objective.draw,
    "forward": BatchTrainer.run,  # less the two that follow, which it calls
    "backward": torch.Tensor.backward,
    "optimizer": TrainableAdapter.step,
    "held-out loss": HeldOut.measure,
    "samples": render_samples,
    "checkpoints": save_checkpoint,
}


def rendering_stages(render: Callable[[], object]) -> Seconds:
    """Seconds of each stage of a rendering."""
    return _profile(render, RENDERING)


def training_stages(train: Callable[[], object]) -> Seconds:
    """Seconds of each stage of a training."""
    seconds = _profile(train, TRAINING, inner=("backward", "optimizer"))
    seconds["forward"] -= seconds["backward"] + seconds["optimizer"]
    return seconds


def _profile(
    work: Callable[[], object],
    stages: Mapping[str, Callable[..., object]],
    inner: tuple[str, ...] = (),
) -> Seconds:
    """Seconds spent in each stage's function and all that it calls; `inner` are parts of others."""
    profile = cProfile.Profile()
    profile.runcall(work)
    calls = pstats.Stats(profile)
    seconds = {label: _seconds_in(calls, function) for label, function in stages.items()}
    outer = sum(each for label, each in seconds.items() if label not in inner)
    return seconds | {"all else": calls.total_tt - outer}


def _seconds_in(calls: pstats.Stats, function: Callable[..., object]) -> float:
    original = inspect.unwrap(function)
    assert isinstance(original, FunctionType)
    code = original.__code__
    return calls.stats[code.co_filename, code.co_firstlineno, code.co_name][3]


def draw_stages(path: Path, bars: Mapping[str, Seconds]) -> Path:
    """Write a PNG with one bar of stages per entry, each as long as it took."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9, 2.6 * len(bars)), dpi=120, layout="constrained")
        for axes, (title, seconds) in zip(
            figure.subplots(len(bars), squeeze=False)[:, 0], bars.items(), strict=True
        ):
            labels = [f"{label}  {spent:.2f} s" for label, spent in seconds.items()]
            axes.barh(labels, list(seconds.values()), color="#2f5d8a")
            axes.invert_yaxis()
            axes.set(title=f"{title}: {sum(seconds.values()):.1f} s", xlabel="seconds")
            axes.grid(axis="x", alpha=0.3)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return path
