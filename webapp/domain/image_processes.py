"""Have images decoded in a process of its own, which may die without harm.

The child is a fresh interpreter, not a fork: it works from Celery's daemonic workers, inherits no
connection, and knows no secret, for its environment is empty and it can open no file. One child
serves image after image; when one kills it, that image is corrupt and a new child goes on with the
rest. What the header already says is judged before a child is started, and only so many are decoded
at once as there is memory for (`decoding_slots`).
"""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import structlog

from webapp.domain.decoding_slots import DecoderBusy, memory_needed, slot
from webapp.domain.image_decoding import READY, read_frame, write_frame
from webapp.domain.images import MEGABYTE, BadImage, ImageCode, ImageLimits, SafeImage, inspect

__all__ = [
    "DecoderBusy",
    "DecoderUnavailable",
    "ProcessLimits",
    "Upload",
    "sanitise_in_subprocess",
    "sanitise_many_in_subprocess",
]

log = structlog.get_logger()

ROOT = Path(__file__).resolve().parents[2]
ATTEMPTS = 2
START_SECONDS = 60.0  # half a second on an idle machine
LONGEST_FACTS = 4096
ADDRESS_SPACE_BYTES = 320 * MEGABYTE
LONGEST_FILE = 512 * MEGABYTE  # 50 megapixels of noise as PNG are 150


class DecoderUnavailable(RuntimeError):
    """The decoding process does not start; no image is to blame."""


class _ChildDied(Exception):
    """The child ended without an answer; `is_spent` when the image used up its time."""

    def __init__(self, *, is_spent: bool) -> None:
        super().__init__(is_spent)
        self.is_spent = is_spent


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What one image may use: address space, processor time, and waiting time.

    `memory_bytes` is the most for any image; each is given what its size needs. `slot_seconds` is
    how long to wait for others.
    """

    memory_bytes: int = 1280 * MEGABYTE
    cpu_seconds: int = 30
    wall_seconds: float = 90
    slot_seconds: float = 15


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to decode, and what it may be."""

    data: bytes
    limits: ImageLimits
    keep_alpha: bool = False


def sanitise_in_subprocess(
    data: bytes,
    limits: ImageLimits,
    *,
    person_id: int,
    keep_alpha: bool = False,
    process_limits: ProcessLimits | None = None,
) -> SafeImage:
    """As `image_decoding.sanitise`, in a child process.

    Raises BadImage, DecoderUnavailable, DecoderBusy.
    """
    with _Child(process_limits or ProcessLimits(), person_id) as child:
        return child.sanitise(Upload(data, limits, keep_alpha))


def sanitise_many_in_subprocess(
    uploads: Iterable[Upload], *, person_id: int, process_limits: ProcessLimits | None = None
) -> Iterator[SafeImage | BadImage]:
    """Decode one file after another, giving each one's result or verdict in the same order.

    Files are taken and results given one at a time, so a hundred of them never lie in memory
    together. Raises DecoderUnavailable, DecoderBusy.
    """
    with _Child(process_limits or ProcessLimits(), person_id) as child:
        for upload in uploads:
            try:
                yield child.sanitise(upload)
            except BadImage as bad:
                yield bad


class _Child:
    """A decoding process that is started when needed and again after each death."""

    def __init__(self, limits: ProcessLimits, person_id: int) -> None:
        self.limits = limits
        self.person_id = person_id
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def sanitise(self, upload: Upload) -> SafeImage:
        """Give the clean image or raise BadImage.

        A child killed by someone else (a deploy, the kernel short of memory) proves nothing about
        the image, so it has a second try; one that used up its time has not.
        """
        header = inspect(upload.data, upload.limits)
        limits = upload.limits
        memory = memory_needed(header, limits.kept_side, is_exact=limits.is_exact)
        for _ in range(ATTEMPTS):
            try:
                with slot(self.person_id, memory, self.limits.slot_seconds):
                    return self._ask(upload, memory)
            except DecoderUnavailable:
                log.exception("decoder unavailable")
                raise
            except _ChildDied as death:
                self._end()
                if death.is_spent:
                    break
        raise BadImage(ImageCode.CORRUPT)

    def _ask(self, upload: Upload, memory: int) -> SafeImage:
        process = self.process or self._start()
        request = {
            "limits": dataclasses.asdict(upload.limits),
            "keep_alpha": upload.keep_alpha,
            # Address space is more than memory: libraries are in it that nobody uses.
            "memory": memory + ADDRESS_SPACE_BYTES,
        }
        with _Deadline(process, self.limits.wall_seconds) as deadline:
            requests, answers = _pipes(process)
            try:
                write_frame(requests, json.dumps(request).encode())
                write_frame(requests, upload.data)
                requests.flush()
                facts = json.loads(read_frame(answers, longest=LONGEST_FACTS))
                return _judged(facts, read_frame(answers, longest=LONGEST_FILE))
            except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
                process.kill()
                spent = process.wait() == -signal.SIGXCPU or deadline.has_passed
                raise _ChildDied(is_spent=spent) from error

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "webapp.domain.image_decoding"]
        try:
            self.process = subprocess.Popen(
                [*command, str(self.limits.memory_bytes), str(self.limits.cpu_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Linear algebra libraries reserve memory for each thread they might want.
                env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "PATH": os.defpath},
                start_new_session=True,  # Ctrl-C is for the parent, which ends it in its order
            )
        except OSError as error:  # no memory, process or file is left for it
            raise DecoderUnavailable("the decoding process cannot be made") from error
        with _Deadline(self.process, START_SECONDS):
            try:
                ready = read_frame(_pipes(self.process)[1], longest=len(READY))
            except (EOFError, ValueError) as error:
                self._end()
                raise DecoderUnavailable("the decoding process does not start") from error
        if ready != READY:
            self._end()
            raise DecoderUnavailable("the decoding process does not speak our language")
        return self.process

    def _end(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        for pipe in _pipes(self.process):
            with suppress(BrokenPipeError):  # a dead child takes no more of a half-sent request
                pipe.close()
        self.process.wait()
        self.process = None


class _Deadline:
    """Kills a process when the time is over, which ends every read and write on its pipes."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.process = process
        self.has_passed = False
        self.timer = threading.Timer(seconds, self._pass)
        self.timer.daemon = True

    def __enter__(self) -> Self:
        self.timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.timer.cancel()

    def _pass(self) -> None:
        self.has_passed = True
        self.process.kill()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[BinaryIO, BinaryIO]:
    if process.stdin is None or process.stdout is None:
        raise DecoderUnavailable("the decoding process has no pipes")
    return process.stdin, process.stdout  # type: ignore[return-value] # IO[bytes] it is


def _judged(facts: dict[str, Any], data: bytes) -> SafeImage:
    """Read an answer; the hash is taken here, for the child has read a stranger's file."""
    if "code" in facts:
        raise BadImage(facts["code"], facts["actual"], facts["limit"])
    return SafeImage(
        data=data,
        format=str(facts["format"]),
        width=int(facts["width"]),
        height=int(facts["height"]),
        sha256=hashlib.sha256(data).hexdigest(),
        perceptual_hash=str(facts["perceptual_hash"]),
        pixel_sha256=str(facts["pixel_sha256"]),
    )
