"""Near pairs: different pictures whose hashes are near, as the registry proposes them.

Sets 1 and 2 set the limits of `gpu.signature.agreement`, together with attacked copies; sets 3, 4
and 6 measured them, and set 5 led to stricter ones. Set 7 set the limit of pictures with a
watermark: the mark of one picture of a pair is copied onto the other. Pairs of equal pictures
(twins: the same words and seed), mirrored ones too, are not pairs of different ones.
"""

import argparse
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from gpu.pretrain.scenes import SCENES_2, SCENES_3, Plan, Variation, draw_scene, make_plan
from gpu.pretrain.styles import Style, restyle
from gpu.signature.likeness import SAME, Comparison, compared, hashes, likeness
from gpu.signature.place import ORIENTATIONS, oriented
from gpu.signature.watermark import detect, embed
from tests.attacks import GOALS, MORE
from tests.bench.provenance_pictures import picture

FOLDER = Path("var/bench")
NEAR_BITS = 10  # as webapp.domain.queries.registry
SIZE = (512, 512)
TWIN_LEVELS = 2.0
KEY, FORGED = b"the key of the near pairs", "the mark of one picture on the other"
SET_STEP = 1_000_000
# Styles that draw anew; those that only recolour keep the picture.
STYLES = (
    Style.STRIPED, Style.DOTTED, Style.PIXEL, Style.CHALK, Style.INK_LINE, Style.LOW_POLY,
    Style.CROSS_HATCH, Style.WATERCOLOUR, Style.WOODCUT, Style.STAINED_GLASS,
)  # fmt: skip
COPIES = ("JPEG q50", "scale 50 %", "scale 25 %", "WebP q50", "JPEG q30", "screenshot",
          "stretched 10 %", "rotated 90°", "brighter 20 %", "contrast 70 %", "grey", "blur 2",
          "noise 5", "noise 12", "caption over it", "sharpened")  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """A pair or an attacked copy, its distance of hashes and its likeness."""

    number: int
    kind: str
    bits: int
    likeness: float


def pairs(number: int) -> Iterator[tuple[str, Image.Image, Image.Image]]:
    """Pairs of pictures of the same words or the same composition."""
    random = np.random.default_rng([5, number])
    plan = make_plan(random)
    first, second = (STYLES[index] for index in random.choice(len(STYLES), 2, replace=False))
    drawn = _scene(number, 0, plan)
    again = _scene(number, 1, plan)
    yield "same words, two seeds", drawn, again
    yield (
        "same words and style, two seeds", restyle(drawn, first, number),
        restyle(again, first, number + 1),
    )  # fmt: skip
    yield "one scene, two styles", restyle(drawn, first, number), restyle(drawn, second, number)
    yield (
        "one scene and style, two seeds", restyle(drawn, first, number),
        restyle(drawn, first, number + 1),
    )  # fmt: skip
    yield (
        "same words, two seeds, least variation", _scene(number, 0, plan, SCENES_2),
        _scene(number, 1, plan, SCENES_2),
    )  # fmt: skip


def _scene(number: int, seed: int, plan: Plan, variation: Variation = SCENES_3) -> Image.Image:
    return draw_scene(600_000_000 + 2 * number + seed, SIZE, plan=plan, variation=variation).image


def distance(registered: Image.Image, shown: Image.Image) -> int:
    """Bits between the registered hash and the nearest of the shown picture's orientations."""
    stored = hashes(registered)[0]
    return min(((stored ^ each) % 2**64).bit_count() for each in hashes(shown))


def is_twin(first: Image.Image, second: Image.Image) -> bool:
    """Whether two square pictures are equal, or one is the other rotated or mirrored."""
    levels, other = np.asarray(first, np.int16), np.asarray(second, np.int16)
    turned = (oriented(other, orientation) for orientation in range(ORIENTATIONS))
    return any(np.abs(levels - each).mean() < TWIN_LEVELS for each in turned)


def copied(original: Image.Image, marked: Image.Image, other: Image.Image) -> Image.Image:
    """`other` with the mark of a picture added to it: forgery by who has both of its files."""
    mark = np.asarray(marked, np.int16) - np.asarray(original, np.int16)
    return Image.fromarray(np.clip(np.asarray(other, np.int16) + mark, 0, 255).astype(np.uint8))


def measure_pairs(number: int) -> Iterator[Measured]:
    for kind, first, second in pairs(number):
        if is_twin(first, second):
            continue
        bits = distance(first, second)
        if bits <= NEAR_BITS:
            yield Measured(number, kind, bits, likeness(first, second))
            yield from _measure_forged(number, bits, first, second)


def _measure_forged(
    number: int, bits: int, first: Image.Image, second: Image.Image
) -> Iterator[Measured]:
    """The mark of one picture on the other: 1 if that is taken for the delivered one, else 0."""
    marked = embed(first, number, KEY)
    forged = copied(first, marked, second)
    mark = detect(forged, {1: KEY}, deep=False)
    if mark is not None:
        is_same = compared(marked, forged, mark.place) is Comparison.SAME
        yield Measured(number, FORGED, bits, float(is_same))


def measure_copies(number: int) -> Iterator[Measured]:
    """Attacked copies of a picture of the bench; they must be recognised."""
    _, original = picture(number)
    for name in COPIES:
        attack = GOALS[name][0] if name in GOALS else MORE[name]
        shown = attack(original, np.random.default_rng([6, number]))
        yield Measured(number, name, distance(original, shown), likeness(original, shown))


def main() -> int:
    """Measure one set; return how many near pairs are taken for one picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=int, choices=range(1, 8), default=6)
    parser.add_argument("--numbers", type=int, default=300, help="five pairs each; near ones count")
    parser.add_argument("--copies", type=int, default=40, help="pictures with attacked copies")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    console = Console(width=140)
    groups: dict[str, list[float]] = defaultdict(list)
    start = arguments.set * SET_STEP
    file = FOLDER / f"provenance_pairs_{arguments.set}.jsonl"
    measured = itertools.chain(
        *(measure_pairs(number) for number in range(start, start + arguments.numbers)),
        *(measure_copies(number) for number in range(start, start + arguments.copies)),
    )
    with file.open("w", encoding="utf-8") as lines:
        for each in measured:
            groups[each.kind].append(each.likeness)
            print(json.dumps(asdict(each)), file=lines, flush=True)
    for kind, values in groups.items():
        ordered = sorted(values)
        quantiles = [
            round(ordered[round(share * (len(ordered) - 1))], 4)
            for share in (0, 0.01, 0.5, 0.99, 1)
        ]
        same = sum(value >= SAME for value in values)
        console.print(f"{kind:40s} n={len(values):4d} same={same:4d}  0/1/50/99/100 %: {quantiles}")
    pairs_of = {kind: values for kind, values in groups.items() if kind not in (*COPIES, FORGED)}
    console.print(f"near pairs: {sum(map(len, pairs_of.values()))}")
    return sum(value >= SAME for values in pairs_of.values() for value in values)


if __name__ == "__main__":
    raise SystemExit(main())
