"""The real engine on a tiny base model of random weights: hundredths of a second per image."""

import dataclasses
from collections.abc import Iterator

import pytest
import torch

from gpu.base_models import registry
from tasks import worker_api
from tasks.on_gpu import render_images, train_style
from tests.tiny_model import write_tiny_model

TINY = "tiny"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    torch.set_num_threads(2)
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_model(folder)
    return folder


@pytest.fixture
def tiny(tiny_folder, monkeypatch) -> Iterator[str]:
    """Let this process's workers use the tiny base model."""
    spec = dataclasses.replace(
        registry.REGISTRY["sd15"],
        name=TINY,
        source=str(tiny_folder),
        native_side=0,
        default_steps=3,
        sample_steps=2,
        training_steps=4,
        training_steps_per_work=0,
        lora_rank=2,
    )
    monkeypatch.setitem(registry.REGISTRY, TINY, spec)
    monkeypatch.setenv("BASE_MODEL", TINY)
    for cached in (
        worker_api.worker_settings,
        render_images.worker_api,
        render_images.renderer_for,
        train_style.worker_api,
    ):
        cached.cache_clear()
    yield TINY
    render_images.worker_api.cache_clear()
    train_style.worker_api.cache_clear()
