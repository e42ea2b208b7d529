"""Training one style, or several on one base model at the same time.

Each training is a generator of training steps and sample requests with its own progress,
checkpoints, end and errors. The training steps of all run as one batch, and so do their samples.
Larger batches gain little on a CPU, so there the trainings are split into shards, one per core.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import replace
from itertools import repeat
from typing import Any

import torch

from gpu.base_models.model import BaseModel
from gpu.base_models.registry import load_base_model
from gpu.device import count_cores
from gpu.errors import EngineError
from gpu.training.batch_trainer import BatchTrainer, TrainStep
from gpu.training.recipe import (
    TrainedStyle,
    TrainingArtwork,
    TrainingCheckpoint,
    TrainingConfig,
    TrainingProgress,
    TrainingRequest,
)
from gpu.training.run import TrainingGenerator, start_training
from gpu.training.samples import SampleRequest, render_samples

__all__ = [
    "TrainedStyle",
    "TrainingArtwork",
    "TrainingCheckpoint",
    "TrainingConfig",
    "TrainingProgress",
    "TrainingRequest",
    "train",
    "train_styles",
]

Outcome = TrainedStyle | TrainingCheckpoint | EngineError


def train(
    config: TrainingConfig,
    *,
    on_progress: Callable[[TrainingProgress], None],
    should_stop: Callable[[], bool],
) -> TrainedStyle | TrainingCheckpoint:
    """Train one style on artworks, to the end or for one time slice.

    The same config on the same kind of device gives the same style, in one run or in slices.
    Raises `LowQualityData`, `ModelMissing`, `AdapterMismatch` (a damaged checkpoint or one of
    another training), `GpuOutOfMemory`, `TrainingDiverged`, and `Stopped` when `should_stop`
    returns true.
    """
    (outcome,) = train_styles([TrainingRequest(config, on_progress, should_stop)])
    if isinstance(outcome, EngineError):
        raise outcome
    return outcome


def train_styles(requests: Sequence[TrainingRequest], *, cores: int | None = None) -> list[Outcome]:
    """Train several styles on one base model; the outcomes are in the order of the requests.

    An `EngineError` of one training is its outcome, and the others continue; what a callback
    raises ends all. On a CPU the trainings are split over `cores`, by default all; callbacks run
    one at a time, but from any thread. Raises `ModelMissing` when there is no base model,
    `GpuOutOfMemory` when a single row does not fit, and `ValueError` for different base models.
    """
    names = {request.config.base_model for request in requests}
    if not names:
        return []
    if len(names) > 1:
        raise ValueError("trainings on different base models cannot share a batch")
    base = load_base_model(names.pop())
    if base.device.type != "cpu":
        return _train_shard(requests, base)
    cores = min(len(requests), cores or count_cores())
    return _train_on_cores(requests, base, cores) if cores > 1 else _train_shard(requests, base)


def _train_on_cores(
    requests: Sequence[TrainingRequest], base: BaseModel, cores: int
) -> list[Outcome]:
    """Split the trainings over `cores` threads; each thread trains its shard as one batch."""
    report_lock, is_over = threading.Lock(), threading.Event()

    def synchronized(request: TrainingRequest) -> TrainingRequest:
        def on_progress(progress: TrainingProgress) -> None:
            with report_lock:
                request.on_progress(progress)

        return replace(
            request,
            on_progress=on_progress,
            should_stop=lambda: is_over.is_set() or request.should_stop(),
        )

    def train_shard(shard: Sequence[TrainingRequest]) -> list[Outcome]:
        try:
            return _train_shard(shard, base.copy_for_thread())
        except BaseException:
            is_over.set()
            raise

    shards = [[synchronized(request) for request in requests[core::cores]] for core in range(cores)]
    contexts = [copy_context() for _ in shards]  # the threads log with the caller's context
    outcomes: list[Any] = [None] * len(requests)
    threads = torch.get_num_threads()
    per_core = max(1, threads // cores)
    try:
        with ThreadPoolExecutor(
            cores, initializer=torch.set_num_threads, initargs=(per_core,)
        ) as pool:
            try:
                results = pool.map(Context.run, contexts, repeat(train_shard), shards)
                for core, shard_outcomes in enumerate(results):
                    outcomes[core::cores] = shard_outcomes
            except BaseException:
                is_over.set()  # before the pool waits for the other threads
                raise
    finally:
        torch.set_num_threads(threads)  # a new thread starts with the value set last by any thread
    return outcomes


def _train_shard(requests: Sequence[TrainingRequest], base: BaseModel) -> list[Outcome]:
    """Compute the training steps of all trainings as one batch, and their samples as another."""
    outcomes: dict[int, Outcome] = {}
    running: dict[int, TrainingGenerator] = {}
    steps: dict[int, TrainStep] = {}
    samples: dict[int, SampleRequest] = {}

    def advance(index: int, result: Any = None) -> None:
        """Send a training the result it waits for; take its next request or its outcome."""
        try:
            request = running[index].send(result)
        except StopIteration as end:
            outcomes[index] = end.value
        except EngineError as error:
            outcomes[index] = error
        else:
            if isinstance(request, TrainStep):
                steps[index] = request
            else:
                samples[index] = request

    for index, request in enumerate(requests):
        running[index] = start_training(request, base)
        advance(index)
    trainer = BatchTrainer()
    while steps or samples:
        losses = dict(zip(steps, trainer.run(list(steps.values())), strict=True))
        pictures = dict(zip(samples, render_samples(base, list(samples.values())), strict=True))
        steps.clear()
        samples.clear()
        for index, result in (losses | pictures).items():
            advance(index, result)
    return [outcomes[index] for index in range(len(requests))]
