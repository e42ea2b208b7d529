"""`make report-engine`: how well unseen styles are learned, told apart, and obeyed; one page.

Every artist of `HELD_OUT` is studied as `flask style evaluate` would: two thirds of the works are
learned, the rest kept back. Then pictures of all styles are shown to judges that never saw the
engine (`judges.py`), which first must recognise real works.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from gpu.evaluation.comparison import draw_in_style
from gpu.evaluation.meter import through_codec
from gpu.evaluation.study import Findings, Subject, Table, study_styles, write_page
from gpu.pretrain.scenes import make_plan
from gpu.pretrain.styles import HELD_OUT, Style, draw_artist_works
from gpu.rendering.renderer import Renderer
from gpu.training.recipe import TrainingWork
from tests.bench.figures import record
from tests.bench.judges import StyleJudge, ThingJudge

OUT = Path("var/report-engine")
SIDE = (512, 512)
WORKS_SEED, JUDGE_SEED, CHECK_SEED = 1, 50, 60
HEADLINES = ("style_gap_closed", "style_identification", "adherence_ratio")
IDENTIFIED = (Style.SEPIA_INK, Style.NEON, Style.WATERCOLOUR, Style.BLUEPRINT, Style.WOODCUT)

Pictures = list[Image.Image]
console = Console()


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    works: int = 18
    judged_works: int = 40
    pictures: int = 40
    steps: int | None = None


SMOKE = Sizes(works=6, judged_works=6, pictures=2, steps=2)


def main() -> None:
    """Study, judge, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="little of everything, to see it work")
    parser.add_argument("--base-model", default="built-in")
    arguments = parser.parse_args()
    sizes = SMOKE if arguments.smoke else Sizes()
    began = time.monotonic()
    findings, adapters = _study(sizes, arguments.base_model)
    renderer = Renderer.setup(arguments.base_model)
    prompts = _prompts(sizes.pictures)
    plain = draw_in_style(renderer, next(iter(adapters.values())), prompts, strength=0.0)
    drawn = {name: draw_in_style(renderer, path, prompts) for name, path in adapters.items()}
    identification, styles = _identification(sizes, renderer, drawn)
    adherence, things = _adherence(sizes, [prompt[0] for prompt in prompts], plain, drawn)
    figures: dict[str, Any] = {
        "style_gap_closed": round(mean(one.style_gap_closed for one in findings), 3),
        **identification,
        **adherence,
        "seconds": round(time.monotonic() - began),
        "styles": [asdict(one) for one in findings],
    }
    record({"quality": figures} | {name: figures[name] for name in HEADLINES})
    page = write_page(OUT, findings, base_model=arguments.base_model, tables=[styles, things])
    console.print_json(data={name: value for name, value in figures.items() if name != "styles"})
    console.print(f"Look at {page}")


def _study(sizes: Sizes, base_model: str) -> tuple[list[Findings], dict[str, Path]]:
    """Train every unseen style; returns what was found, and the adapters by style."""
    subjects = [_subject(style, sizes.works) for style in HELD_OUT]
    last = 0

    def show(name: str, progress: Any) -> None:
        nonlocal last
        if name == subjects[0].name and progress.step >= last + 50:
            last = progress.step
            console.print(f"step {progress.step} of {progress.total_steps}")

    found = study_styles(subjects, base_model=base_model, on_progress=show, steps=sizes.steps)
    adapters = {each.name: each.folder / "training" / "style.safetensors" for each in subjects}
    return found, adapters


def _subject(style: Style, count: int) -> Subject:
    folder = OUT / style.value
    return Subject(style.value, write_works(style, count, folder / "works"), folder)


def write_works(style: Style, count: int, folder: Path) -> list[TrainingWork]:
    """Draw an imagined artist's works as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    works = []
    for index, (image, tags) in enumerate(draw_artist_works(style, count, WORKS_SEED, SIDE)):
        path = folder / f"{index:02}.png"
        image.save(path)
        works.append(TrainingWork(path, tags))
    return works


def _identification(
    sizes: Sizes, renderer: Renderer, drawn: dict[str, Pictures]
) -> tuple[dict[str, float], Table]:
    """Whether a judge of real works names the style of the pictures drawn in it."""

    def real(seed: int) -> dict[str, Sequence[Image.Image]]:
        return {
            style.value: through_codec(
                renderer.base,
                [work for work, _ in draw_artist_works(style, sizes.judged_works, seed, SIDE)],
            )
            for style in IDENTIFIED
        }

    judge = StyleJudge.of(real(JUDGE_SEED))
    checked = _share_on_diagonal(judge.confusion(real(CHECK_SEED)))
    confusion = judge.confusion({style.value: drawn[style.value] for style in IDENTIFIED})
    share = _share_on_diagonal(confusion)
    table = Table(
        title="Whose style is it?",
        note=f"A judge that learned from real works names {checked:.0%} of other real works, and "
        f"{share:.0%} of the trained styles' pictures. Rows: drawn in; columns: judged as.",
        columns=("", *IDENTIFIED),
        rows=[(name, *counts) for name, counts in zip(IDENTIFIED, confusion, strict=True)],
    )
    return {
        "style_identification": round(share, 3),
        "style_judge_on_works": round(checked, 3),
    }, table


def _adherence(
    sizes: Sizes, asked: Sequence[str], plain: Pictures, drawn: dict[str, Pictures]
) -> tuple[dict[str, float], Table]:
    """Whether the thing asked for is still seen: trained styles against the plain base."""
    judge = ThingJudge() if sizes is not SMOKE else ThingJudge(scenes=200, epochs=1)

    def hits(pictures: Pictures, wanted: Sequence[str]) -> list[bool]:
        return [str(seen) == one for seen, one in zip(judge.judge(pictures), wanted, strict=True)]

    real = {
        style.value: draw_artist_works(style, sizes.judged_works, CHECK_SEED, SIDE)
        for style in HELD_OUT
    }
    base = hits(plain, asked)
    styled = {name: hits(pictures, asked) for name, pictures in drawn.items()}
    rows: list[tuple[object, ...]] = [
        (
            name,
            f"{np.mean(hits([work for work, _ in real[name]], [t[0] for _, t in real[name]])):.0%}",
            f"{np.mean(seen):.0%}",
        )
        for name, seen in styled.items()
    ]
    for thing in dict.fromkeys(asked):
        places = [k for k, one in enumerate(asked) if one == thing]
        rows.append(
            (
                thing,
                f"{np.mean([base[k] for k in places]):.0%} by the base",
                f"{np.mean([seen[k] for seen in styled.values() for k in places]):.0%}",
            )
        )
    of_base = float(np.mean(base))
    of_styles = float(np.mean([one for seen in styled.values() for one in seen]))
    table = Table(
        title="Is the thing asked for there?",
        note=f"A judge that learned from scenes sees the thing asked for in {of_base:.0%} of the "
        f"base model's pictures and in {of_styles:.0%} of the trained styles'.",
        columns=("Style or thing", "Real works, or base", "Trained styles"),
        rows=rows,
    )
    ratio = of_styles / of_base if of_base else float("nan")
    figures = {
        "adherence_ratio": round(ratio, 3),
        "adherence_base": round(of_base, 3),
        "adherence_styles": round(of_styles, 3),
    }
    return figures, table


def _prompts(count: int) -> list[tuple[str, ...]]:
    """Plans of new scenes, every thing in turn."""
    plans = (make_plan(np.random.default_rng([seed, 77])) for seed in range(10_000))
    by_thing: dict[str, list[tuple[str, ...]]] = {}
    for plan in plans:
        by_thing.setdefault(str(plan.thing), []).append(plan.tags)
    turns = [list(group) for group in zip(*by_thing.values(), strict=False)]
    return [tags for turn in turns for tags in turn][:count]


def _share_on_diagonal(confusion: list[list[int]]) -> float:
    right = sum(row[k] for k, row in enumerate(confusion))
    return right / sum(sum(row) for row in confusion)


if __name__ == "__main__":
    main()
