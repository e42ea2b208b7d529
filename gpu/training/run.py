"""One training: cache once, learn in steps, checkpoint, measure, draw samples, write one file."""

import hashlib
import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gpu.base_models.model import BaseModel
from gpu.errors import Stopped
from gpu.randomness import named_seed
from gpu.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from gpu.training.dataset import Dataset, cache_dataset
from gpu.training.diffusion import NoisyBatch, Objective
from gpu.training.held_out import HeldOut
from gpu.training.learner import Learner, Lesson
from gpu.training.recipe import (
    Recipe,
    TrainedStyle,
    TrainingCheckpoint,
    TrainingConfig,
    TrainingOrder,
    decide_recipe,
)
from gpu.training.reporting import Reporter
from gpu.training.samples import Drawing, choose_sample_prompts, save_samples
from gpu.training.schedule import Row, learning_rate_at, plan_steps, should_stop_early
from gpu.training.style_file import style_metadata, write_style

# A lesson is answered with its loss, still on the device; a drawing with its pictures.
Turns = Generator[Lesson | Drawing, Any, TrainedStyle | TrainingCheckpoint]
_LOSS_WINDOW = 20  # the loss of one small batch says little; reports give a mean of the last ones


def begin_training(order: TrainingOrder, base: BaseModel) -> Turns:
    """A training turn by turn: it yields what to learn or draw, is sent it, and returns its end.

    Raises what `train` raises, but for memory.
    """
    recipe = decide_recipe(order.config, base.spec)
    dataset = cache_dataset(order.config, recipe, base)
    return (yield from _Run(order, recipe, base, dataset).turns())


def fingerprint(config: TrainingConfig, recipe: Recipe, base: BaseModel, data_sha256: str) -> str:
    """What must be equal for a checkpoint to be continued."""
    parts = [recipe.as_dict(), base.sha256, data_sha256, config.seed, config.trigger]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class _Run:
    """One training in this process, from its first step or from a checkpoint."""

    def __init__(
        self, order: TrainingOrder, recipe: Recipe, base: BaseModel, dataset: Dataset
    ) -> None:
        self._order, self._config = order, order.config
        self._recipe, self._base, self._dataset = recipe, base, dataset
        self._plan = plan_steps(dataset, recipe, self._config.seed)
        self._objective = Objective.of(
            base, min_snr_gamma=recipe.min_snr_gamma, noise_offset=recipe.noise_offset
        )
        self._held_out = HeldOut.of(dataset, self._objective, self._config.seed, base.device)
        self._learner = Learner(base, recipe, seed=named_seed(self._config.seed, "adapter"))
        self._prompts = choose_sample_prompts(self._config)
        self._state = self._first_state()
        self._seconds_before = self._state.seconds
        self._unread: list[torch.Tensor] = []

    def turns(self) -> Turns:
        """Lessons and drawings until done, stopped, or out of time for this slice."""
        recipe, state = self._recipe, self._state
        reporter = Reporter(
            self._order.on_progress, recipe, len(self._dataset.training), state.step
        )
        if not state.held_out:
            state.held_out.append((0, self._measure()))
        self._report(reporter)  # caching may have taken a while: say that learning begins
        is_done = self._is_done()
        while not is_done:
            if self._order.should_stop():
                raise Stopped("training was stopped")
            rate = learning_rate_at(state.step, recipe)
            self._unread.append((yield Lesson(self._learner, self._batch(state.step), rate)))
            state.step += 1
            if state.step % recipe.checkpoint_every_steps and state.step < recipe.steps:
                if reporter.is_due():
                    self._report(reporter)
                continue
            path = self._checkpoint(reporter, (yield self._drawing()))
            is_done = self._is_done()
            if not is_done and self._slice_is_over(reporter):
                return TrainingCheckpoint(path, state.step)
        return self._finish(reporter)

    def _first_state(self) -> TrainingState:
        config = self._config
        mark = fingerprint(config, self._recipe, self._base, self._dataset.data_sha256)
        if config.resume_from is None:
            return TrainingState(mark)
        state = load_checkpoint(
            config.resume_from, mark, self._learner.weights, self._learner.optimizer
        )
        self._learner.micro_batch = state.micro_batch
        self._learner.scaler.load_state_dict(state.scaler)
        return state

    def _batch(self, step: int) -> NoisyBatch:
        rows: tuple[Row, ...] = self._plan[step]
        works = self._dataset.training
        latents = torch.stack([works[row.work].latents[row.view] for row in rows])
        text = self._dataset.captions.encoded[[row.caption_row for row in rows]]
        return self._objective.draw(latents, text, (self._config.seed, "noise", step))

    def _measure(self) -> float:
        return self._held_out.measure(self._base, self._learner.adapter, self._learner.micro_batch)

    def _read_losses(self) -> float | None:
        """Fetch the losses still on the device, and average the last ones."""
        if self._unread:
            self._state.losses.extend(torch.stack(self._unread).tolist())
            self._unread.clear()
        recent = self._state.losses[-_LOSS_WINDOW:]
        return sum(recent) / len(recent) if recent else None

    def _report(self, reporter: Reporter) -> None:
        reporter.report(
            self._state.step,
            loss=self._read_losses(),
            held_out_loss=self._state.held_out[-1][1],
        )

    def _drawing(self) -> Drawing:
        config = self._config
        return Drawing.of(
            self._base,
            self._learner.adapter,
            self._prompts,
            trigger=config.trigger,
            seed=config.seed,
        )

    def _checkpoint(self, reporter: Reporter, pictures: Sequence[Image.Image]) -> Path:
        """Measure, save, and tell."""
        state, output = self._state, self._config.output_dir
        loss = self._read_losses()
        state.held_out.append((state.step, self._measure()))
        samples = save_samples(pictures, output / "samples", state.step)
        state.samples.extend(path.name for path in samples)
        state.seconds = self._seconds_before + reporter.elapsed
        state.micro_batch = self._learner.micro_batch
        state.scaler = self._learner.scaler.state_dict()
        path = save_checkpoint(
            output / "checkpoints", state, self._learner.weights, self._learner.optimizer
        )
        reporter.report(
            state.step,
            loss=loss,
            held_out_loss=state.held_out[-1][1],
            new_sample_paths=tuple(samples),
            checkpoint_path=path,
            is_last=self._is_done(),
        )
        return path

    def _is_done(self) -> bool:
        if self._state.step >= self._recipe.steps:
            return True
        at_boundary = self._state.step % self._recipe.checkpoint_every_steps == 0
        return at_boundary and should_stop_early(self._state.held_out, self._recipe)

    def _slice_is_over(self, reporter: Reporter) -> bool:
        allowed = self._config.slice_seconds
        return allowed is not None and reporter.elapsed >= allowed

    def _finish(self, reporter: Reporter) -> TrainedStyle:
        config, state = self._config, self._state
        metadata = style_metadata(
            self._base,
            self._recipe,
            trigger=config.trigger,
            data_sha256=self._dataset.data_sha256,
            extra=config.metadata,
        )
        path = config.output_dir / "style.safetensors"
        sha256 = write_style(
            path, self._learner.weights, metadata, significant_bits=config.significant_bits
        )
        final_loss = self._read_losses()
        return TrainedStyle(
            adapter_path=path,
            adapter_sha256=sha256,
            loss_history=tuple(state.losses),
            held_out_history=tuple(state.held_out),
            sample_paths=self._samples_here(),
            steps=state.step,
            epochs=reporter.epoch_at(state.step),
            seconds=self._seconds_before + reporter.elapsed,
            final_loss=float("nan") if final_loss is None else final_loss,
            held_out_loss=state.held_out[-1][1],
        )

    def _samples_here(self) -> tuple[Path, ...]:
        """All samples on this machine; those of earlier slices may have been drawn elsewhere."""
        folder = self._config.output_dir / "samples"
        return tuple(path for name in self._state.samples if (path := folder / name).is_file())
