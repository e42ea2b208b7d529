"""`make bench-engine`: training and rendering against how it is usually done, in one run.

Every comparison first asserts that both sides make the same thing, or that ours is no worse.
Figures go to var/bench/engine.json and a table, a picture of where the time goes to
var/bench/stages.png. `--smoke` measures little. `--base-model random-sd15` measures a network of a
real size with random weights, made at the first run: its pictures are noise, so what was learned is
not compared there, but that both sides draw the same is.
"""

import argparse
import dataclasses
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from gpu.base_models.lora import RowAdapter, apply_adapters
from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.base_models.registry import load_base_model
from gpu.device import pick_device
from gpu.pretrain.styles import Style, draw_artist_works
from gpu.rendering.adapters import AdapterCache
from gpu.rendering.renderer import RenderedImage, Renderer, RenderRequest
from gpu.training.batch_trainer import BatchTrainer, TrainableAdapter, TrainStep
from gpu.training.dataset import cache_dataset, encode_artworks, split_held_out
from gpu.training.diffusion import Objective
from gpu.training.held_out import HeldOut
from gpu.training.recipe import TrainingArtwork, TrainingConfig, decide_recipe
from gpu.training.schedule import learning_rate_at, plan_steps
from gpu.training.trainer import TrainingRequest, train, train_styles
from tests.bench.comparing import compare
from tests.bench.figures import record
from tests.bench.random_base import SIZES, random_base
from tests.bench.stages import draw_stages, rendering_stages, training_stages
from tests.bench.usual import ExampleTraining, MixedWorker, UsualWorker
from tests.random_style import write_random_style

STAGES_PICTURE = Path("var/bench/stages.png")
PHOTO_SIZE = (4000, 3000)  # what a phone or a scanner gives
TRIGGER = "<style-1>"
WORKS = 10


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    training_steps: int = 20
    joint_steps: int = 100
    joint_jobs: int = 4
    styles: int = 8
    pairs: int = 5


SMOKE = Sizes(training_steps=4, joint_steps=4, joint_jobs=2, styles=2, pairs=1)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a run of seconds, to see it work")
    parser.add_argument("--base-model", default="built-in", help=f"or {', '.join(SIZES)}")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="to fail where it is not there")
    arguments = parser.parse_args()
    sizes = SMOKE if arguments.smoke else Sizes()
    device = pick_device()
    if arguments.device and device.type != arguments.device:
        parser.error(
            f"the engine computes on {device.type} here (CUDA_VISIBLE_DEVICES= hides a GPU)"
        )
    name = arguments.base_model
    base = load_base_model(str(random_base(name, device)) if name in SIZES else name)
    console = Console()
    figures: dict[str, Any] = {
        "base_model": name,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "precision": str(base.dtype),
        "load_before": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(base, sizes, Path(folder))
        for name, measure in bench.measurements.items():
            console.print(f"measuring {name} …")
            figures |= measure()
    figures["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures["load_after"] = os.getloadavg()[0]
    console.print(_table(figures))
    # figures of another base model stand beside those of the built-in one
    measured = figures if name == "built-in" else {name: figures}
    console.print(f"written to {record(measured)} and {STAGES_PICTURE}")


class Bench:
    """All measurements on one base model, with the photos and styles they share."""

    def __init__(self, base: BaseModel, sizes: Sizes, folder: Path) -> None:
        self._base, self._sizes, self._folder = base, sizes, folder
        self._photos = _write_photos(folder / "photos", count=WORKS)
        self._hashes: dict[int, str] = {}
        on_gpu = base.device.type == "cuda"
        self._finish: Callable[[], None] = torch.cuda.synchronize if on_gpu else lambda: None
        self.measurements: dict[str, Callable[[], dict[str, Any]]] = {
            "training against the usual script": self._training,
            "trainings together against one after the other": self._joint_training,
            "mixed styles against the usual worker": self._mixed,
            "the change of a style": self._adapter_change,
            "one image": self._image,
            "one training": self._whole_training,
            "stage by stage": self._stages,
        }

    def _config(self, name: str, *, seed: int, steps: int | None = None) -> TrainingConfig:
        return TrainingConfig(
            base_model=self._base.spec.name,
            artworks=tuple(TrainingArtwork(path, tags) for path, tags in self._photos),
            trigger=TRIGGER,
            output_dir=self._folder / name,
            seed=seed,
            steps=steps,
            checkpoint_every_steps=50 if steps is None else min(50, steps),
        )

    def _training(self) -> dict[str, Any]:
        """Steps per second once photos are cached, and held-out loss after the same steps."""
        base, steps = self._base, self._sizes.training_steps
        config = self._config("single", seed=1, steps=steps * (self._sizes.pairs + 1))
        recipe = decide_recipe(config, base.spec)
        began = time.perf_counter()
        dataset = cache_dataset(config, recipe, base, encode_artworks(config, base)[0])
        caching = time.perf_counter() - began
        objective = Objective.of(base, min_snr_gamma=recipe.min_snr_gamma, noise_offset=0.0)
        held_out = HeldOut.of(dataset, objective, config.seed, base.device)
        trainable, trainer = TrainableAdapter(base, recipe, seed=1), BatchTrainer()
        before = held_out.measure(base, trainable.adapter, recipe.batch_size)
        nothing = torch.cat([each.target.square().mean(dim=(1, 2, 3)) * each.weights
                             for each in held_out.batches])  # fmt: skip
        plan, done = plan_steps(dataset, recipe, config.seed), 0

        def ours() -> None:
            nonlocal done
            for _ in range(steps):
                rows = plan[done % len(plan)]
                latents = torch.stack(
                    [dataset.training[row.work].latents[row.view] for row in rows]
                )
                text = dataset.captions.encoded[[row.caption_row for row in rows]]
                batch = objective.draw(latents, text, (1, "noise", done))
                rate = learning_rate_at(done, recipe)
                (loss,) = trainer.run([TrainStep(trainable, batch, rate)])
                done += 1
            float(loss)  # what is still being computed counts

        seen, _ = split_held_out(len(self._photos), recipe.held_out_share, config.seed)
        photos = [
            (path, compose_prompt(TRIGGER, tags))
            for path, tags in map(self._photos.__getitem__, seen)
        ]
        example = ExampleTraining(base, photos, batch_size=recipe.batch_size, rank=recipe.rank)

        def theirs() -> None:
            for _ in range(steps):
                example.step()

        result = compare(ours, theirs, pairs=self._sizes.pairs, finish=self._finish)
        ours_loss = held_out.measure(base, trainable.adapter, recipe.batch_size)
        theirs_loss = float(torch.cat([example.losses(batch) for batch in held_out.batches]).mean())
        if before < float(nothing.mean()):  # random weights know less than nothing, and learn none
            assert ours_loss <= theirs_loss, "faster, but it learned less"
        whole = base.spec.steps_for(WORKS) / steps
        with_caching = whole * median(result.theirs) / (whole * median(result.ours) + caching)
        return {
            "training_speedup": round(result.ratio, 3),
            "training": {
                **result.as_dict(),
                "steps_per_run": steps,
                "steps_per_second": round(steps / median(result.ours), 3),
                "example_steps_per_second": round(steps / median(result.theirs), 3),
                "memory_mib": self._memory(ours),
                "example_memory_mib": self._memory(theirs),
                "caching_seconds": round(caching, 3),
                "ratio_of_a_whole_training": round(with_caching, 3),
                "held_out_loss": round(ours_loss, 5),
                "example_held_out_loss": round(theirs_loss, 5),
            },
        }

    def _joint_training(self) -> dict[str, Any]:
        """Whole trainings with their caching, measuring, samples and files."""
        jobs = range(self._sizes.joint_jobs)
        learned: dict[str, list[Any]] = {}

        def orders(name: str) -> list[TrainingRequest]:
            steps = self._sizes.joint_steps
            return [
                TrainingRequest(
                    self._config(f"{name}-{job}", seed=job, steps=steps), _ignore, lambda: False
                )
                for job in jobs
            ]

        def together() -> None:
            learned["together"] = train_styles(orders("together"))

        def alone() -> None:
            learned["alone"] = [train_styles([order])[0] for order in orders("alone")]

        pairs = max(1, self._sizes.pairs // 2)
        result = compare(together, alone, pairs=pairs, finish=self._finish)
        # sums of a larger batch are rounded otherwise, more so in half precision
        tolerance = 0.02 if self._base.dtype == torch.float32 else 0.1
        for one, other in zip(*learned.values(), strict=True):
            assert np.allclose(one.loss_history, other.loss_history, rtol=tolerance), "not the same"
        return {
            "joint_training_speedup": round(result.ratio, 3),
            "joint_training": {**result.as_dict(), "jobs": len(jobs)},
        }

    def _mixed(self) -> dict[str, Any]:
        """Images of different styles in one batch, against every other way to draw them."""
        renderer = Renderer(self._base, max_batch=self._sizes.styles)
        mixed = [self._request(k, style=k) for k in range(self._sizes.styles)]
        single = [self._request(k, style=0) for k in range(self._sizes.styles)]
        self._assert_same_pictures([dataclasses.replace(one, style_strength=2.0) for one in mixed])
        switching, loading = UsualWorker(self._base), UsualWorker(self._base)
        together = MixedWorker(self._base)
        for request in mixed:
            switching.load(request)
            together.load(request)

        def load_each() -> None:
            for request in mixed:
                loading.load(request)
                loading.render(request)
                loading.unload()

        opponents: dict[str, Callable[[], object]] = {
            "peft_mixed_batch": lambda: together.render_together(mixed),
            "switching": lambda: [switching.render(each) for each in mixed],
            "loading": load_each,
            "one_style": lambda: renderer.render(single),
        }

        def ours() -> None:
            renderer.render(mixed)

        results = {
            name: compare(ours, theirs, pairs=self._sizes.pairs, finish=self._finish)
            for name, theirs in opponents.items()
        }
        seconds = median([each for result in results.values() for each in result.ours])
        return {
            "mixed_speedup": round(results["switching"].ratio, 3),
            "mixed_vs_peft_mixed_batch": round(results["peft_mixed_batch"].ratio, 3),
            "mixed_vs_load": round(results["loading"].ratio, 3),
            "mixed_vs_single_style": round(results["one_style"].ratio, 3),
            "images_per_minute": round(60 * len(mixed) / seconds, 1),
            "mixed": {
                "styles": len(mixed),
                "memory_mib": self._memory(ours),
                **{
                    f"against_{name}": {
                        **results[name].as_dict(),
                        "images_per_minute": round(
                            60 * len(mixed) / median(results[name].theirs), 1
                        ),
                        "memory_mib": self._memory(theirs),
                    }
                    for name, theirs in opponents.items()
                },
            },
        }

    def _assert_same_pictures(self, requests: Sequence[RenderRequest]) -> None:
        """Ours, a switch per request and PEFT's mixed batch draw the same.

        In fp32: in half precision the pipeline of diffusers rounds its latents and we do not.
        """
        exact = self._base
        if exact.dtype != torch.float32:
            exact = load_base_model(exact.spec.name, dtype=torch.float32)
        switching, together = UsualWorker(exact), MixedWorker(exact)
        for request in requests:
            switching.load(request)
            together.load(request)
        renderer = Renderer(exact, max_batch=len(requests))
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            bare = [dataclasses.replace(request, style_strength=0.0) for request in requests]
            outcomes, plain = renderer.render(requests), renderer.render(bare)
            mixed = together.render_together(requests)
            for request, ours, base, one in zip(requests, outcomes, plain, mixed, strict=True):
                assert isinstance(ours, RenderedImage), ours
                assert isinstance(base, RenderedImage), base
                effect = _distance(ours.image, base.image)
                assert effect > 0, "the style changes nothing"
                for theirs in (one, switching.render(request)):
                    assert _distance(ours.image, theirs) < min(1, 0.2 * effect), "another image"

    def _memory(self, work: Callable[[], object]) -> int | None:
        """The most MiB of the GPU's memory that some work holds; a CPU's are not told apart."""
        if self._base.device.type != "cuda":
            return None
        torch.cuda.reset_peak_memory_stats()
        work()
        return torch.cuda.max_memory_allocated() // 2**20

    def _adapter_change(self) -> dict[str, Any]:
        """Milliseconds until a style is worn: from its file, and from memory."""
        cold, warm = [], []
        for style in range(self._sizes.styles):
            request, memory = self._request(0, style=style), AdapterCache()
            for seconds in (cold, warm):
                began = time.perf_counter()
                adapter = memory.get(request.adapter_path, request.adapter_sha256, self._base)
                with apply_adapters(self._base.unet, [RowAdapter(adapter.tensors, 1.0)] * 2):
                    self._finish()
                    seconds.append(time.perf_counter() - began)
        return {
            "adapter_change_ms": round(1000 * median(warm), 3),
            "adapter_change": {
                "warm_ms": round(1000 * median(warm), 3),
                "cold_ms": round(1000 * median(cold), 3),
            },
        }

    def _image(self) -> dict[str, Any]:
        renderer, request = Renderer(self._base), self._request(0, style=0)
        seconds = []
        for _ in range(self._sizes.pairs + 1):
            began = time.perf_counter()
            renderer.render([request])
            seconds.append(time.perf_counter() - began)
        return {f"image_seconds_{self._base.native_side}": round(median(seconds[1:]), 3)}

    def _whole_training(self) -> dict[str, Any]:
        """A whole training of ten photos by the base model's own recipe."""
        steps = self._sizes.joint_steps if self._sizes is SMOKE else None
        config = self._config("whole", seed=1, steps=steps)
        began = time.perf_counter()
        train(config, on_progress=_ignore, should_stop=lambda: False)
        return {f"train_seconds_{WORKS}": round(time.perf_counter() - began, 1)}

    def _stages(self) -> dict[str, Any]:
        """Where the time goes; measuring it takes a little itself."""
        renderer, request = Renderer(self._base), self._request(0, style=0)
        config = self._config("stages", seed=1, steps=self._sizes.joint_steps)
        stages = {
            "One image": rendering_stages(lambda: renderer.render([request])),
            f"A training of {config.steps} steps": training_stages(
                lambda: train(config, on_progress=_ignore, should_stop=lambda: False)
            ),
        }
        draw_stages(STAGES_PICTURE, stages)
        return {
            "stages": {
                title: {label: round(spent, 3) for label, spent in seconds.items()}
                for title, seconds in stages.items()
            }
        }

    def _request(self, number: int, *, style: int) -> RenderRequest:
        path = self._folder / "styles" / f"{style}.safetensors"
        if style not in self._hashes:
            # speed does not depend on what was learned
            self._hashes[style] = write_random_style(path, self._base, trigger=TRIGGER, seed=style)
        return RenderRequest(
            request_id=str(number),
            adapter_path=path,
            adapter_sha256=self._hashes[style],
            trigger=TRIGGER,
            prompt_tags=("house", "meadow", "day"),
            # larger frames are drawn twice here, which no opponent does
            width=self._base.native_side,
            height=self._base.native_side,
            seed=number,
        )


def _write_photos(folder: Path, *, count: int) -> list[tuple[Path, tuple[str, ...]]]:
    """Works of an unseen style as large JPEG files."""
    folder.mkdir()
    photos = []
    for index, (image, tags) in enumerate(draw_artist_works(Style.SEPIA_INK, count, 1, (512, 512))):
        path = folder / f"{index}.jpg"
        image.resize(PHOTO_SIZE, Image.Resampling.BICUBIC).save(path, quality=90)
        photos.append((path, tags))
    return photos


def _table(figures: dict[str, Any]) -> Table:
    table = Table("figure", "value", title="Engine")
    for name, value in figures.items():
        if not isinstance(value, dict):
            table.add_row(name, str(value))
    return table


def _distance(one: Image.Image, other: Image.Image) -> float:
    """Mean difference in grey levels."""
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


def _ignore(_: object) -> None:
    pass


if __name__ == "__main__":
    main()
