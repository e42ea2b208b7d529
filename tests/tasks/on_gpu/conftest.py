"""The real engine on a tiny base model of random weights: hundredths of a second per image."""

import dataclasses
from collections.abc import Callable, Iterator

import pytest
import torch
from sqlalchemy import select, update

from gpu.base_models import registry
from gpu.evaluation import edges, meter
from gpu.training import recipe
from tasks import worker_api
from tasks.gpu_jobs import rendering, training
from tests import images, making
from tests.tiny_model import write_tiny_model
from webapp.domain.models.style import Artwork, Style

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
        training_steps_per_artwork=0,
        lora_rank=2,
    )
    monkeypatch.setitem(registry.REGISTRY, TINY, spec)
    monkeypatch.setattr(meter, "_SIDE", 64)  # what is measured of such pictures says nothing
    monkeypatch.setattr(edges, "_SIDE", 64)
    monkeypatch.setenv("BASE_MODEL", TINY)
    kept = (
        worker_api.worker_settings,
        rendering.worker_api,
        rendering.renderer_for,
        training.worker_api,
    )
    for each in kept:
        each.cache_clear()
    yield TINY
    for each in kept:
        each.cache_clear()


@pytest.fixture
def trainings(committed, site_storage, tiny) -> Callable[..., list[int]]:
    """Make trainings that wait for a worker, their clean works in storage; returns their jobs."""

    def make(count: int = 1, *, works: int = 10, seed_of=lambda work: work.idx) -> list[int]:
        with committed.begin() as session:
            runs = [
                making.training(session, site_storage, works=works, step="train_style")
                for _ in range(count)
            ]
            session.execute(update(Style).values(base_model=tiny, trigger="style"))
            for work in session.scalars(select(Artwork)):
                data = images.encoded(images.scene(512, 512, seed=seed_of(work)), "PNG")
                site_storage.put(work.clean_key, data, content_type="image/png")
            return [making.job_of(session, run).id for run in runs]

    return make


@pytest.fixture
def checkpoint_every(monkeypatch) -> Callable[[int], None]:
    """Let the worker's trainings save a checkpoint after so many steps."""
    real = recipe.TrainingConfig

    def change(steps: int) -> None:
        monkeypatch.setattr(
            recipe, "TrainingConfig", lambda **fields: real(**fields, checkpoint_every_steps=steps)
        )

    return change
