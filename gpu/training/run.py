"""One training: cache once, learn in steps, checkpoint, measure, draw samples, write one file."""

import hashlib
import json
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gpu.base_models.model import BaseModel
from gpu.errors import Stopped, TrainingDiverged, UnusableWork
from gpu.randomness import named_seed
from gpu.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from gpu.training.dataset import Dataset, cache_dataset, encode_works
from gpu.training.diffusion import NoisyBatch, Objective
from gpu.training.held_out import HeldOut
from gpu.training.learner import Learner, Lesson
from gpu.training.recipe import (
    CheckpointFiles,
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
from gpu.training.style_file import refuse_non_finite, style_metadata, write_style

# A lesson is answered with its loss, still on the device; a drawing with its pictures.
Turns = Generator[Lesson | Drawing, Any, TrainedStyle | TrainingCheckpoint]
_LOSS_WINDOW = 20  # the loss of one small batch says little; reports give a mean of the last ones


def begin_training(order: TrainingOrder, base: BaseModel) -> Turns:
    """A training turn by turn: it yields what to learn or draw, is sent it, and returns its end.

    Raises what `train` raises, but for memory.
    """
    started = time.monotonic()
    works, unusable = encode_works(order.config, base)
    order = replace(order, config=replace(order.config, works=tuple(each.work for each in works)))
    recipe = decide_recipe(order.config, base.spec)
    dataset = cache_dataset(order.config, recipe, base, works)
    run = _Run(order, recipe, base, dataset)
    return (yield from run.turns(started=started, unusable=unusable))


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
        self._plain: list[Path] = []

    def turns(self, *, started: float, unusable: tuple[UnusableWork, ...]) -> Turns:
        """Lessons and drawings until done, stopped, or out of time for this slice."""
        recipe, state = self._recipe, self._state
        if not state.held_out:
            state.held_out.append((0, self._measure()))
        reporter = Reporter(
            self._order.on_progress,
            recipe,
            len(self._dataset.training),
            started=started,
            slice_seconds=self._config.slice_seconds,
            unusable_works=unusable,
        )
        self._report(reporter)  # caching may have taken a while: say that learning begins
        if self._config.plain_samples:
            drawing = Drawing.plain(self._prompts, seed=self._config.seed)
            self._plain = save_samples((yield drawing), self._config.output_dir / "samples", 0)
        is_done = self._is_done()
        while not is_done:
            if self._order.should_stop():
                raise Stopped("training was stopped")
            rate = learning_rate_at(state.step, recipe)
            self._unread.append((yield Lesson(self._learner, self._batch(state.step), rate)))
            state.step += 1
            reporter.step_done(state.step)
            self._refuse_divergence()
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
        loss = self._held_out.measure(self._base, self._learner.adapter, self._learner.micro_batch)
        if not math.isfinite(loss):
            raise TrainingDiverged(f"the held-out loss is {loss} after step {self._state.step}")
        return loss

    def _refuse_divergence(self) -> None:
        """Raise `TrainingDiverged` when the loss of the last step is no finite number.

        On a GPU it is read one step later: by then it is computed, and nobody waits for it. Before
        anything is saved, `_read_losses` looks at all of them.
        """
        behind = 0 if self._base.device.type == "cpu" else 1
        if len(self._unread) > behind:
            step = self._state.step - behind
            self._check_finite(float(self._unread[-1 - behind]), step)

    def _check_finite(self, loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise TrainingDiverged(f"the loss of step {step} is {loss}")

    def _read_losses(self) -> float | None:
        """Fetch the losses still on the device, and average the last ones."""
        if self._unread:
            losses = torch.stack(self._unread).tolist()
            for step, loss in enumerate(losses, self._state.step - len(losses) + 1):
                self._check_finite(loss, step)
            self._state.losses.extend(losses)
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
        refuse_non_finite(self._learner.weights)
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
            files=self._files(samples),
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

    def _files(self, samples: list[Path]) -> CheckpointFiles:
        path = self._config.output_dir / "styles" / f"step_{self._state.step:06d}.safetensors"
        return CheckpointFiles(path, self._write(path), tuple(samples), tuple(self._plain))

    def _write(self, path: Path) -> str:
        """Write the style as it is now; returns the sha256 of the file."""
        config = self._config
        metadata = style_metadata(
            self._base,
            self._recipe,
            trigger=config.trigger,
            data_sha256=self._dataset.data_sha256,
            extra=config.metadata,
        )
        bits = config.significant_bits
        return write_style(path, self._learner.weights, metadata, significant_bits=bits)

    def _finish(self, reporter: Reporter) -> TrainedStyle:
        state = self._state
        path = self._config.output_dir / "style.safetensors"
        sha256 = self._write(path)
        final_loss = self._read_losses()
        return TrainedStyle(
            adapter_path=path,
            adapter_sha256=sha256,
            base_model_sha256=self._base.sha256,
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
