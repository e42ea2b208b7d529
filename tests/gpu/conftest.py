"""A base model of a few thousand random weights: the real pipeline, in milliseconds."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gpu.base_models.model import BaseModel
from gpu.base_models.registry import REGISTRY, load_base_model, resolve_spec
from gpu.training.trainer import TrainedStyle, TrainingArtwork, TrainingConfig, train
from tests.tiny_model import write_tiny_model


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    # Tiny tensors gain nothing from threads, and lose everything when cores are shared.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_tiny_base(folder: Path, *, seed: int = 0) -> Path:
    """32x32 pixels, latents 4x16x16."""
    return write_tiny_model(folder, cells=16, widths=(8, 8), seed=seed)


@pytest.fixture(scope="session")
def tiny_base_folder(tmp_path_factory) -> Iterator[Path]:
    """The folder of the tiny base model; samples of its trainings take two steps, not twelve."""
    folder = write_tiny_base(tmp_path_factory.mktemp("base") / "tiny")
    spec = replace(resolve_spec(str(folder)), sample_steps=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, str(folder), spec)
        yield folder


@pytest.fixture(scope="session")
def tiny_base(tiny_base_folder) -> BaseModel:
    return load_base_model(str(tiny_base_folder))


def write_picture(path: Path, *, width: int = 40, height: int = 40, seed: int = 0) -> Path:
    """A picture of soft coloured noise."""
    levels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="session")
def artworks(tmp_path_factory) -> tuple[TrainingArtwork, ...]:
    folder = tmp_path_factory.mktemp("artworks")
    tags = [("tree", "red"), ("house", "sea"), ("boat",), ("moon", "tree"), ("sea", "boat")]
    return tuple(
        TrainingArtwork(write_picture(folder / f"{index}.png", seed=index), tags[index % 5])
        for index in range(10)
    )


@pytest.fixture
def make_config(tiny_base_folder, artworks, tmp_path):
    def make(**changes) -> TrainingConfig:
        settings = {
            "base_model": str(tiny_base_folder),
            "artworks": artworks,
            "trigger": "style",
            "output_dir": tmp_path / "output",
            "seed": 7,
            "steps": 6,
            "batch_size": 2,
            "rank": 2,
            "checkpoint_every_steps": 3,
            "metadata": {"style_id": "42", "license": "test terms"},
        }
        return TrainingConfig(**(settings | changes))

    return make


@pytest.fixture(scope="session")
def trained_style(tiny_base_folder, artworks, tmp_path_factory) -> TrainedStyle:
    config = TrainingConfig(
        base_model=str(tiny_base_folder),
        artworks=artworks,
        trigger="style",
        output_dir=tmp_path_factory.mktemp("style"),
        seed=1,
        steps=4,
        batch_size=2,
        rank=2,
        learning_rate=5e-3,
    )
    style = train(config, on_progress=lambda _: None, should_stop=lambda: False)
    assert isinstance(style, TrainedStyle)
    return style
