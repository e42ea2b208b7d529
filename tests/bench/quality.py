"""`make report-engine`: how well unseen styles are learned, told apart, and obeyed; one page.

Every drawn style of `HELD_OUT` and every artist of tests/artists is studied as `flask style
evaluate` would: two thirds of the works are learned, the rest kept back. Three figures always stand
together, because each alone can be fooled: the gap closed (a blur closes most of it), edges (how
sharp the pictures are), and recognition (`judges.py`, which never saw the engine and must first
recognise real works).
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from gpu.base_models.registry import resolve_spec
from gpu.evaluation.comparison import draw_in_style
from gpu.evaluation.meter import style_features, through_codec
from gpu.evaluation.study import TRIGGER, StudyResult, Subject, Table, study_styles, write_page
from gpu.pretrain.scenes import Plan, make_plan
from gpu.pretrain.styles import HELD_OUT, Style, draw_artist_works
from gpu.pretrain.vocabulary import Thing
from gpu.rendering.renderer import Renderer
from gpu.training.recipe import TrainingArtwork, TrainingConfig
from gpu.training.trainer import train
from tests.artists.gallery import ARTISTS, draw_works
from tests.bench.figures import record
from tests.bench.goals import Figure, as_records, base_figures, goals_table, seeds_figure
from tests.bench.judges import StyleJudge, ThingJudge

OUT = Path("var/report-engine")
SIDE = (512, 512)
WORKS_SEED, JUDGE_SEED, CHECK_SEED = 1, 50, 60
TOGETHER = 8  # so many trainings share the machine
TRAINED_WORKS = 12
STYLES = tuple(str(style) for style in HELD_OUT)
FIVE = tuple(
    str(style)
    for style in (
        Style.SEPIA_INK,
        Style.NEON,
        Style.WATERCOLOUR,
        Style.BLUEPRINT,
        Style.WOODCUT,
    )
)

Pictures = list[Image.Image]
Work = tuple[Image.Image, tuple[str, ...]]
# every portfolio draws `count` works of a `seed`
PORTFOLIOS: Mapping[str, Callable[..., list[Work]]] = {
    **{str(style): partial(draw_artist_works, style, size=SIDE) for style in HELD_OUT},
    **{name: partial(draw_works, name) for name in ARTISTS},
}
console = Console()


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    works: int = 18
    judged_works: int = 36
    pictures: int = max(40, len(Thing))
    steps: int | None = None
    judge: Mapping[str, int] = field(default_factory=dict)
    scenes: int = 64
    codec_images: int = 6
    plans: int = 8


SMOKE = Sizes(
    works=6,
    judged_works=4,
    pictures=2,
    steps=2,
    judge={"scenes_each": 5, "epochs": 1},
    scenes=2,
    codec_images=1,
    plans=1,
)


def main() -> None:
    """Study, judge, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="little of everything, to see it work")
    parser.add_argument("--base-model", default="built-in")
    parser.add_argument(
        "--only", nargs="+", choices=tuple(PORTFOLIOS), metavar="NAME", help="styles to study"
    )
    arguments = parser.parse_args()
    sizes = SMOKE if arguments.smoke else Sizes()
    names = tuple(arguments.only or PORTFOLIOS)
    began = time.monotonic()
    findings, adapters = _study(names, sizes, arguments.base_model)
    renderer = Renderer.setup(arguments.base_model)
    plans = _plans(sizes.pictures)
    prompts = [plan.tags for plan in plans]
    any_style = adapters[names[0]]
    plain = draw_in_style(renderer, any_style, prompts, strength=0.0)
    drawn = {name: draw_in_style(renderer, path, prompts) for name, path in adapters.items()}
    seen, of_base, things = _recognise_things(
        sizes, [prompt[0] for prompt in prompts], plain, drawn
    )
    whose, told_apart, tables = _recognise_artists(sizes, renderer, drawn)
    rows = _all_figures(findings, seen, whose)
    figures = _style_figures(findings, seen, of_base, told_apart)
    if arguments.only is None:
        figures += _base_figures(sizes, renderer, any_style, plans)
        figures += _timings(sizes, renderer, any_style)
        quality = {
            "seconds": round(time.monotonic() - began),
            "goals": as_records(figures),
            "styles": [asdict(one) for one in findings],
        }
        record({"quality": quality})
    page = write_page(
        OUT,
        findings,
        base_model=arguments.base_model,
        tables=[goals_table(figures), rows, *tables, things],
    )
    for figure in figures:
        reached = "reached" if figure.is_reached else "not reached"
        console.print(f"{figure.name}: {figure.value:.3g} ({figure.goal}: {reached})")
    console.print(f"{time.monotonic() - began:.0f} s; look at {page}")


def _study(
    names: Sequence[str], sizes: Sizes, base_model: str
) -> tuple[list[StudyResult], dict[str, Path]]:
    """Train every style; returns what was found, and the adapters by name."""
    subjects = [
        Subject(name, write_works(name, sizes.works, OUT / name / "works"), OUT / name)
        for name in names
    ]
    results: list[StudyResult] = []
    for first in range(0, len(subjects), TOGETHER):
        some = subjects[first : first + TOGETHER]
        console.print(f"training {', '.join(subject.name for subject in some)} …")
        results += study_styles(
            some, base_model=base_model, on_progress=lambda *_: None, steps=sizes.steps
        )
    return results, {one.name: one.folder / "training" / "style.safetensors" for one in subjects}


def write_works(name: str, count: int, folder: Path) -> list[TrainingArtwork]:
    """Draw works of a portfolio as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    works = []
    for index, (image, tags) in enumerate(PORTFOLIOS[name](count=count, seed=WORKS_SEED)):
        path = folder / f"{index:02}.png"
        image.save(path)
        works.append(TrainingArtwork(path, tags))
    return works


def _recognise_artists(
    sizes: Sizes, renderer: Renderer, drawn: Mapping[str, Pictures]
) -> tuple[dict[str, tuple[float, float]], dict[str, float], list[Table]]:
    """Whether judges of real works give pictures to the artist in whose style they are drawn.

    By name the share of its pictures and of its other real works; by group the share of all.
    """
    groups = {"the eight styles": STYLES, "five styles": FIVE, "the artists": tuple(ARTISTS)}
    groups = {title: names for title, names in groups.items() if set(names) & set(drawn)}
    wanted = sorted({name for names in groups.values() for name in names})

    def real(seed: int) -> dict[str, torch.Tensor]:
        return {
            name: style_features(
                through_codec(
                    renderer.base,
                    [work for work, _ in PORTFOLIOS[name](count=sizes.judged_works, seed=seed)],
                )
            )
            for name in wanted
        }

    learned, checked = real(JUDGE_SEED), real(CHECK_SEED)
    features = {name: style_features(pictures) for name, pictures in drawn.items()}
    shares: dict[str, tuple[float, float]] = {}
    told_apart, tables = {}, []
    for title, names in groups.items():
        judge = StyleJudge.of({name: learned[name] for name in names})
        studied = [name for name in names if name in drawn]
        counts = {name: judge.counts(features[name]) for name in studied}
        right = {name: _share(counts[name], name) for name in studied}
        works = {name: _share(judge.counts(checked[name]), name) for name in names}
        told_apart[title] = mean(right.values())
        shares = {name: (right[name], works[name]) for name in studied} | shares
        tables.append(
            Table(
                title=f"Whose style is it? {title.capitalize()}",
                note=f"A judge that learned from real works names {mean(works.values()):.0%} of "
                f"other real works, and {told_apart[title]:.0%} of the trained styles' pictures. "
                "Rows: drawn in; columns: judged as.",
                columns=("", *judge.names),
                rows=[(name, *counts[name].values()) for name in studied],
            )
        )
    return shares, told_apart, tables


def _share(counts: Mapping[str, int], name: str) -> float:
    return counts[name] / sum(counts.values())


def _recognise_things(
    sizes: Sizes, things: Sequence[str], plain: Pictures, drawn: Mapping[str, Pictures]
) -> tuple[dict[str, tuple[float, float | None]], float, Table]:
    """Whether the thing asked for is still seen, by style, of its real works, and of the base's."""
    judge = ThingJudge(**sizes.judge)

    def hits(pictures: Pictures, wanted: Sequence[str]) -> list[bool]:
        return [str(seen) == one for seen, one in zip(judge.judge(pictures), wanted, strict=True)]

    base = hits(plain, things)
    styled = {name: hits(pictures, things) for name, pictures in drawn.items()}
    shares: dict[str, tuple[float, float | None]] = {}
    for name, seen in styled.items():
        of_works = None
        if name in STYLES:
            works = PORTFOLIOS[name](count=sizes.judged_works, seed=CHECK_SEED)
            of_works = float(
                np.mean(hits([one for one, _ in works], [tags[0] for _, tags in works]))
            )
        shares[name] = float(np.mean(seen)), of_works
    rows: list[tuple[object, ...]] = []
    for thing in dict.fromkeys(things):
        positions = [k for k, one in enumerate(things) if one == thing]
        of_styles = np.mean([seen[k] for seen in styled.values() for k in positions])
        rows.append((thing, f"{np.mean([base[k] for k in positions]):.0%}", f"{of_styles:.0%}"))
    of_base = float(np.mean(base))
    table = Table(
        title="Is the thing asked for there?",
        note=f"A judge that learned from scenes sees the thing asked for in {of_base:.0%} of the "
        "base model's pictures. By thing:",
        columns=("Thing", "Base", "Trained styles"),
        rows=rows,
    )
    return shares, of_base, table


def _all_figures(
    findings: Sequence[StudyResult],
    things: Mapping[str, tuple[float, float | None]],
    artists: Mapping[str, tuple[float, float]],
) -> Table:
    """Gap, edges and recognition side by side."""
    rows = []
    for one in findings:
        (thing, thing_of_works), (artist, artist_of_works) = things[one.name], artists[one.name]
        of_works = "–" if thing_of_works is None else f"{thing_of_works:.0%}"
        rows.append(
            (
                one.name,
                f"{one.style_gap_closed:.2f}",
                f"{one.edges:.2f}",
                f"{one.edges_of_codec:.2f}",
                f"{thing:.0%} ({of_works})",
                f"{artist:.0%} ({artist_of_works:.0%})",
            )
        )
    return Table(
        title="Gap, edges and recognition",
        note="None of them says enough alone. In brackets: of real works.",
        columns=("Style", "Gap closed", "Edges", "Edges the codec leaves", "Thing", "Artist"),
        rows=rows,
    )


def _style_figures(
    findings: Sequence[StudyResult],
    things: Mapping[str, tuple[float, float | None]],
    of_base: float,
    told_apart: Mapping[str, float],
) -> list[Figure]:
    """What the studied styles reached."""
    figures = []
    styles = [one for one in findings if one.name in STYLES]
    artists = [one for one in findings if one.name in ARTISTS]
    if styles:
        closed = [one.style_gap_closed for one in styles]
        figures += [
            Figure("style gap closed, mean of the drawn styles", mean(closed), least=0.8),
            Figure("style gap closed, weakest of them", min(closed), least=0.6),
        ]
    figures += [
        Figure(f"style gap closed, {one.name}", one.style_gap_closed, least=0.5) for one in artists
    ]
    figures += [Figure(f"edges, {one.name}", one.edges, least=0.8, most=1.2) for one in findings]
    seen = mean(share for share, _ in things.values())
    ratio = seen / of_base if of_base else float("nan")
    figures.append(Figure("thing recognised, as share of the base's", ratio, least=0.9))
    goals = {"five styles": 0.95, "the artists": 0.95}
    figures += [
        Figure(f"told apart: {title}", told_apart[title], least=goal)
        for title, goal in goals.items()
        if title in told_apart
    ]
    return figures


def _base_figures(
    sizes: Sizes, renderer: Renderer, any_style: Path, plans: Sequence[Plan]
) -> list[Figure]:
    """What the base model reaches by itself."""
    base = renderer.base
    folder = Path(resolve_spec(base.spec.name).source)
    spread = seeds_figure(
        lambda prompts: draw_in_style(renderer, any_style, prompts, strength=0.0),
        plans[: sizes.plans],
        base.native_side,
    )
    figures = base_figures(base, folder, scenes=sizes.scenes, images=sizes.codec_images)
    return [*figures, spread]


def _timings(sizes: Sizes, renderer: Renderer, any_style: Path) -> list[Figure]:
    """Seconds of one picture, and of a training alone."""
    prompt = [("house", "meadow", "day")]
    draw_in_style(renderer, any_style, prompt)
    began = time.perf_counter()
    draw_in_style(renderer, any_style, prompt)
    picture = time.perf_counter() - began
    works = write_works(STYLES[0], TRAINED_WORKS, OUT / "timed" / "works")
    config = TrainingConfig(
        base_model=renderer.base.spec.name,
        artworks=tuple(works),
        trigger=TRIGGER,
        output_dir=OUT / "timed" / "training",
        seed=1,
        steps=sizes.steps,
    )
    began = time.perf_counter()
    train(config, on_progress=lambda _: None, should_stop=lambda: False)
    return [
        Figure(f"a picture of {renderer.base.native_side}², seconds", picture, most=3),
        Figure(
            f"training of {TRAINED_WORKS} works, seconds", time.perf_counter() - began, most=180
        ),
    ]


def _plans(count: int) -> list[Plan]:
    """Plans of new scenes, every thing in turn."""
    turns: dict[Thing, list[Plan]] = {thing: [] for thing in Thing}
    rounds = -(-count // len(turns))
    seed = 0
    while min(len(plans) for plans in turns.values()) < rounds:
        plan = make_plan(np.random.default_rng([seed, 77]))
        turns[plan.thing].append(plan)
        seed += 1
    return [plan for turn in zip(*turns.values(), strict=False) for plan in turn][:count]


if __name__ == "__main__":
    main()
