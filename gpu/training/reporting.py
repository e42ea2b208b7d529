"""Progress reports of a training, rate-limited, with the remaining time."""

import time
from collections.abc import Callable
from pathlib import Path

from gpu.errors import UnusableArtwork
from gpu.training.recipe import CheckpointFiles, Recipe, TrainingProgress

_SECONDS_BETWEEN = 1.0
_STEADY = 20  # steps after a checkpoint from which only their own duration counts


class TimeEstimate:
    """Estimates the remaining time from measured durations of steps and checkpoints.

    A checkpoint takes time: samples are rendered, the held-out loss is measured, files are stored,
    and the other trainings of the batch do the same. The next step ends after all of that, so a
    checkpoint's duration is measured between the ends of the first step after the checkpoint
    before it and of the first step after it, less the steps.
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
        """Record the end of this training's part of a checkpoint; the last takes no more."""
        self._own_seconds = self._clock() - self._last[1]

    def step_done(self, step: int) -> None:
        """Record the end of a step."""
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
        """Seconds to the end of the last checkpoint; `None` until one was measured.

        Checkpoints may take longer than all steps, so there is no estimate before.
        """
        step, ended = self._last
        if self._checkpoint_seconds is None or self._first is None:
            return None
        every = self._recipe.checkpoint_every_steps
        checkpoints = -(-self._recipe.steps // every) - (step - 1) // every
        rest = (self._recipe.steps - step) * self._mean_step_seconds() + self._own_seconds
        rest += (checkpoints - 1) * self._checkpoint_seconds
        return max(0.0, rest - (self._clock() - ended))

    def _mean_step_seconds(self) -> float:
        """Seconds per step; right after a checkpoint, weighted with the steps before it."""
        measured = self._step_seconds or 0.0
        if self._step_seconds_before is None or self._first is None:
            return measured
        count = self._last[0] - self._first[0]
        before = max(0, _STEADY - count) / 2
        return (before * self._step_seconds_before + count * measured) / max(1, before + count)


class ProgressReporter:
    """Sends progress reports.

    `started` is when this slice began to read its artworks; each following slice reads them again.
    """

    def __init__(
        self,
        on_progress: Callable[[TrainingProgress], None],
        recipe: Recipe,
        artworks: int,
        *,
        started: float,
        slice_seconds: float | None = None,
        unusable_artworks: tuple[UnusableArtwork, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_progress = on_progress
        self._total = recipe.steps
        self._batch_size = recipe.batch_size
        self._artworks = artworks
        self._clock = clock
        self._started = self._last = clock()
        self._preparation = self._started - started
        self._slice_seconds = slice_seconds
        self._unusable = unusable_artworks
        self._estimate = TimeEstimate(recipe, clock=clock)

    @property
    def elapsed(self) -> float:
        """Seconds since the first training step of this slice."""
        return self._clock() - self._started

    def epoch_at(self, step: int) -> int:
        """Epochs after `step` steps, rounded up."""
        return -(-step * self._batch_size // self._artworks)

    def is_due(self) -> bool:
        """Whether a report between checkpoints is due: at most one per second."""
        return self._clock() - self._last >= _SECONDS_BETWEEN

    def step_done(self, step: int) -> None:
        """Record the end of a step."""
        self._estimate.step_done(step)

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
        """Send a report."""
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
                unusable_artworks=self._unusable,
            )
        )
        if checkpoint_path is not None:
            self._estimate.checkpoint_done()

    def _seconds_left(self) -> float | None:
        """Remaining seconds, including the preparation of the following slices."""
        left = self._estimate.seconds_left()
        if left is None or not self._slice_seconds:
            return left
        return left + self._preparation * int((self.elapsed + left) / self._slice_seconds)
