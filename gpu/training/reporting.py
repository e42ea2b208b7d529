"""Telling the caller how far a training is, often enough to watch and not more."""

import time
from collections.abc import Callable
from pathlib import Path

from gpu.training.recipe import CheckpointFiles, Recipe, TrainingProgress

_SECONDS_BETWEEN = 1.0


class Reporter:
    """Makes progress reports, at most one per second except at checkpoints."""

    def __init__(
        self,
        on_progress: Callable[[TrainingProgress], None],
        recipe: Recipe,
        works: int,
        first_step: int,
    ) -> None:
        self._on_progress = on_progress
        self._total = recipe.steps
        self._batch_size = recipe.batch_size
        self._works = works
        self._first_step = first_step
        self._started = time.monotonic()
        self._last = self._started

    @property
    def elapsed(self) -> float:
        """Seconds since this slice began to learn."""
        return time.monotonic() - self._started

    def epoch_at(self, step: int) -> int:
        """How many times every work has been seen, rounded up, after `step` steps."""
        return -(-step * self._batch_size // self._works)

    def is_due(self) -> bool:
        """Whether it is time for a report between checkpoints."""
        return time.monotonic() - self._last >= _SECONDS_BETWEEN

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
        self._last = time.monotonic()
        total = step if is_last else self._total
        per_step = self.elapsed / max(1, step - self._first_step)
        self._on_progress(
            TrainingProgress(
                step=step,
                total_steps=total,
                epoch=self.epoch_at(step),
                total_epochs=self.epoch_at(total),
                percent=100.0 * step / total,
                estimated_seconds=per_step * (total - step),
                loss=loss,
                held_out_loss=held_out_loss,
                files=files,
                new_sample_paths=new_sample_paths,
                checkpoint_path=checkpoint_path,
            )
        )
