"""`make bench-recipes`: what each number of the training recipe buys, one changed at a time.

Unseen styles are learned by every variant from the same works with the same seed. A table says what
share of the style gap was closed, how the loss fell on works that training never saw, and how long
a step took beside its company; sheets in var/bench-recipes show the same prompts for all variants.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from gpu.evaluation.comparison import Comparison, Work, compare_with_base
from gpu.evaluation.pictures import contact_sheet
from gpu.pretrain.styles import Style, draw_artist_works
from gpu.rendering.renderer import Renderer
from gpu.training.pictures import prepare_work
from gpu.training.recipe import TrainedStyle, TrainingConfig, TrainingWork
from gpu.training.trainer import TrainingOrder, train_together

OUT = Path("var/bench-recipes")
STYLES = (Style.SEPIA_INK, Style.WATERCOLOUR)
LEARNED, KEPT_BACK = 12, 6
SEED = 1
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "the recipe": {},
    "rank 8": {"rank": 8, "alpha": 8.0},
    "rank 32": {"rank": 32, "alpha": 32.0},
    "half the steps": {"steps": 150},
    "twice the steps": {"steps": 600},
    "attention only": {"targets": ("attn",)},
    "blocks only, neither end": {"targets": ("_block",)},
    "captions of the trigger only": {"tag_dropout": 1.1},
    "no empty prompts": {"empty_prompt_share": 0.0},
    "no min-SNR": {"min_snr_gamma": None},
    "noise offset 0.05": {"noise_offset": 0.05},
    "mirrored too": {"horizontal_flip": True},
}
COMPANY = 4  # as many variants learn together, each with the same company's size


def main() -> None:
    """Learn, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-model", default="built-in")
    parser.add_argument("--steps", type=int, help="of every variant, to see it work")
    arguments = parser.parse_args()
    renderer = Renderer.setup(arguments.base_model)
    found = [
        (name, style.value, *figures)
        for style in STYLES
        for name, figures in _learn_all(style, renderer, arguments.steps).items()
    ]
    rows = []
    for name in VARIANTS:
        of_variant = [row for row in found if row[0] == name]
        rows.append(
            {
                "variant": name,
                "style_gap_closed": round(mean(row[2] for row in of_variant), 3),
                "of_each_style": {row[1]: round(row[2], 3) for row in of_variant},
                "held_out_loss": {row[1]: round(row[3], 4) for row in of_variant},
                "steps": of_variant[0][4],
            }
        )
    (OUT / "recipes.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    table = Table(
        "variant", "style gap closed", *(f"of {style}" for style in STYLES), "loss", "steps"
    )
    for row in rows:
        table.add_row(
            row["variant"],
            f"{row['style_gap_closed']:.2f}",
            *(f"{closed:.2f}" for closed in row["of_each_style"].values()),
            " ".join(f"{loss:.3f}" for loss in row["held_out_loss"].values()),
            str(row["steps"]),
        )
    Console().print(table)


def _learn_all(
    style: Style, renderer: Renderer, steps: int | None
) -> dict[str, tuple[float, float, int]]:
    """Gap closed, held-out loss and steps of every variant; a sheet shows their pictures."""
    folder = OUT / style.value
    works = _write_works(style, folder / "works")
    learned, kept_back = works[:LEARNED], works[LEARNED:]
    names, outcomes = list(VARIANTS), []
    for first in range(0, len(names), COMPANY):
        company = names[first : first + COMPANY]
        outcomes += train_together(
            [_order(name, learned, folder, renderer, steps) for name in company]
        )
        Console().print(f"{style}: {', '.join(company)}")
    figures, pictures = {}, {}
    for name, outcome in zip(names, outcomes, strict=True):
        assert isinstance(outcome, TrainedStyle), outcome
        comparison = compare_with_base(
            renderer,
            outcome.adapter_path,
            works=_prepared(learned, renderer),
            other_works=_prepared(kept_back, renderer),
        )
        figures[name] = (comparison.gap.closed, outcome.held_out_loss, outcome.steps)
        pictures[f"{name}: {comparison.gap.closed:.2f}"] = comparison.trained
    _draw_sheet(folder, _prepared(kept_back, renderer), comparison, pictures)
    return figures


def _write_works(style: Style, folder: Path) -> list[TrainingWork]:
    folder.mkdir(parents=True, exist_ok=True)
    works = []
    drawn = draw_artist_works(style, LEARNED + KEPT_BACK, SEED, (512, 512))
    for index, (image, tags) in enumerate(drawn):
        image.save(folder / f"{index:02}.png")
        works.append(TrainingWork(folder / f"{index:02}.png", tags))
    return works


def _order(
    name: str, works: list[TrainingWork], folder: Path, renderer: Renderer, steps: int | None
) -> TrainingOrder:
    config = TrainingConfig(
        base_model=renderer.base.spec.name,
        works=tuple(works),
        trigger="<style-0>",
        output_dir=folder / name.replace(" ", "-"),
        seed=SEED,
        recipe_changes={**VARIANTS[name], **({"steps": steps} if steps else {})},
    )
    return TrainingOrder(config, on_progress=lambda _: None, should_stop=lambda: False)


def _prepared(works: list[TrainingWork], renderer: Renderer) -> list[Work]:
    return [(prepare_work(work.path, renderer.base), work.tags) for work in works]


def _draw_sheet(
    folder: Path, kept_back: list[Work], last: Comparison, pictures: dict[str, list[Image.Image]]
) -> None:
    rows = {"Works kept back": [work for work, _ in kept_back], "The base model": last.plain}
    contact_sheet(folder / "sheet.png", rows | pictures)


if __name__ == "__main__":
    main()
