"""Training styles: one, or several that learn together.

Each training is a generator of lessons and drawings that keeps its own slot, pace, checkpoints, end
and failure; the lessons of all are computed as one batch, and their drawings as another. A CPU
gains little from larger batches, so there the trainings are shared out among the cores, each core
with a company and a batch of its own.
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
from gpu.training.learner import Classroom, Lesson
from gpu.training.recipe import (
    TrainedStyle,
    TrainingCheckpoint,
    TrainingConfig,
    TrainingOrder,
    TrainingProgress,
    TrainingWork,
)
from gpu.training.run import Turns, begin_training
from gpu.training.samples import Drawing, draw_together

__all__ = [
    "TrainedStyle",
    "TrainingCheckpoint",
    "TrainingConfig",
    "TrainingOrder",
    "TrainingProgress",
    "TrainingWork",
    "train",
    "train_together",
]

Outcome = TrainedStyle | TrainingCheckpoint | EngineError


def train(
    config: TrainingConfig,
    *,
    on_progress: Callable[[TrainingProgress], None],
    should_stop: Callable[[], bool],
) -> TrainedStyle | TrainingCheckpoint:
    """Learn a style from works, or a slice of it.

    The same config on the same kind of device gives the same style, in one go or in slices.
    Raises `LowQualityData`, `ModelMissing`, `AdapterMismatch` (a foreign or damaged checkpoint),
    `GpuOutOfMemory`, `TrainingDiverged`, and `Stopped` when `should_stop` says so.
    """
    (outcome,) = train_together([TrainingOrder(config, on_progress, should_stop)])
    if isinstance(outcome, EngineError):
        raise outcome
    return outcome


def train_together(orders: Sequence[TrainingOrder], *, cores: int | None = None) -> list[Outcome]:
    """Learn several styles on one base model at once; the answers are in the order asked.

    An engine's error of one training is its own answer, and the others go on; what a callback
    raises ends all. A CPU shares the trainings out among `cores`, all there are by default; reports
    still come one at a time, but from any thread. Raises `ModelMissing` when there is no base
    model, `GpuOutOfMemory` when not even one row fits, and `ValueError` for different base models.
    """
    names = {order.config.base_model for order in orders}
    if not names:
        return []
    if len(names) > 1:
        raise ValueError("trainings on different base models cannot learn together")
    base = load_base_model(names.pop())
    if base.device.type != "cpu":
        return _learn_as_one(orders, base)
    cores = min(len(orders), cores or count_cores())
    return _learn_on_cores(orders, base, cores) if cores > 1 else _learn_as_one(orders, base)


def _learn_on_cores(orders: Sequence[TrainingOrder], base: BaseModel, cores: int) -> list[Outcome]:
    """Share trainings out among as many threads, each a company by itself."""
    report, is_over = threading.Lock(), threading.Event()

    def in_turn(order: TrainingOrder) -> TrainingOrder:
        def on_progress(progress: TrainingProgress) -> None:
            with report:
                order.on_progress(progress)

        return replace(
            order,
            on_progress=on_progress,
            should_stop=lambda: is_over.is_set() or order.should_stop(),
        )

    def learn(company: Sequence[TrainingOrder]) -> list[Outcome]:
        try:
            return _learn_as_one(company, base.for_another_thread())
        except BaseException:
            is_over.set()
            raise

    companies = [[in_turn(order) for order in orders[core::cores]] for core in range(cores)]
    contexts = [copy_context() for _ in companies]  # what the caller's log lines say, ours say too
    outcomes: list[Any] = [None] * len(orders)
    threads = torch.get_num_threads()
    each = max(1, threads // cores)
    try:
        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(each,)) as pool:
            try:
                learning = pool.map(Context.run, contexts, repeat(learn), companies)
                for core, learned in enumerate(learning):
                    outcomes[core::cores] = learned
            except BaseException:
                is_over.set()  # before the pool waits for the others
                raise
    finally:
        torch.set_num_threads(threads)  # new threads begin with what any thread has set last
    return outcomes


def _learn_as_one(orders: Sequence[TrainingOrder], base: BaseModel) -> list[Outcome]:
    """Compute the lessons of all trainings as one batch, and their drawings as another."""
    outcomes: dict[int, Outcome] = {}
    running: dict[int, Turns] = {}
    lessons: dict[int, Lesson] = {}
    drawings: dict[int, Drawing] = {}

    def go_on(place: int, answer: Any = None) -> None:
        """Hand a training what it waited for, and take its next turn or its end."""
        try:
            turn = running[place].send(answer)
        except StopIteration as end:
            outcomes[place] = end.value
        except EngineError as error:
            outcomes[place] = error
        else:
            if isinstance(turn, Lesson):
                lessons[place] = turn
            else:
                drawings[place] = turn

    for place, order in enumerate(orders):
        running[place] = begin_training(order, base)
        go_on(place)
    classroom = Classroom()
    while lessons or drawings:
        learned = dict(zip(lessons, classroom.learn(list(lessons.values())), strict=True))
        drawn = dict(zip(drawings, draw_together(base, list(drawings.values())), strict=True))
        lessons.clear()
        drawings.clear()
        for place, answer in (learned | drawn).items():
            go_on(place, answer)
    return [outcomes[place] for place in range(len(orders))]
