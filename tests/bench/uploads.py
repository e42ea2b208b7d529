"""Eight people upload a file of 49 megapixels each, at once: memory of all decoders, and times.

Every upload goes the way of the product: `image_processes` with its slots and its children. Goals
on two cores: below 1.5 GB in all, and nobody waits longer than 20 s.
"""

import argparse
import functools
import io
import json
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from PIL import Image
from rich.console import Console
from rich.table import Table

from tasks.on_cpu import validate_uploads
from tests.chaos.beside import Beside
from tests.images import encoded, scene
from webapp.domain.image_processes import DecoderBusy, ProcessLimits, sanitise_in_subprocess
from webapp.domain.images import (
    MEGABYTE,
    PROFILE_IMAGE,
    SIGNATURE_IMAGE,
    TRAINING_IMAGE,
    ImageLimits,
)

FILE = Path("var/bench/uploads.json")
PEOPLE = 8
SIDE = 7000
MOST_BYTES = 1536 * MEGABYTE
MOST_SECONDS = 20.0
SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Kind:
    """What everybody uploads: a file, and the limits of where it goes."""

    name: str
    make: Callable[[], bytes]
    limits: ImageLimits
    keep_alpha: bool = False
    process_limits: ProcessLimits | None = None


@dataclass(frozen=True)
class Figures:
    """One round: seconds of each upload, how many found no slot, most bytes of all decoders."""

    kind: str
    file_bytes: int
    seconds: list[float]
    busy: int
    most_bytes: int
    cpu_seconds: float
    load_before: float

    @property
    def is_bad(self) -> bool:
        """Whether a goal is missed."""
        return self.most_bytes >= MOST_BYTES or max(self.seconds) > MOST_SECONDS or self.busy > 0


@functools.cache
def drawing() -> Image.Image:
    """A picture of 49 megapixels: flat shapes, so that its PNG is below every limit of bytes."""
    return scene(SIDE, SIDE, seed=3)


def photograph(*, progressive: bool) -> bytes:
    """Shapes with soft edges, in full colour."""
    soft = scene(1000, 1000, seed=3).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return encoded(soft, "JPEG", quality=75, subsampling=0, progressive=progressive)


def transparent() -> bytes:
    """The drawing with an alpha of every level: the PNG that takes most memory."""
    image = drawing().copy()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return encoded(image)


IN_A_TASK = validate_uploads.LIMITS
KINDS = (
    Kind("artwork, photograph", lambda: photograph(progressive=False), TRAINING_IMAGE,
         process_limits=IN_A_TASK),
    Kind("artwork, progressive photograph", lambda: photograph(progressive=True), TRAINING_IMAGE,
         process_limits=IN_A_TASK),
    Kind("artwork, drawing", lambda: encoded(drawing()), TRAINING_IMAGE, process_limits=IN_A_TASK),
    Kind("artwork, transparent drawing", transparent, TRAINING_IMAGE, process_limits=IN_A_TASK),
    Kind("signature", transparent, SIGNATURE_IMAGE, keep_alpha=True),
    Kind("profile, progressive photograph", lambda: photograph(progressive=True), PROFILE_IMAGE),
    Kind("profile, transparent drawing", transparent, PROFILE_IMAGE),
)  # fmt: skip


class Meter(Beside):
    """Samples the memory of our children until it is left; what they share is counted twice."""

    def __init__(self) -> None:
        super().__init__()
        self.most_bytes = 0

    def go(self) -> None:
        """See `Beside.go`."""
        while not self.stopped.wait(SAMPLE_SECONDS):
            total = 0
            for child in psutil.Process().children():
                with suppress(psutil.Error):
                    total += child.memory_info().rss
            self.most_bytes = max(self.most_bytes, total)


def upload(kind: Kind, data: bytes, person_id: int) -> tuple[float, bool]:
    """Decode one file as the product does; return its seconds, and whether there was no slot."""
    begun = time.perf_counter()
    is_busy = False
    try:
        safe = sanitise_in_subprocess(
            data,
            kind.limits,
            person_id=person_id,
            keep_alpha=kind.keep_alpha,
            process_limits=kind.process_limits,
        )
        # The size is as said, or somebody measured another file.
        assert Image.open(io.BytesIO(safe.data)).size == (safe.width, safe.height)
    except DecoderBusy:
        is_busy = True
    return time.perf_counter() - begun, is_busy


def measured(kind: Kind) -> Figures:
    """Let everybody upload at once."""
    data = kind.make()
    load, before = os.getloadavg()[0], os.times()
    with Meter() as meter, ThreadPoolExecutor(PEOPLE) as people:
        found = list(people.map(functools.partial(upload, kind, data), range(PEOPLE)))
    after = os.times()
    return Figures(
        kind=kind.name,
        file_bytes=len(data),
        seconds=[round(seconds, 1) for seconds, _ in found],
        busy=sum(is_busy for _, is_busy in found),
        most_bytes=meter.most_bytes,
        cpu_seconds=round(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system,
            1,
        ),
        load_before=round(load, 2),
    )


def table(figures: list[Figures]) -> Table:
    """One row for each kind; what misses a goal is red."""
    made = Table(
        "upload", "file kB", "slowest s", "median s", "no slot", "memory MB", "CPU s", "load"
    )
    for each in figures:
        ordered = sorted(each.seconds)
        row = (
            each.file_bytes // 1000,
            ordered[-1],
            ordered[len(ordered) // 2],
            each.busy,
            each.most_bytes // MEGABYTE,
            each.cpu_seconds,
            each.load_before,
        )
        made.add_row(each.kind, *map(str, row), style="red" if each.is_bad else "")
    return made


def main() -> int:
    """Measure, write the figures, and judge them; return how many kinds miss a goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    only = parser.parse_args().only
    figures = [measured(kind) for kind in KINDS if only in kind.name]
    FILE.parent.mkdir(parents=True, exist_ok=True)
    machine = f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}"
    FILE.write_text(
        json.dumps(
            {
                "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "machine": machine,
                "rounds": [asdict(each) for each in figures],
            },
            indent=2,
        )
        + "\n"
    )
    Console().print(table(figures))
    return sum(each.is_bad for each in figures)


if __name__ == "__main__":
    raise SystemExit(min(main(), 1))
