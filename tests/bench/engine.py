"""`make bench-engine`: training and rendering against how it is usually done, in one run.

Every comparison first asserts that both sides make the same thing, or that ours is no worse.
Figures go to var/bench/engine.json and a table, a picture of where the time goes to
var/bench/stages.png. `--smoke` measures little.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from gpu.base_models.lora import RowAdapter, wearing
from gpu.base_models.model import BaseModel
from gpu.base_models.prompts import compose_prompt
from gpu.base_models.registry import load_base_model
from gpu.pretrain.styles import Style, draw_artist_works
from gpu.rendering.adapters import AdapterMemory
from gpu.rendering.renderer import RenderedImage, Renderer, RenderRequest
from gpu.training.dataset import cache_dataset, encode_works, split_held_out
from gpu.training.diffusion import Objective
from gpu.training.held_out import HeldOut
from gpu.training.learner import Classroom, Learner, Lesson
from gpu.training.recipe import TrainingConfig, TrainingWork, decide_recipe
from gpu.training.schedule import learning_rate_at, plan_steps
from gpu.training.trainer import TrainingOrder, train, train_together
from tests.bench.comparing import compare
from tests.bench.figures import record
from tests.bench.stages import draw_stages, rendering_stages, training_stages
from tests.bench.usual import ExampleTraining, UsualWorker
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
    side: int = 512


SMOKE = Sizes(training_steps=4, joint_steps=4, joint_jobs=2, styles=2, pairs=1)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a run of seconds, to see it work")
    parser.add_argument("--base-model", default="built-in")
    arguments = parser.parse_args()
    sizes = SMOKE if arguments.smoke else Sizes()
    base = load_base_model(arguments.base_model)
    console = Console()
    figures: dict[str, Any] = {"device": str(base.device), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(base, sizes, Path(folder))
        for name, measure in bench.measurements.items():
            console.print(f"measuring {name} …")
            figures |= measure()
    figures["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures["load_after"] = os.getloadavg()[0]
    console.print(_table(figures))
    console.print(f"written to {record(figures)} and {STAGES_PICTURE}")


class Bench:
    """All measurements on one base model, with the photos and styles they share."""

    def __init__(self, base: BaseModel, sizes: Sizes, folder: Path) -> None:
        self._base, self._sizes, self._folder = base, sizes, folder
        self._photos = _write_photos(folder / "photos", count=WORKS)
        self._hashes: dict[int, str] = {}
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
            works=tuple(TrainingWork(path, tags) for path, tags in self._photos),
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
        dataset = cache_dataset(config, recipe, base, encode_works(config, base)[0])
        caching = time.perf_counter() - began
        objective = Objective.of(base, min_snr_gamma=recipe.min_snr_gamma, noise_offset=0.0)
        held_out = HeldOut.of(dataset, objective, config.seed, base.device)
        learner, classroom = Learner(base, recipe, seed=1), Classroom()
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
                (loss,) = classroom.learn([Lesson(learner, batch, rate)])
                done += 1
            float(loss)  # what is still being computed counts

        seen, _ = split_held_out(len(self._photos), recipe.held_out_share, config.seed)
        photos = [
            (path, compose_prompt(TRIGGER, tags))
            for path, tags in map(self._photos.__getitem__, seen)
        ]
        example = ExampleTraining(base, photos, batch_size=recipe.batch_size, rank=recipe.rank)
        result = compare(
            ours, lambda: [example.step() for _ in range(steps)], pairs=self._sizes.pairs
        )
        ours_loss = held_out.measure(base, learner.adapter, recipe.batch_size)
        theirs_loss = float(torch.cat([example.losses(batch) for batch in held_out.batches]).mean())
        assert ours_loss <= theirs_loss, "faster, but it learned less"
        whole = base.spec.steps_for(WORKS) / steps
        with_caching = whole * median(result.theirs) / (whole * median(result.ours) + caching)
        return {
            "training_speedup": round(result.ratio, 3),
            "training": {
                **result.as_dict(),
                "steps_per_run": steps,
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

        def orders(name: str) -> list[TrainingOrder]:
            steps = self._sizes.joint_steps
            return [
                TrainingOrder(
                    self._config(f"{name}-{job}", seed=job, steps=steps), _ignore, lambda: False
                )
                for job in jobs
            ]

        def together() -> None:
            learned["together"] = train_together(orders("together"))

        def alone() -> None:
            learned["alone"] = [train_together([order])[0] for order in orders("alone")]

        result = compare(together, alone, pairs=max(1, self._sizes.pairs // 2))
        for one, other in zip(*learned.values(), strict=True):
            assert np.allclose(one.loss_history, other.loss_history, rtol=0.02), "not the same"
        return {
            "joint_training_speedup": round(result.ratio, 3),
            "joint_training": {**result.as_dict(), "jobs": len(jobs)},
        }

    def _mixed(self) -> dict[str, Any]:
        """Images of different styles in one batch, against one by one and against one style."""
        renderer = Renderer(self._base, max_batch=self._sizes.styles)
        mixed = [self._request(k, style=k) for k in range(self._sizes.styles)]
        single = [self._request(k, style=0) for k in range(self._sizes.styles)]
        switching, loading = UsualWorker(self._base), UsualWorker(self._base)
        for request in mixed:
            switching.load(request)

        def load_each() -> None:
            for request in mixed:
                loading.load(request)
                loading.render(request)
                loading.unload()

        drawn = renderer.render(mixed)
        for request, outcome in zip(mixed, drawn, strict=True):
            assert isinstance(outcome, RenderedImage), outcome
            theirs = np.asarray(switching.render(request), float)
            assert np.abs(np.asarray(outcome.image, float) - theirs).mean() < 1, "another image"

        def ours() -> None:
            renderer.render(mixed)

        pairs = self._sizes.pairs
        swap = compare(ours, lambda: [switching.render(each) for each in mixed], pairs=pairs)
        load = compare(ours, load_each, pairs=max(1, pairs // 2))
        one_style = compare(ours, lambda: renderer.render(single), pairs=pairs)
        return {
            "mixed_speedup": round(swap.ratio, 3),
            "mixed_vs_load": round(load.ratio, 3),
            "mixed_vs_single_style": round(one_style.ratio, 3),
            "images_per_minute": round(60 * len(mixed) / median(swap.ours), 1),
            "mixed": {
                "styles": len(mixed),
                "against_switching": swap.as_dict(),
                "against_loading": load.as_dict(),
                "against_one_style": one_style.as_dict(),
            },
        }

    def _adapter_change(self) -> dict[str, Any]:
        """Milliseconds until a style is worn: from its file, and from memory."""
        cold, warm = [], []
        for style in range(self._sizes.styles):
            request, memory = self._request(0, style=style), AdapterMemory()
            for seconds in (cold, warm):
                began = time.perf_counter()
                adapter = memory.get(request.adapter_path, request.adapter_sha256, self._base)
                with wearing(self._base.unet, [RowAdapter(adapter.tensors, 1.0)] * 2):
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
        return {f"image_seconds_{self._sizes.side}": round(median(seconds[1:]), 3)}

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
            width=self._sizes.side,
            height=self._sizes.side,
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


def _ignore(_: object) -> None:
    pass


if __name__ == "__main__":
    main()
