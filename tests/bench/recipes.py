"""`make bench-recipes`: what each number of the training recipe buys, one changed at a time.

Unseen styles are learned by every variant from the same works with the same seed, and studied as
`flask style evaluate` would. One page shows the sheets of all, and a table what share of the style
gap each closed and its loss on works that training never saw.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console

from gpu.evaluation.study import StudyResult, Subject, Table, study_styles, write_page
from gpu.pretrain.styles import Style
from tests.bench.quality import write_works

OUT = Path("var/bench-recipes")
STYLES = (Style.SEPIA_INK, Style.WATERCOLOUR)
WORKS = 18
BATCH = 4  # so many variants learn together
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


def main() -> None:
    """Learn, compare and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-model", default="built-in")
    parser.add_argument("--steps", type=int, help="of every variant, to see it work")
    arguments = parser.parse_args()
    changes = {"steps": arguments.steps} if arguments.steps else {}
    results: list[StudyResult] = []
    for style in STYLES:
        works = write_works(style, WORKS, OUT / "works" / style.value)
        subjects = [
            Subject(
                f"{style}: {name}",
                works,
                OUT / f"{style}-{number:02}",
                {**VARIANTS[name], **changes},
            )
            for number, name in enumerate(VARIANTS)
        ]
        for first in range(0, len(subjects), BATCH):
            batch = subjects[first : first + BATCH]
            results += study_styles(
                batch, base_model=arguments.base_model, on_progress=lambda *_: None
            )
            Console().print(
                *(
                    f"{one.name}: {one.style_gap_closed}, edges {one.edges}"
                    for one in results[-len(batch) :]
                )
            )
    table = _table([results[first :: len(VARIANTS)] for first in range(len(VARIANTS))])
    page = write_page(OUT, results, base_model=arguments.base_model, tables=[table])
    Console().print(f"Look at {page}")


def _table(by_variant: list[list[StudyResult]]) -> Table:
    return Table(
        title="What each number buys",
        note="Share of the style gap closed, on average and by style; edges as a share of the "
        "works'; and the held-out loss.",
        columns=(
            "Variant",
            "Gap closed",
            *STYLES,
            *(f"edges of {style}" for style in STYLES),
            *(f"loss of {style}" for style in STYLES),
        ),
        rows=[
            (
                name,
                f"{mean(one.style_gap_closed for one in results):.2f}",
                *(f"{one.style_gap_closed:.2f}" for one in results),
                *(f"{one.edges:.2f}" for one in results),
                *(f"{one.held_out_loss:.3f}" for one in results),
            )
            for name, results in zip(VARIANTS, by_variant, strict=True)
        ],
    )


if __name__ == "__main__":
    main()
