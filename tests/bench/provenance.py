"""The watermark against its goals: attacks by pictures, false claims, times, and how it looks.

Every picture is marked with a number of its own. It is attacked, and read as a stranger's upload:
nothing tells the reader what was done. Each unmarked picture is searched with one of several keys.
"""

import argparse
import hashlib
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from gpu.signature.chip_map import ChipMap, chip_map
from gpu.signature.likeness import compared, perceptual_hash
from gpu.signature.watermark import MIN_SCORE, Mark, candidates, detect, embed
from gpu.signature.watermark_search import readings
from gpu.signature.whitening import luma_of
from tests.attacks import GOALS, MORE, Attack, crop, in_turn, jpeg, scale, webp
from tests.bench.provenance_attacks import SLOW
from tests.bench.provenance_pairs import copied
from tests.bench.provenance_pictures import picture
from webapp.domain.queries.registry import NEAR_BITS

FOLDER = Path("var/bench")
KEYS = {1: b"an old key of the bench", 2: b"the key that the bench writes with"}
KEY_NUMBER = 2
CLEAN_FROM = 1_000_000  # numbers of pictures that are never marked
TRIAL_KEYS = 20
LEAST_PSNR, USUAL_PSNR, USUAL_SHARE = 40.0, 43.5, 0.75
# How copies of whole pictures must be found in the registry: by their hash, else by their mark.
COPIES = {
    "JPEG q50": jpeg(50),
    "WebP q50": webp(50),
    "scale 50 %": scale(0.5),
    "scale 50 %, JPEG q50": in_turn(scale(0.5), jpeg(50)),
}
FOUND_SHARE = 0.99
SHEET_WINDOW, SHEET_ZOOM, SHEET_GAIN = 160, 2, 16


@dataclass
class Marked:
    """One marked picture: what was read after each attack, and what reading cost."""

    number: int
    kind: str
    size: tuple[int, int]
    psnr: float
    embed_seconds: float
    quick_seconds: float
    scores: dict[str, float] = field(default_factory=dict)  # 0 where the number was not read
    seconds: dict[str, float] = field(default_factory=dict)
    compared: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    hash_bits: dict[str, int] = field(default_factory=dict)  # that differ in a copy
    not_found: list[str] = field(default_factory=list)  # copies, neither by hash nor by mark


@dataclass
class Clean:
    """One unmarked picture, searched with one key."""

    readings: int
    best_score: float
    seconds: float


Result = TypeVar("Result", Marked, Clean)


def number_of(index: int) -> int:
    """A random-looking 64-bit number for each picture."""
    return int.from_bytes(hashlib.sha256(b"bench %d" % index).digest()[:8], "big")


ISSUED = frozenset(number_of(index) for index in range(10_000))


def psnr(first: Image.Image, second: Image.Image) -> float:
    """Peak signal-to-noise ratio over all channels, dB."""
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return float(10 * np.log10(255**2 / np.mean(difference**2)))


def mark(index: int, *, more_every: int) -> Marked:
    """Mark a picture, attack it in every way, and read it."""
    kind, original = picture(index)
    chip_map(KEYS[KEY_NUMBER])
    begun = time.process_time()
    marked = embed(original, number_of(index), KEYS[KEY_NUMBER])
    embed_seconds = time.process_time() - begun
    begun = time.process_time()
    detect(marked, KEYS, deep=False)
    quick_seconds = time.process_time() - begun
    row = Marked(
        index, kind, original.size, psnr(original, marked), embed_seconds, quick_seconds
    )  # fmt: skip
    attacks: dict[str, Attack] = {name: attack for name, (attack, _) in GOALS.items()}
    if index % more_every == 0:
        attacks |= MORE | SLOW
        attacks["copied with the original at hand"] = partial(_copied, original)
    for position, (name, attack) in enumerate(attacks.items()):
        attacked = attack(marked, np.random.default_rng([index, position]))
        begun = time.process_time()
        found = _issued(attacked)
        row.seconds[name] = time.process_time() - begun
        is_right = found is not None and found.number == number_of(index)
        row.scores[name] = found.score if found is not None and is_right else 0.0
        if found is not None and is_right:
            row.compared[name] = compared(marked, attacked, found.place)
        elif found is not None:
            row.wrong.append(name)
    _look_up(row, marked)
    return row


def _look_up(row: Marked, marked: Image.Image) -> None:
    """Look for copies of the marked picture as the registry does: by hash, else by mark."""
    registered = perceptual_hash(marked)
    for name, attack in COPIES.items():
        copy = attack(marked, np.random.default_rng(row.number))
        row.hash_bits[name] = ((registered ^ perceptual_hash(copy)) % 2**64).bit_count()
        if row.hash_bits[name] > NEAR_BITS:
            found = _issued(copy)
            if found is None or found.number != number_of(row.number):
                row.not_found.append(name)


def _issued(attacked: Image.Image) -> Mark | None:
    """The first mark with an issued number, as the caller of `candidates` looks for it."""
    return next((mark for mark in candidates(attacked, KEYS) if mark.number in ISSUED), None)


def _copied(original: Image.Image, marked: Image.Image, random: np.random.Generator) -> Image.Image:
    """Another picture with the mark taken off this one: forgery by who has both files."""
    _, other = picture(CLEAN_FROM + int(random.integers(1000)) * 10 + 4)
    return copied(original, marked, other.resize(marked.size))


@cache
def _trial_map(trial: int) -> ChipMap:
    return chip_map(b"trial key of the bench %d" % trial)


def search_clean(index: int, *, deep: bool) -> Clean:
    """Search an unmarked picture, half of them cropped and re-encoded."""
    _, unmarked = picture(CLEAN_FROM + index)
    if index % 2:
        random = np.random.default_rng([9, index])
        unmarked = jpeg(60)(crop(float(random.uniform(0.6, 1)))(unmarked, random), random)
    maps = {1: _trial_map(index % TRIAL_KEYS)}
    begun = time.process_time()
    marks = [reading.score for reading in readings(luma_of(unmarked), maps, deep=deep)]
    return Clean(len(marks), max(marks, default=0.0), time.process_time() - begun)


def full_search_seconds(size: tuple[int, int]) -> float:
    """Seconds of a full search with one key of an unmarked picture of this size."""
    unmarked = picture(CLEAN_FROM)[1].resize(size)
    begun = time.process_time()
    detect(unmarked, {1: KEYS[1]})
    return time.process_time() - begun


def contact_sheet() -> Image.Image:
    """Rows of original, marked and difference, enlarged; flat places first, where marks show."""
    side = SHEET_WINDOW * SHEET_ZOOM
    rows = [0, 1, 4, 5, 6, 8, 9, 39]
    sheet = Image.new("RGB", (3 * side + 20, len(rows) * (side + 10)), "white")
    for row, index in enumerate(rows):
        kind, original = picture(index)
        marked = embed(original, number_of(index), KEYS[KEY_NUMBER])
        box = _flattest(original)
        difference = np.asarray(marked, np.int16) - np.asarray(original, np.int16)
        shown = Image.fromarray(np.clip(128 + SHEET_GAIN * difference, 0, 255).astype(np.uint8))
        for column, each in enumerate((original, marked, shown)):
            tile = each.crop(box).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(tile, (column * (side + 10), row * (side + 10)))
        label = f"{index} {kind} {psnr(original, marked):.1f} dB"
        ImageDraw.Draw(sheet).text((4, row * (side + 10) + 2), label, fill="red", font_size=14)
    return sheet


def _flattest(original: Image.Image) -> tuple[int, int, int, int]:
    levels = np.asarray(original.convert("L"), np.float64)
    step = SHEET_WINDOW // 2
    corners = [
        (left, top)
        for top in range(0, original.height - SHEET_WINDOW + 1, step)
        for left in range(0, original.width - SHEET_WINDOW + 1, step)
    ]
    left, top = min(
        corners,
        key=lambda at: levels[at[1] : at[1] + SHEET_WINDOW, at[0] : at[0] + SHEET_WINDOW].std(),
    )
    return left, top, left + SHEET_WINDOW, top + SHEET_WINDOW


def attack_table(rows: list[Marked]) -> Table:
    """One row for each attack: how many of each kind were read; a missed goal is red."""
    kinds = sorted({row.kind for row in rows})
    table = Table("attack", *kinds, "all", "worst score", "CPU s p50 / max")
    for name in (*GOALS, *MORE, *SLOW, "copied with the original at hand"):
        tried = [row for row in rows if name in row.scores]
        if not tried:
            continue
        seconds = sorted(row.seconds[name] for row in tried)
        scores = [row.scores[name] for row in tried if row.scores[name]]
        table.add_row(
            name,
            *(_share([row for row in tried if row.kind == kind], name) for kind in kinds),
            _share(tried, name),
            f"{min(scores, default=0):.1f}",
            f"{seconds[len(seconds) // 2]:.2f} / {seconds[-1]:.2f}",
            style="red" if name in GOALS and _read_share(tried, name) < GOALS[name][1] else "",
        )
    return table


def _share(rows: list[Marked], name: str) -> str:
    return f"{sum(row.scores[name] > 0 for row in rows)}/{len(rows)}"


def _read_share(rows: list[Marked], name: str) -> float:
    return sum(row.scores[name] > 0 for row in rows) / len(rows)


def bad_goals(rows: list[Marked], clean: dict[str, list[Clean]]) -> Iterator[str]:
    """Name every goal that is missed."""
    for name, (_, share) in GOALS.items():
        if _read_share(rows, name) < share:
            yield name
    if min(row.psnr for row in rows) < LEAST_PSNR:
        yield f"PSNR below {LEAST_PSNR} dB"
    if sum(row.psnr >= USUAL_PSNR for row in rows) < USUAL_SHARE * len(rows):
        yield f"PSNR of most pictures below {USUAL_PSNR} dB"
    for name in COPIES:
        if sum(name not in row.not_found for row in rows) < FOUND_SHARE * len(rows):
            yield f"found in the registry after {name}"
    if any(row.wrong for row in rows):
        yield "a wrong number was read"
    if any(each.best_score >= MIN_SCORE for group in clean.values() for each in group):
        yield "an unmarked picture gave a number"


def main() -> int:
    """Measure, write figures and sheet, print the tables; return how many goals are missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--more-every", type=int, default=7, help="pictures with all attacks: 1 in")
    parser.add_argument("--clean", type=int, default=10_000, help="unmarked pictures, quick search")
    parser.add_argument("--clean-deep", type=int, default=2_000, help="the same, full search")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    console = Console(width=140)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(arguments.processes) as pool:
        rows = _measured(
            pool.map(partial(mark, more_every=arguments.more_every), range(arguments.pictures)),
            FOLDER / "provenance_marked.jsonl",
        )
        console.print(attack_table(rows))
        clean = {
            name: _measured(
                pool.map(partial(search_clean, deep=deep), range(count)),
                FOLDER / f"provenance_clean_{name}.jsonl",
            )
            for name, deep, count in (
                ("quick", False, arguments.clean),
                ("full", True, arguments.clean_deep),
            )
        }
    figures = _figures(rows, clean)
    for name, figure in figures.items():
        console.print(f"{name}: {figure}", soft_wrap=True)
    missed = list(bad_goals(rows, clean))
    console.print("missed:", missed or "nothing")
    contact_sheet().save(FOLDER / "provenance.png")
    everything = figures | {"missed": missed, "pictures": [asdict(row) for row in rows]}
    (FOLDER / "provenance.json").write_text(json.dumps(everything, indent=1) + "\n")
    return len(missed)


def _measured(results: Iterator[Result], file: Path) -> list[Result]:
    """Collect results and write each as it comes, so that a stopped run is not lost."""
    completed = []
    with file.open("w", encoding="utf-8") as lines:
        for result in results:
            completed.append(result)
            print(json.dumps(asdict(result)), file=lines, flush=True)
    return completed


def _figures(rows: list[Marked], clean: dict[str, list[Clean]]) -> dict[str, object]:
    by_size: dict[str, list[Marked]] = {}
    for row in rows:
        by_size.setdefault("×".join(map(str, row.size)), []).append(row)
    sold = {name: group for name, group in by_size.items() if int(name.split("×")[0]) % 512 == 0}
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}",
        "psnr least": round(min(row.psnr for row in rows), 2),
        "psnr whole dB": dict(sorted(Counter(int(row.psnr) for row in rows).items())),
        f"psnr at least {USUAL_PSNR}": sum(row.psnr >= USUAL_PSNR for row in rows),
        "embed CPU ms, median and most": {
            size: _median_and_most([row.embed_seconds for row in group])
            for size, group in sold.items()
        },
        "quick read CPU ms": {
            size: _median_and_most([row.quick_seconds for row in group])
            for size, group in sold.items()
        },
        "full search CPU s of one unmarked picture": {
            f"{width}×{height}": round(full_search_seconds((width, height)), 2)
            for width, height in ((512, 512), (512, 1024), (1024, 1024))
        },
        "unmarked": {
            name: {
                "pictures": len(group),
                "decoded": sum(each.readings for each in group),
                "best score": round(max((each.best_score for each in group), default=0), 2),
            }
            for name, group in clean.items()
        },
        "compared": {
            name: dict(Counter(row.compared[name] for row in rows if name in row.compared))
            for name in sorted({name for row in rows for name in row.compared})
        },
        "registry": {
            name: {
                "near by hash": dict(
                    Counter(row.kind for row in rows if row.hash_bits[name] <= NEAR_BITS)
                ),
                "found": sum(name not in row.not_found for row in rows),
            }
            for name in COPIES
        },
        "wrong": [(row.number, row.wrong) for row in rows if row.wrong],
        "missed by": {
            name: [row.number for row in rows if row.scores.get(name) == 0] for name in GOALS
        },
    }


def _median_and_most(seconds: list[float]) -> tuple[int, int]:
    ordered = sorted(1000 * each for each in seconds)
    return round(ordered[len(ordered) // 2]), round(ordered[-1])


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
