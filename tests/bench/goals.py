"""What the built-in base model must reach, measured: one row for each goal."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from PIL import Image

from gpu.base_models.model import BaseModel
from gpu.base_models.patch_codec import PatchCodec
from gpu.evaluation.study import Table
from gpu.pretrain.fit_codec import measure_psnr
from gpu.pretrain.measure import measure_denoising
from gpu.pretrain.sample import load_codec, load_networks
from gpu.pretrain.scenes import Plan, draw_scene
from gpu.pretrain.styles import Style

TIMES = {200: 6.0, 999: 13.0}  # most grey levels of error
PSNR = {Style.CROSS_HATCH: 19.0, Style.RISO: 17.0, Style.NEON: 26.0, None: 34.0}  # least dB
SEEDS = 4
LEAST_SPREAD = 0.6
FIRST_SCENE = 8_000_000  # of the scenes of one plan
MIB = 1 << 20


@dataclass(frozen=True)
class Figure:
    """Something measured, and the range it must be in."""

    name: str
    value: float
    least: float = float("-inf")
    most: float = float("inf")

    @property
    def is_reached(self) -> bool:
        """Whether the goal is reached; what is no number is not."""
        return self.least <= self.value <= self.most

    @property
    def goal(self) -> str:
        """The range in words."""
        if self.least > float("-inf") and self.most < float("inf"):
            return f"{self.least:g} to {self.most:g}"
        return (
            f"at least {self.least:g}" if self.least > float("-inf") else f"at most {self.most:g}"
        )


def goals_table(figures: Sequence[Figure]) -> Table:
    """All figures with their goals, for the page."""
    reached = sum(figure.is_reached for figure in figures)
    return Table(
        title="Goals",
        note=f"{reached} of {len(figures)} are reached.",
        columns=("What", "Measured", "Goal", "Reached"),
        rows=[
            (one.name, f"{one.value:.3g}", one.goal, "yes" if one.is_reached else "no")
            for one in figures
        ],
    )


def as_records(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """The same for JSON."""
    return [
        {"name": one.name, "value": one.value, "goal": one.goal, "reached": one.is_reached}
        for one in figures
    ]


def base_figures(base: BaseModel, folder: Path, *, scenes: int, images: int) -> list[Figure]:
    """Denoising, codec and size of a base model of the built-in kind in a folder, else its size."""
    size = sum(path.stat().st_size for path in folder.rglob("*.safetensors")) / MIB
    figures = [Figure("weights of the base, MiB", size, most=64)]
    if not isinstance(base.vae, PatchCodec):
        return figures
    codec = load_codec(folder)
    errors = measure_denoising(load_networks(folder), codec, scenes=scenes, times=tuple(TIMES))
    figures += [
        Figure(f"error at time {one.time}, grey levels", one.pixels, most=TIMES[one.time])
        for one in errors
    ]
    return figures + [
        Figure(
            f"codec: {style or 'scenes'}, dB", measure_psnr(codec, style, images=images), least=goal
        )
        for style, goal in PSNR.items()
    ]


def seeds_figure(
    draw: Callable[[Sequence[tuple[str, ...]]], list[Image.Image]], plans: Sequence[Plan], side: int
) -> Figure:
    """How far four pictures of one prompt differ, as a share of how far scenes of that plan do.

    `draw` answers a picture for each prompt, each with another seed.
    """
    prompts = [plan.tags for plan in plans for _ in range(SEEDS)]
    pictures = draw(prompts)
    shares = []
    for place, plan in enumerate(plans):
        drawn = pictures[place * SEEDS : (place + 1) * SEEDS]
        scenes = [
            draw_scene(FIRST_SCENE + place * SEEDS + index, (side, side), plan=plan).image
            for index in range(SEEDS)
        ]
        shares.append(mean_distance(drawn) / mean_distance(scenes))
    name = "four seeds of one prompt: distance of two, as share of two scenes of the plan"
    return Figure(name, mean(shares), least=LEAST_SPREAD)


def mean_distance(pictures: Sequence[Image.Image]) -> float:
    """Root mean square difference of two pictures in grey levels, the mean over all pairs."""
    levels = [np.asarray(picture.convert("RGB"), float) for picture in pictures]
    return mean(
        float(np.sqrt(np.square(one - other).mean()))
        for one, other in itertools.combinations(levels, 2)
    )
