"""Limits how many images are decoded at once: a memory budget per machine, one image per person.

Slots are file locks (flock), so all processes that share a temporary folder share the budget, and
the kernel releases the locks of a process that dies. A container has its own budget.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from webapp.domain.images import MEGABYTE, ImageHeader

UNIT_BYTES = 100 * MEGABYTE
UNITS = 14
"""1.4 GB in all: two images of 50 megapixels at once, or many small ones."""

PERSON_LOCKS = 256  # number of lock files; two people who share one only wait for each other
POLL_SECONDS = 0.05
START_BYTES = 100 * MEGABYTE  # an interpreter with its libraries, and the file itself
PIXEL_BYTES = {"PNG": 12, "JPEG": 10}
EXACT_BYTES = 3  # 750 MB in all for a noisy JPEG of 50 megapixels
REDUCED_JPEG_BYTES = 7  # a progressive JPEG needs all coefficients in memory at any scale
"""Measured at 49 megapixels: 481 MB for a PNG with transparency, 365 MB for a progressive JPEG of
halved colours, 180 MB for the same one reduced; full colours add 147 MB."""


class DecoderBusy(RuntimeError):
    """No slot was free within the caller's timeout; this says nothing about the image."""


def memory_needed(
    header: ImageHeader, stored_side: int | None = None, *, is_exact: bool = False
) -> int:
    """Return how many bytes of memory a well-formed file of this size needs at most.

    A JPEG that is stored with `stored_side` is decoded at half its size or less if both its sides
    are at least twice as long. With `is_exact` a JPEG is stored as a PNG, which is larger.
    """
    pixel_bytes = PIXEL_BYTES.get(header.format, max(PIXEL_BYTES.values()))
    is_jpeg, shorter_side = header.format == "JPEG", min(header.width, header.height)
    if is_jpeg and stored_side and shorter_side >= 2 * stored_side:
        pixel_bytes = REDUCED_JPEG_BYTES
    if is_jpeg and is_exact:
        pixel_bytes += EXACT_BYTES
    return START_BYTES + header.size + header.width * header.height * pixel_bytes


@contextmanager
def slot(person_id: int, memory: int, wait_seconds: float) -> Iterator[None]:
    """Hold the person's one slot and `memory` bytes of the budget.

    Raises DecoderBusy after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    unit_count = min(UNITS, -(-memory // UNIT_BYTES))
    with ExitStack() as locks:
        _wait_for(locks, [f"person-{person_id % PERSON_LOCKS}"], 1, deadline)
        # Only one process collects units at a time: two with half of their units would deadlock.
        with ExitStack() as collecting:
            _wait_for(collecting, ["collecting"], 1, deadline)
            _wait_for(locks, [f"unit-{number}" for number in range(UNITS)], unit_count, deadline)
        yield


def _wait_for(locks: ExitStack, names: list[str], count: int, deadline: float) -> None:
    """Lock `count` of the named files and add their release to `locks`."""
    free = list(names)
    while True:
        for name in list(free):
            if count and _try_lock(locks, name):
                free.remove(name)
                count -= 1
        if not count:
            return
        if time.monotonic() >= deadline:
            raise DecoderBusy("other images are being decoded")
        time.sleep(POLL_SECONDS)


def _try_lock(locks: ExitStack, name: str) -> bool:
    file = os.open(_folder() / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    locks.callback(os.close, file)  # closing the file releases its lock
    return True


def _folder() -> Path:
    return folder_in(Path(tempfile.gettempdir()))


def folder_in(temporary: Path) -> Path:
    """Return where processes with this temporary folder have their slots; it is made if needed."""
    folder = temporary / f"style-license-decoding-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
