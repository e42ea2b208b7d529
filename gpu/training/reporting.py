"""Telling the caller how far a training is, often enough to watch and not more."""

import time
from collections.abc import Callable
from pathlib import Path

from gpu.errors import UnusableWork
from gpu.training.recipe import CheckpointFiles, Recipe, TrainingProgress

_SECONDS_BETWEEN = 1.0
_STEADY = 20  # steps after which those before the checkpoint no longer count


class Pace:
    """What steps and checkpoints take on this machine, and so what the rest will.

    A checkpoint costs time of its own: samples are drawn, the held-out loss is measured, files are
    stored, and the other trainings of the batch do the same. All of that is waited for before the
    next step ends, so it is measured from the end of the first step of one checkpoint's steps to
    the end of the first step of the next one's.
    """

    def __init__(self, recipe: Recipe, *, clock: Callable[[], float]) -> None:
        self._recipe = recipe
        self._clock = clock
        self._first: tuple[int, float] | None = None  # first step since a checkpoint, its end
        self._last = (0, 0.0)
        self._step_seconds: float | None = None
        self._step_seconds_before: float | None = None
        self._checkpoint_seconds: float | None = None
        self._own_seconds = 0.0

    def checkpoint_done(self) -> None:
        """Note that our own part of a checkpoint is done: all that the last one will take."""
        self._own_seconds = self._clock() - self._last[1]

    def step_done(self, step: int) -> None:
        """Note the end of a step."""
        now = self._clock()
        if self._first is None:
            self._first = (step, now)
        elif (step - 1) % self._recipe.checkpoint_every_steps == 0:
            first, ended = self._first
            steps = (step - first) * (self._step_seconds or 0.0)
            self._checkpoint_seconds = max(0.0, now - ended - steps)
            self._first, self._step_seconds_before = (step, now), self._step_seconds
        else:
            first, ended = self._first
            self._step_seconds = (now - ended) / (step - first)
        self._last = (step, now)

    def seconds_left(self) -> float | None:
        """Seconds to the last step with its checkpoint; None until a checkpoint was passed.

        Before that nothing is known of what checkpoints cost, which may be more than the steps.
        """
        step, ended = self._last
        if self._checkpoint_seconds is None or self._first is None:
            return None
        every = self._recipe.checkpoint_every_steps
        checkpoints = -(-self._recipe.steps // every) - (step - 1) // every
        rest = (self._recipe.steps - step) * self._usual_step() + self._own_seconds
        rest += (checkpoints - 1) * self._checkpoint_seconds
        return max(0.0, rest - (self._clock() - ended))

    def _usual_step(self) -> float:
        """Seconds of a step now; the first few after a checkpoint are held against those before."""
        measured = self._step_seconds or 0.0
        if self._step_seconds_before is None or self._first is None:
            return measured
        count = self._last[0] - self._first[0]
        before = max(0, _STEADY - count) / 2
        return (before * self._step_seconds_before + count * measured) / max(1, before + count)


class Reporter:
    """Makes progress reports, at most one per second except at checkpoints.

    `started` is when this slice began to read its works: each slice that follows does so again.
    """

    def __init__(
        self,
        on_progress: Callable[[TrainingProgress], None],
        recipe: Recipe,
        works: int,
        *,
        started: float,
        slice_seconds: float | None = None,
        unusable_works: tuple[UnusableWork, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_progress = on_progress
        self._total = recipe.steps
        self._batch_size = recipe.batch_size
        self._works = works
        self._clock = clock
        self._started = self._last = clock()
        self._preparing = self._started - started
        self._slice_seconds = slice_seconds
        self._unusable = unusable_works
        self._pace = Pace(recipe, clock=clock)

    @property
    def elapsed(self) -> float:
        """Seconds since this slice began to learn."""
        return self._clock() - self._started

    def epoch_at(self, step: int) -> int:
        """How many times every work has been seen, rounded up, after `step` steps."""
        return -(-step * self._batch_size // self._works)

    def is_due(self) -> bool:
        """Whether it is time for a report between checkpoints."""
        return self._clock() - self._last >= _SECONDS_BETWEEN

    def step_done(self, step: int) -> None:
        """Note the end of a step."""
        self._pace.step_done(step)

    def report(
        self,
        step: int,
        *,
        loss: float | None,
        held_out_loss: float | None,
        files: CheckpointFiles | None = None,
        new_sample_paths: tuple[Path, ...] = (),
        checkpoint_path: Path | None = None,
        is_last: bool = False,
    ) -> None:
        """Call back with what is known now."""
        self._last = self._clock()
        total = step if is_last else self._total
        self._on_progress(
            TrainingProgress(
                step=step,
                total_steps=total,
                epoch=self.epoch_at(step),
                total_epochs=self.epoch_at(total),
                percent=100.0 * step / total,
                estimated_seconds=0.0 if is_last else self._seconds_left(),
                loss=loss,
                held_out_loss=held_out_loss,
                files=files,
                new_sample_paths=new_sample_paths,
                checkpoint_path=checkpoint_path,
                unusable_works=self._unusable,
            )
        )
        if checkpoint_path is not None:
            self._pace.checkpoint_done()

    def _seconds_left(self) -> float | None:
        """Seconds left, with the preparation of the slices that are still to come."""
        left = self._pace.seconds_left()
        if left is None or not self._slice_seconds:
            return left
        return left + self._preparing * int((self.elapsed + left) / self._slice_seconds)
