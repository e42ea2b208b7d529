"""One training: cache the dataset, run training steps, checkpoint, sample, write the style file."""

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
from gpu.errors import Stopped, TrainingDiverged, UnusableArtwork
from gpu.randomness import named_seed
from gpu.training.batch_trainer import TrainableAdapter, TrainStep
from gpu.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from gpu.training.dataset import Dataset, cache_dataset, encode_artworks
from gpu.training.diffusion import NoisyBatch, Objective
from gpu.training.held_out import HeldOut
from gpu.training.recipe import (
    CheckpointFiles,
    Recipe,
    TrainedStyle,
    TrainingCheckpoint,
    TrainingConfig,
    TrainingRequest,
    decide_recipe,
)
from gpu.training.reporting import ProgressReporter
from gpu.training.samples import SampleRequest, choose_sample_prompts, save_samples
from gpu.training.schedule import Row, learning_rate_at, plan_steps, should_stop_early
from gpu.training.style_file import check_finite, style_metadata, write_style

# A training step is answered with its loss, still on the device; a sample request with pictures.
TrainingGenerator = Generator[TrainStep | SampleRequest, Any, TrainedStyle | TrainingCheckpoint]
_LOSS_WINDOW = 20  # reports average the last losses, because that of one small batch is noisy


def start_training(request: TrainingRequest, base: BaseModel) -> TrainingGenerator:
    """A training as a generator: yields steps and sample requests, receives their results.

    It returns the outcome. Raises what `train` raises, except `GpuOutOfMemory`.
    """
    started = time.monotonic()
    artworks, unusable = encode_artworks(request.config, base)
    usable = tuple(each.artwork for each in artworks)
    request = replace(request, config=replace(request.config, artworks=usable))
    recipe = decide_recipe(request.config, base.spec)
    dataset = cache_dataset(request.config, recipe, base, artworks)
    run = _Run(request, recipe, base, dataset)
    return (yield from run.generate(started=started, unusable=unusable))


def fingerprint(config: TrainingConfig, recipe: Recipe, base: BaseModel, data_sha256: str) -> str:
    """One hash of all that must be equal to resume from a checkpoint."""
    parts = [recipe.as_dict(), base.sha256, data_sha256, config.seed, config.trigger]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class _Run:
    """One training in this process, from its first step or from a checkpoint."""

    def __init__(
        self, request: TrainingRequest, recipe: Recipe, base: BaseModel, dataset: Dataset
    ) -> None:
        self._request, self._config = request, request.config
        self._recipe, self._base, self._dataset = recipe, base, dataset
        self._plan = plan_steps(dataset, recipe, self._config.seed)
        self._objective = Objective.of(
            base, min_snr_gamma=recipe.min_snr_gamma, noise_offset=recipe.noise_offset
        )
        self._held_out = HeldOut.of(dataset, self._objective, self._config.seed, base.device)
        self._trainable = TrainableAdapter(
            base, recipe, seed=named_seed(self._config.seed, "adapter")
        )
        self._prompts = choose_sample_prompts(self._config)
        self._state = self._first_state()
        self._seconds_before = self._state.seconds
        self._pending_losses: list[torch.Tensor] = []
        self._base_samples: list[Path] = []

    def generate(
        self, *, started: float, unusable: tuple[UnusableArtwork, ...]
    ) -> TrainingGenerator:
        """Yield steps and sample requests until done, stopped, or at the end of the slice."""
        recipe, state = self._recipe, self._state
        if not state.held_out:
            state.held_out.append((0, self._measure()))
        reporter = ProgressReporter(
            self._request.on_progress,
            recipe,
            len(self._dataset.training),
            started=started,
            slice_seconds=self._config.slice_seconds,
            unusable_artworks=unusable,
        )
        self._report(reporter)  # encoding the dataset may have taken long: report step 0
        if self._config.base_samples:
            request = SampleRequest.of_base(self._prompts, seed=self._config.seed)
            pictures = yield request
            self._base_samples = save_samples(pictures, self._config.output_dir / "samples", 0)
        is_done = self._is_done()
        while not is_done:
            if self._request.should_stop():
                raise Stopped("training was stopped")
            rate = learning_rate_at(state.step, recipe)
            loss = yield TrainStep(self._trainable, self._batch(state.step), rate)
            self._pending_losses.append(loss)
            state.step += 1
            reporter.step_done(state.step)
            self._check_divergence()
            if state.step % recipe.checkpoint_every_steps and state.step < recipe.steps:
                if reporter.is_due():
                    self._report(reporter)
                continue
            path = self._checkpoint(reporter, (yield self._sample_request()))
            is_done = self._is_done()
            if not is_done and self._slice_is_over(reporter):
                return TrainingCheckpoint(path, state.step)
        return self._finish(reporter)

    def _first_state(self) -> TrainingState:
        config = self._config
        run_fingerprint = fingerprint(config, self._recipe, self._base, self._dataset.data_sha256)
        if config.resume_from is None:
            return TrainingState(run_fingerprint)
        state = load_checkpoint(
            config.resume_from,
            run_fingerprint,
            self._trainable.weights,
            self._trainable.optimizer,
        )
        self._trainable.micro_batch = state.micro_batch
        self._trainable.scaler.load_state_dict(state.scaler)
        return state

    def _batch(self, step: int) -> NoisyBatch:
        rows: tuple[Row, ...] = self._plan[step]
        artworks = self._dataset.training
        latents = torch.stack([artworks[row.artwork].latents[row.view] for row in rows])
        text = self._dataset.captions.encoded[[row.caption_row for row in rows]]
        return self._objective.draw(latents, text, (self._config.seed, "noise", step))

    def _measure(self) -> float:
        loss = self._held_out.measure(
            self._base, self._trainable.adapter, self._trainable.micro_batch
        )
        if not math.isfinite(loss):
            raise TrainingDiverged(f"the held-out loss is {loss} after step {self._state.step}")
        return loss

    def _check_divergence(self) -> None:
        """Raise `TrainingDiverged` when the loss of the last step is not finite.

        On a GPU it is read one step later, so that the CPU does not wait for the device.
        `_read_losses` checks all of them before anything is saved.
        """
        delay = 0 if self._base.device.type == "cpu" else 1
        if len(self._pending_losses) > delay:
            step = self._state.step - delay
            self._check_finite(float(self._pending_losses[-1 - delay]), step)

    def _check_finite(self, loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise TrainingDiverged(f"the loss of step {step} is {loss}")

    def _read_losses(self) -> float | None:
        """Fetch the pending losses from the device and average the last ones."""
        if self._pending_losses:
            losses = torch.stack(self._pending_losses).tolist()
            for step, loss in enumerate(losses, self._state.step - len(losses) + 1):
                self._check_finite(loss, step)
            self._state.losses.extend(losses)
            self._pending_losses.clear()
        recent = self._state.losses[-_LOSS_WINDOW:]
        return sum(recent) / len(recent) if recent else None

    def _report(self, reporter: ProgressReporter) -> None:
        reporter.report(
            self._state.step,
            loss=self._read_losses(),
            held_out_loss=self._state.held_out[-1][1],
        )

    def _sample_request(self) -> SampleRequest:
        config = self._config
        return SampleRequest.of(
            self._base,
            self._trainable.adapter,
            self._prompts,
            trigger=config.trigger,
            seed=config.seed,
        )

    def _checkpoint(self, reporter: ProgressReporter, pictures: Sequence[Image.Image]) -> Path:
        """Measure the held-out loss, save the checkpoint and its samples, and report."""
        state, output = self._state, self._config.output_dir
        loss = self._read_losses()
        state.held_out.append((state.step, self._measure()))
        check_finite(self._trainable.weights)
        samples = save_samples(pictures, output / "samples", state.step)
        state.samples.extend(path.name for path in samples)
        state.seconds = self._seconds_before + reporter.elapsed
        state.micro_batch = self._trainable.micro_batch
        state.scaler = self._trainable.scaler.state_dict()
        path = save_checkpoint(
            output / "checkpoints", state, self._trainable.weights, self._trainable.optimizer
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

    def _slice_is_over(self, reporter: ProgressReporter) -> bool:
        limit = self._config.slice_seconds
        return limit is not None and reporter.elapsed >= limit

    def _files(self, samples: list[Path]) -> CheckpointFiles:
        path = self._config.output_dir / "styles" / f"step_{self._state.step:06d}.safetensors"
        return CheckpointFiles(path, self._write(path), tuple(samples), tuple(self._base_samples))

    def _write(self, path: Path) -> str:
        """Write the current adapter as a style file; returns its sha256."""
        config = self._config
        metadata = style_metadata(
            self._base,
            self._recipe,
            trigger=config.trigger,
            data_sha256=self._dataset.data_sha256,
            extra=config.metadata,
        )
        bits = config.significant_bits
        return write_style(path, self._trainable.weights, metadata, significant_bits=bits)

    def _finish(self, reporter: ProgressReporter) -> TrainedStyle:
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
            sample_paths=self._local_samples(),
            steps=state.step,
            epochs=reporter.epoch_at(state.step),
            seconds=self._seconds_before + reporter.elapsed,
            final_loss=float("nan") if final_loss is None else final_loss,
            held_out_loss=state.held_out[-1][1],
        )

    def _local_samples(self) -> tuple[Path, ...]:
        """The samples on this machine; earlier slices may have run on another one."""
        folder = self._config.output_dir / "samples"
        return tuple(path for name in self._state.samples if (path := folder / name).is_file())
