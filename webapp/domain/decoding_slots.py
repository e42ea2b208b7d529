"""How many images are decoded at once: a budget of memory on this machine, and one per person.

Slots are locks on files, so that all processes of this system share them and a process that dies
gives back what it holds. A container has a system of its own, and a budget of its own.
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
"""1.4 GB in all: two pictures of 50 megapixels at once, or many small ones."""

PEOPLE = 256  # files of locks; two people who share one only wait for each other
POLL_SECONDS = 0.05
START_BYTES = 100 * MEGABYTE  # an interpreter with its libraries, and the file itself
PIXEL_BYTES = {"PNG": 12, "JPEG": 10}
EXACT_BYTES = 3  # 750 MB in all for a noisy JPEG of 50 megapixels
REDUCED_JPEG_BYTES = 7  # the coefficients of a progressive one are all there at any scale
"""Measured at 49 megapixels: 481 MB for a PNG with transparency, 365 MB for a progressive JPEG of
halved colours, 180 MB for the same one reduced; full colours add 147 MB."""


class DecoderBusy(RuntimeError):
    """There was no slot for as long as the caller could wait; no image is to blame."""


def memory_needed(
    header: ImageHeader, kept_side: int | None = None, *, is_exact: bool = False
) -> int:
    """Return how many bytes of memory an honest file of this size needs at most.

    A JPEG of which only a copy of `kept_side` is kept is decoded at a half of its size or less
    where both its sides allow that. One that `is_exact` becomes a PNG, which is larger.
    """
    pixel_bytes = PIXEL_BYTES.get(header.format, max(PIXEL_BYTES.values()))
    if header.format == "JPEG" and kept_side and min(header.width, header.height) >= 2 * kept_side:
        pixel_bytes = REDUCED_JPEG_BYTES
    if header.format == "JPEG" and is_exact:
        pixel_bytes += EXACT_BYTES
    return START_BYTES + header.size + header.width * header.height * pixel_bytes


@contextmanager
def slot(person_id: int, memory: int, wait_seconds: float) -> Iterator[None]:
    """Hold the person's one slot and a share of the memory. Raises DecoderBusy after the wait."""
    deadline = time.monotonic() + wait_seconds
    wanted = min(UNITS, -(-memory // UNIT_BYTES))
    with ExitStack() as held:
        _wait_for(held, [f"person-{person_id % PEOPLE}"], 1, deadline)
        # Only one collects at a time: two with half of what they need would wait for ever.
        with ExitStack() as collecting:
            _wait_for(collecting, ["collecting"], 1, deadline)
            _wait_for(held, [f"unit-{number}" for number in range(UNITS)], wanted, deadline)
        yield


def _wait_for(held: ExitStack, names: list[str], wanted: int, deadline: float) -> None:
    """Lock that many of the files, and leave the locks to `held`."""
    free = list(names)
    while True:
        for name in list(free):
            if wanted and _try_lock(held, name):
                free.remove(name)
                wanted -= 1
        if not wanted:
            return
        if time.monotonic() >= deadline:
            raise DecoderBusy("other images are being decoded")
        time.sleep(POLL_SECONDS)


def _try_lock(held: ExitStack, name: str) -> bool:
    file = os.open(_folder() / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    held.callback(os.close, file)  # a closed file is unlocked
    return True


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"style-license-decoding-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
